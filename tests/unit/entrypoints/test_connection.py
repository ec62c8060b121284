import asyncio
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager

import pytest

from safeconduct.entrypoints.arrival import Limits
from safeconduct.entrypoints.connection import Connection
from safeconduct.entrypoints.http import Request, Response, Route, Site
from safeconduct.entrypoints.server import Server, listener
from tests.support.front import Pipe, listening
from tests.support.sockets import (
    GO_ON,
    HEAD,
    HERE,
    SOON,
    WHOLE,
    Served,
    Socket,
    connected,
    dialled,
)

EMPTY = HEAD + b"Content-Length: 0\r\n\r\n"
TEXT = ((b"content-type", b"text/plain"),)


class Count:
    """How often it was called."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self) -> None:
        self.calls += 1


class Streaming:
    """A site whose answers are streams. `script` says how one goes."""

    def __init__(self, script: Callable[[Request], Awaitable[None]]) -> None:
        self.site = Site({"/x": {"POST": Route(self.handle)}}, HERE)
        self.gone = asyncio.Event()
        self.begun = asyncio.Event()
        self.ended = asyncio.Event()
        self.lasting = False
        self._script = script

    async def handle(self, request: Request) -> Response | None:
        request.when_gone(self.gone.set)
        request.start(TEXT, lasting=self.lasting)
        self.begun.set()
        try:
            await self._script(request)
        finally:
            self.ended.set()
        return None

    def connected(self, limits: Limits | None = None) -> AbstractAsyncContextManager[Socket]:
        return connected(self.site, limits)


async def until_eof(link: Socket) -> bytes:
    """The body of a stream, with its framing."""
    await link.reader.readuntil(b"\r\n\r\n")
    return await link.rest()


def piped(site: Site, limits: Limits | None = None) -> tuple[Connection, Pipe]:
    """A connection without a socket: what it is given is read at once."""
    connection = Connection(site, limits or Limits(), set(), asyncio.Event())
    return connection, Pipe(connection)


class Deaf(Pipe):
    """Has something left to send for ever, so that only aborting ends it."""

    def __init__(self, connection: Connection) -> None:
        self.aborted = asyncio.Event()
        super().__init__(connection)

    def close(self) -> None:
        self.open = False

    def abort(self) -> None:
        self.aborted.set()


@pytest.fixture
def served() -> Served:
    return Served()


# --- streams --------------------------------------------------------------------------------------


async def test_a_stream_is_sent_in_pieces_and_the_connection_goes_on() -> None:
    async def two(request: Request) -> None:
        await request.send(b"one")
        await request.send(b"two" * 10)
        request.finish()

    async with Streaming(two).connected() as link:
        for _ in range(2):
            link.send(EMPTY)
            head = await link.reader.readuntil(b"\r\n\r\n")
            assert head == (
                b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ntransfer-encoding: chunked\r\n\r\n"
            )
            body = await link.reader.readuntil(b"0\r\n\r\n")
            assert body == b"3\r\none\r\n1e\r\n" + b"two" * 10 + b"\r\n0\r\n\r\n"


async def test_a_stream_that_is_the_last_answer_closes() -> None:
    async def one(request: Request) -> None:
        await request.send(b"one")
        request.finish()

    async with Streaming(one).connected() as link:
        link.send(EMPTY.replace(b"Host", b"Connection: close\r\nHost"))
        assert b"connection: close" in await link.reader.readuntil(b"\r\n\r\n")
        assert await link.rest() == b"3\r\none\r\n0\r\n\r\n"


@pytest.mark.parametrize("fault", [None, ValueError("a fault")])
async def test_a_stream_that_is_not_finished_is_cut_off(
    fault: Exception | None, caplog: pytest.LogCaptureFixture
) -> None:
    async def breaks(request: Request) -> None:
        await request.send(b"one")
        if fault is not None:
            raise fault

    async with Streaming(breaks).connected() as link:
        link.send(EMPTY)
        assert await until_eof(link) in {b"", b"3\r\none\r\n"}
    assert ("a fault" in caplog.text) == (fault is not None)


async def test_a_stream_waits_for_its_reader() -> None:
    sent: list[int] = []
    first = asyncio.Event()

    async def much(request: Request) -> None:
        for number in range(1000):
            await request.send(b"x" * 100_000)
            sent.append(number)
            first.set()
        request.finish()

    streaming = Streaming(much)
    async with streaming.connected() as link:
        link.send(EMPTY)
        await link.reader.readuntil(b"\r\n\r\n")
        await first.wait()
        assert len(sent) < 1000
        while len(sent) < 1000:
            assert await link.reader.read(1 << 20)
        await streaming.ended.wait()


async def test_a_stream_that_is_not_read_is_cut_off() -> None:
    async def much(request: Request) -> None:
        while not streaming.gone.is_set():
            await request.send(b"x" * 1_000_000)

    streaming = Streaming(much)
    async with streaming.connected(Limits(write_s=0.02)) as link:
        link.send(EMPTY)
        await streaming.ended.wait()


async def test_what_comes_after_the_end_is_not_sent() -> None:
    requests: list[Request] = []

    async def one(request: Request) -> None:
        requests.append(request)
        for before in requests:
            before.start(TEXT)
            await before.send(b"%d" % len(requests))
            before.finish()
            await before.send(b"late")
            before.finish()
            before.when_gone(None)

    async with Streaming(one).connected() as link:
        for number in (b"1", b"2"):
            link.send(EMPTY)
            # The second handler speaks for the first request too; nobody hears that.
            await link.reader.readuntil(b"\r\n\r\n")
            assert await link.reader.readuntil(b"0\r\n\r\n") == b"1\r\n%b\r\n0\r\n\r\n" % number


async def test_a_stream_may_be_ended_from_another_task() -> None:
    over = asyncio.Event()

    async def waits(request: Request) -> None:
        await request.send(b"one")
        await over.wait()
        request.finish()

    async with Streaming(waits).connected() as link:
        link.send(EMPTY)
        await link.reader.readuntil(b"one\r\n")
        over.set()
        assert await link.reader.readuntil(b"0\r\n\r\n") == b"0\r\n\r\n"


@pytest.mark.parametrize("already", [True, False])
async def test_a_stop_ends_a_stream_that_has_no_end(*, already: bool) -> None:
    async def lasts(request: Request) -> None:
        await request.send(b"one")
        await streaming.gone.wait()
        request.finish()

    streaming = Streaming(lasts)
    streaming.lasting = True
    held = asyncio.Event()

    async def handle(request: Request) -> Response | None:
        arrived.set()
        if already:
            await held.wait()
        return await streaming.handle(request)

    arrived = asyncio.Event()
    server = Server(Site({"/x": {"POST": Route(handle)}}, HERE))
    sock = listener("127.0.0.1:0")
    serving = asyncio.ensure_future(server.serve(sock))
    async with dialled(sock.getsockname()[1]) as link:
        link.send(EMPTY)
        await (arrived if already else streaming.begun).wait()
        server.stop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        held.set()
        assert await until_eof(link) == b"3\r\none\r\n0\r\n\r\n"
        await serving


# --- who goes away --------------------------------------------------------------------------------


@pytest.mark.parametrize("half", [True, False])
async def test_a_handler_is_told_that_its_client_has_gone(*, half: bool) -> None:
    async def waits(request: Request) -> None:
        await streaming.gone.wait()
        await request.send(b"into the void")
        request.finish()

    streaming = Streaming(waits)
    async with streaming.connected() as link:
        link.send(EMPTY)
        await streaming.begun.wait()
        if half:
            link.writer.write_eof()
        else:
            link.writer.transport.abort()
        await streaming.ended.wait()


async def test_a_handler_is_told_once() -> None:
    told = Count()

    async def lasts(request: Request) -> None:
        request.when_gone(told)
        streaming.begun.set()
        await over.wait()

    over = asyncio.Event()
    streaming = Streaming(lasts)
    streaming.lasting = True
    connection, pipe = piped(streaming.site)
    connection.data_received(EMPTY)
    await streaming.begun.wait()
    connection.stop()
    assert told.calls == 1
    connection.stop()
    pipe.close()
    await asyncio.sleep(0)
    assert told.calls == 1
    over.set()
    await streaming.ended.wait()


async def test_who_asks_late_is_told_at_once(served: Served) -> None:
    served.hold()
    told: list[bool] = []
    over = asyncio.Event()

    async def handle(request: Request) -> Response:
        try:
            return await served.handle(request) or Response(200)
        finally:
            request.when_gone(lambda: told.append(True))
            over.set()

    async with listening(Site({"/x": {"POST": Route(handle)}}, HERE)) as port:
        async with dialled(port) as link:
            link.send(EMPTY)
            await served.begun.wait()
        async with dialled(port) as other:  # by the time it is served, the first has gone
            other.send(EMPTY.replace(b"/x", b"/y"))
            assert await other.status() == 404
        served.release.set()
        await over.wait()
    assert told == [True]


async def test_a_handler_that_does_not_ask_runs_to_its_end(served: Served) -> None:
    served.hold()
    async with listening(served.site) as port:
        async with dialled(port) as link:
            link.send(WHOLE)
            await served.begun.wait()
        async with dialled(port) as other:
            other.send(EMPTY.replace(b"/x", b"/y"))
            assert await other.status() == 404
            served.release.set()
            other.send(WHOLE)
            assert await other.status() == 200
    assert not served.cancelled


async def test_a_request_whose_client_has_gone_before_its_turn_is_not_handled(
    served: Served,
) -> None:
    served.hold()
    async with listening(served.site) as port:
        async with dialled(port) as link:
            link.send(WHOLE + WHOLE)
            await served.begun.wait()
        async with dialled(port) as other:
            other.send(EMPTY.replace(b"/x", b"/y"))
            assert await other.status() == 404
            served.release.set()
            other.send(WHOLE)
            assert await other.status() == 200
    assert len(served.requests) == 2


async def test_a_connection_counts_until_its_handler_has_ended(served: Served) -> None:
    served.hold()
    async with listening(served.site, Limits(connections=1)) as port:
        async with dialled(port) as link:
            link.send(WHOLE)
            await served.begun.wait()
        async with dialled(port) as other:
            other.send(WHOLE)
            assert await other.status() == 503
            assert await other.rest() == b""
        served.release.set()
        async with dialled(port) as third:
            third.send(WHOLE)
            assert await third.status() == 200


# --- turns ----------------------------------------------------------------------------------------


async def test_a_refusal_waits_for_its_turn(served: Served) -> None:
    served.hold()
    async with connected(served.site) as link:
        link.send(WHOLE + EMPTY.replace(b"/x", b"/y") + WHOLE)
        await served.begun.wait()
        served.release.set()
        assert [await link.status() for _ in range(3)] == [200, 404, 200]


async def test_the_word_to_go_on_waits_for_its_turn(served: Served) -> None:
    served.hold()
    async with connected(served.site) as link:
        link.send(WHOLE + HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        await served.begun.wait()
        served.release.set()
        assert await link.status() == 200
        assert await link.reader.readuntil(b"\r\n\r\n") == GO_ON
        link.send(b"ho")
        assert (await link.response())[2] == b"ho"


async def test_a_request_that_arrived_in_time_waits_as_long_as_it_takes(served: Served) -> None:
    served.hold()
    connection, pipe = piped(served.site, SOON)
    for piece in (WHOLE, WHOLE[:-1], WHOLE[-1:]):
        connection.data_received(piece)
    asyncio.get_running_loop().call_later(SOON.read_s * 3, served.release.set)
    while connection.task is not None:
        await connection.task
    assert pipe.written.count(b"HTTP/1.1 200 ") == 2
    pipe.close()


async def test_who_is_refused_is_not_told_to_go_on(served: Served) -> None:
    async with connected(served.site) as link:
        link.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 1000001\r\n\r\n")
        assert await link.status() == 413


async def test_what_is_left_of_a_refused_request_is_not_the_next_one(served: Served) -> None:
    async with connected(served.site) as link:
        link.send(EMPTY.replace(b"/x", b"/y").replace(b": 0", b": %d" % len(WHOLE)))
        assert await link.status() == 404
        link.send(WHOLE + WHOLE.replace(b"hi", b"ho"))
        assert (await link.response())[2] == b"ho"
    assert len(served.requests) == 1


async def test_who_asks_too_much_at_once_is_cut_off(served: Served) -> None:
    served.hold()
    async with connected(served.site, Limits(ahead=3)) as link:
        link.send(EMPTY * 5)
        assert await link.rest() == b""


async def test_as_much_as_may_wait_is_answered(served: Served) -> None:
    served.hold()
    async with connected(served.site, Limits(ahead=3)) as link:
        link.send(EMPTY * 3)
        await served.begun.wait()
        served.release.set()
        assert [await link.status() for _ in range(3)] == [200, 200, 200]


async def test_nothing_is_handled_for_who_does_not_read(served: Served) -> None:
    served.answer = b"x" * 20_000_000
    async with connected(served.site) as link:
        link.send(EMPTY + EMPTY)
        await served.begun.wait()
        await link.reader.readuntil(b"\r\n\r\n")
        assert len(served.requests) == 1
        await link.reader.readexactly(len(served.answer))
        assert await link.status() == 200
    assert len(served.requests) == 2


async def test_the_answer_to_a_request_that_closes_is_the_last(served: Served) -> None:
    closes = EMPTY.replace(b"Host", b"Connection: close\r\nHost")
    async with connected(served.site) as link:
        link.send(closes + EMPTY)
        _, head, _ = await link.response()
        assert b"\r\nconnection: close\r\n" in head
        assert await link.rest() == b""
    assert len(served.requests) == 1


# --- to the byte and to the moment ----------------------------------------------------------------


async def test_reading_stops_where_too_much_waits_and_goes_on_after(served: Served) -> None:
    served.hold()
    connection, pipe = piped(served.site)
    connection.data_received(WHOLE)
    connection.data_received(HEAD + b"Content-Length: 100000\r\n\r\n" + b"x" * 60_000)
    read_on = [pipe.reading]
    connection.data_received(b"x" * 20_000)
    read_on.append(pipe.reading)
    served.release.set()
    assert connection.task is not None
    await connection.task
    assert [*read_on, pipe.reading] == [True, False, True]
    pipe.close()


async def test_a_request_counts_from_its_own_first_byte(served: Served) -> None:
    connection, pipe = piped(served.site, Limits(message_bytes=len(WHOLE) + 10))
    for _ in range(5):
        connection.data_received(WHOLE[:-1])
        connection.data_received(WHOLE[-1:])
        assert connection.task is not None
        await connection.task
    assert pipe.written.count(b"HTTP/1.1 200 ") == 5
    pipe.close()


async def test_a_pause_ends_with_the_next_request(served: Served) -> None:
    connection, pipe = piped(served.site, Limits(idle_s=0.02))
    connection.data_received(WHOLE)
    assert connection.task is not None
    await connection.task
    served.hold()
    connection.data_received(WHOLE)
    asyncio.get_running_loop().call_later(0.06, served.release.set)
    await connection.task
    assert pipe.open
    pipe.close()


async def test_a_request_is_not_begun_for_who_has_gone(served: Served) -> None:
    connection, _ = piped(served.site)
    connection.data_received(WHOLE)
    connection.connection_lost(None)
    assert connection.task is not None
    await connection.task
    assert served.requests == []


async def test_nothing_is_written_behind_the_last_answer(served: Served) -> None:
    closes = EMPTY.replace(b"Host", b"Connection: close\r\nHost").replace(b"/x", b"/y")
    connection, pipe = piped(served.site)
    connection.data_received(
        closes + HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n" + b"hi" + WHOLE
    )
    assert pipe.written.count(b"HTTP/1.1 ") == 1
    assert served.requests == []


async def test_who_is_closed_to_and_does_not_read_is_cut_off(served: Served) -> None:
    connection = Connection(served.site, Limits(write_s=0.02), set(), asyncio.Event())
    deaf = Deaf(connection)
    connection.data_received(b"nonsense\r\n\r\n")
    assert not deaf.open
    await deaf.aborted.wait()
    connection.connection_lost(None)


async def test_a_stop_does_not_cut_off_what_has_an_end() -> None:
    over = asyncio.Event()

    async def waits(request: Request) -> None:
        await over.wait()
        request.finish()

    streaming = Streaming(waits)
    connection, pipe = piped(streaming.site)
    connection.data_received(EMPTY)
    await streaming.begun.wait()
    connection.stop()
    assert not streaming.gone.is_set()
    over.set()
    await streaming.ended.wait()
    assert not pipe.open
    assert pipe.written.endswith(b"0\r\n\r\n")
