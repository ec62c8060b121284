import asyncio
import os
import signal
import socket
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import pytest

from safeconduct.entrypoints.arrival import Limits
from safeconduct.entrypoints.server import Server, listener
from tests.support.front import listening
from tests.support.sockets import (
    CHUNKED,
    GO_ON,
    HEAD,
    SOON,
    WHOLE,
    Served,
    Socket,
    connected,
    dialled,
)


@pytest.fixture
def served() -> Served:
    return Served()


async def test_a_connection_serves_one_request_after_another(served: Served) -> None:
    async with connected(served.site) as link:
        for _ in range(3):
            link.send(WHOLE)
            assert (await link.response())[::2] == (200, b"hi")


async def test_no_response_says_what_serves_it(served: Served) -> None:
    async with connected(served.site) as link:
        link.send(WHOLE)
        _, head, _ = await link.response()
        assert head == b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n"


# --- sizes ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "head",
    [
        HEAD + b"X: " + b"a" * 16_384 + b"\r\n\r\n",
        HEAD + b"".join(b"X%d: %b\r\n" % (n, b"a" * 1000) for n in range(17)) + b"\r\n",
        HEAD + b"X: 1\r\n" * 64 + b"\r\n",
        b"POST /" + b"x" * 16_384 + b" HTTP/1.1\r\nHost: h\r\n\r\n",
    ],
    ids=["one field", "all fields", "too many", "target"],
)
async def test_a_header_has_a_size(served: Served, head: bytes) -> None:
    async with connected(served.site) as link:
        link.send(head)
        assert await link.status() == 431
        assert await link.rest() == b""
    assert served.requests == []


async def test_a_header_within_its_size_is_served(served: Served) -> None:
    async with connected(served.site) as link:
        link.send(HEAD + b"X: " + b"a" * 16_000 + b"\r\n" + b"Y: 1\r\n" * 61 + b"\r\n")
        assert await link.status() == 200


async def test_a_field_that_never_ends_is_cut_off(served: Served) -> None:
    async with connected(served.site) as link:
        link.send(HEAD + b"X: ")
        for _ in range(40):
            link.send(b"a" * 1000)
            await link.writer.drain()
        assert await link.status() == 431


@pytest.mark.parametrize(
    "piece", [b"1\r\na\r\n", b"1;" + b"x" * 500 + b"\r\na\r\n", b"1;" + b"x" * 500]
)
async def test_framing_counts_too(served: Served, piece: bytes) -> None:
    limits = Limits(message_bytes=10_000)
    async with connected(served.site, limits) as link:
        link.send(CHUNKED)
        await link.writer.drain()
        link.send(piece * (20_000 // len(piece)))
        assert await link.status() == 413
        assert await link.rest() == b""


# --- times ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "start", [b"P", HEAD, HEAD + b"X: a", HEAD + b"Content-Length: 2\r\n\r\nh", CHUNKED]
)
async def test_a_request_that_does_not_arrive_is_given_up(served: Served, start: bytes) -> None:
    async with connected(served.site, SOON) as link:
        link.send(start)
        assert await link.status() == 408
        assert await link.rest() == b""


async def test_a_request_that_drips_is_given_up(served: Served) -> None:
    async with connected(served.site, SOON) as link:
        link.send(HEAD + b"Content-Length: 1000000\r\n\r\n")

        async def drip() -> None:
            while True:
                link.send(b"x")
                await asyncio.sleep(0)

        dripping = asyncio.ensure_future(drip())
        assert await link.status() == 408
        dripping.cancel()


@pytest.mark.parametrize("start", [b"", b"\r\n\r\n"])
async def test_who_says_nothing_is_told_nothing(served: Served, start: bytes) -> None:
    async with connected(served.site, SOON) as link:
        link.send(start)
        assert await link.rest() == b""


async def test_the_next_request_has_its_time_too(served: Served) -> None:
    async with connected(served.site, SOON) as link:
        link.send(WHOLE)
        assert await link.status() == 200
        link.send(HEAD)
        assert await link.status() == 408


async def test_an_answer_may_take_longer_than_a_request(served: Served) -> None:
    served.hold()
    async with connected(served.site, SOON) as link:
        link.send(HEAD)
        link.send(b"Content-Length: 2\r\n\r\nhi")
        await served.begun.wait()
        loop = asyncio.get_running_loop()
        loop.call_later(SOON.read_s * 3, served.release.set)
        assert await link.status() == 200


async def test_a_body_that_nobody_waits_for_is_cut_off_without_a_second_answer(
    served: Served,
) -> None:
    async with connected(served.site, SOON) as link:
        link.send(HEAD + b"Content-Length: 1000001\r\n\r\nxx")
        assert await link.status() == 413
        assert await link.rest() == b""


async def test_a_pause_between_two_requests_has_an_end(served: Served) -> None:
    async with connected(served.site, Limits(idle_s=0)) as link:
        link.send(WHOLE)
        assert await link.status() == 200
        assert await link.rest() == b""


async def test_a_client_that_does_not_read_is_cut_off(served: Served) -> None:
    served.answer = b"x" * 50_000_000
    async with listening(served.site, Limits(write_s=0.02)) as port:
        with socket.create_connection(("127.0.0.1", port)) as deaf:
            deaf.sendall(WHOLE)
            deaf.setblocking(False)
            loop = asyncio.get_running_loop()
            await served.begun.wait()
            # What the kernel took is still there to be read; the rest is gone.
            received = 0
            await asyncio.sleep(0)
            gone = asyncio.Event()
            loop.call_later(0.1, gone.set)
            await gone.wait()
            try:
                while data := await loop.sock_recv(deaf, 1 << 20):
                    received += len(data)
            except ConnectionError:
                pass
            assert received < len(served.answer)


# --- framing --------------------------------------------------------------------------------------

NEXT = b"POST /x HTTP/1.1\r\nHost: h\r\nX: smuggled\r\nContent-Length: 0\r\n\r\n"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        (HEAD + b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Content-Length: 0\r\nContent-Length: 70\r\n\r\n", 400),
        (HEAD + b"Content-Length: 0\r\nContent-Length: 0\r\n\r\n", 400),
        (HEAD + b"Content-Length: +0\r\n\r\n", 400),
        (HEAD + b"Content-Length: 0, 70\r\n\r\n", 400),
        (HEAD + b"Content-Length : 0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: identity\r\n\r\n", 501),
        (HEAD + b"Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n", 501),
        (HEAD + b"Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n", 501),
        (HEAD + b"Transfer-Encoding\x0b: chunked\r\n\r\n0\r\n\r\n", 400),
        (HEAD + b"X: a\r\n Transfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400),
        (HEAD + b"X: a\nTransfer-Encoding: chunked\r\nContent-Length: 0\r\n\r\n", 400),
        (HEAD + b"X: a\rb\r\n\r\n", 400),
        (HEAD + b"X: a\0b\r\n\r\n", 400),
        (HEAD + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 65\r\n\r\n", 400),
        (CHUNKED + b"0\r\nAuthorization: DPoP trailer\r\n\r\n", 400),
        (CHUNKED + b"2\nhi\n0\n\n", 400),
        (b"POST http://h/x HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 400),
        (b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (b"POST /x HTTP/1.0\r\nHost: h\r\nContent-Length: 0\r\n\r\n", 505),
        (b"POST /x\r\n\r\n", 505),
    ],
)
async def test_a_request_that_two_parsers_could_split_differently_is_refused(
    served: Served, request_: bytes, status: int
) -> None:
    async with connected(served.site) as link:
        link.send(request_ + NEXT)
        assert await link.status() == status
        assert await link.rest() == b""
    assert all((b"x", b"smuggled") not in request.fields for request in served.requests)


async def test_a_trailer_that_comes_late_joins_no_header(served: Served) -> None:
    async with connected(served.site) as link:
        link.send(HEAD + b"Expect: 100-continue\r\nTransfer-Encoding: chunked\r\n\r\n")
        assert await link.reader.readuntil(b"\r\n\r\n") == GO_ON
        link.send(b"0\r\nAuthorization: DPoP trailer\r\n\r\n")
        assert await link.status() == 400
    assert served.requests == []


async def test_pipelined_requests_are_answered_in_their_order(served: Served) -> None:
    served.hold()
    async with connected(served.site) as link:
        link.send(WHOLE + WHOLE.replace(b"hi", b"ho"))
        await served.begun.wait()
        served.release.set()
        assert (await link.response())[2] == b"hi"
        assert (await link.response())[2] == b"ho"


@pytest.mark.parametrize("garbage", [b"nonsense\r\n\r\n", WHOLE + b"nonsense\r\n\r\n"])
async def test_garbage_behind_a_request_is_not_answered_out_of_turn(
    served: Served, garbage: bytes
) -> None:
    served.hold()
    async with connected(served.site) as link:
        link.send(WHOLE + garbage)
        assert await link.rest() == b""
        served.release.set()


async def test_a_second_request_that_stalls_does_not_end_the_first_one_out_of_turn(
    served: Served,
) -> None:
    served.hold()
    async with connected(served.site, SOON) as link:
        link.send(WHOLE + HEAD)
        assert await link.rest() == b""
        served.release.set()


async def test_what_we_do_not_read_is_not_late(served: Served) -> None:
    served.hold()
    # Long enough to read it in on a busy machine, once it is read.
    limits = Limits(read_s=0.5)
    async with connected(served.site, limits) as link:
        link.send(WHOLE)
        await served.begun.wait()
        link.send(HEAD + b"Content-Length: 900000\r\n\r\n" + b"x" * 900_000)
        loop = asyncio.get_running_loop()
        loop.call_later(limits.read_s * 2, served.release.set)
        assert await link.status() == 200
        assert (await link.response())[2] == b"x" * 900_000


async def test_a_client_may_wait_for_the_word_to_go_on(served: Served) -> None:
    async with connected(served.site) as link:
        link.send(HEAD + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert await link.reader.readuntil(b"\r\n\r\n") == GO_ON
        link.send(b"hi")
        assert await link.status() == 200


# --- all together ---------------------------------------------------------------------------------


async def test_connections_are_counted(served: Served) -> None:
    limits = Limits(connections=1)
    async with (
        listening(served.site, limits) as port,
        dialled(port) as first,
        dialled(port) as second,
    ):
        first.send(WHOLE)
        assert await first.status() == 503
        second.send(WHOLE)
        assert await second.status() == 200


@asynccontextmanager
async def called(
    served: Served, limits: Limits | None = None
) -> AsyncGenerator[tuple[Server, Socket, int]]:
    """A server, a client whose request is being handled, and the port."""
    server = Server(served.site, limits)
    sock = listener("127.0.0.1:0")
    port = sock.getsockname()[1]
    serving = asyncio.ensure_future(server.serve(sock))
    served.hold()
    async with dialled(port) as link:
        link.send(WHOLE)
        await served.begun.wait()
        yield server, link, port
    server.stop()
    await serving


@asynccontextmanager
async def accepted(port: int) -> AsyncGenerator[Socket]:
    """A client that the server knows of, and that asks nothing."""
    async with dialled(port) as link:
        link.send(WHOLE.replace(b"/x", b"/y"))
        assert await link.status() == 404
        yield link


async def test_a_stop_lets_a_request_end(served: Served) -> None:
    async with called(served) as (server, link, _):
        server.stop()
        served.release.set()
        _, head, body = await link.response()
        assert (b"connection: close" in head, body) == (True, b"hi")
        assert await link.rest() == b""
    assert not served.cancelled


async def test_a_stop_does_not_wait_for_who_asks_nothing(served: Served) -> None:
    async with called(served) as (server, link, port), accepted(port) as idle:
        idle.send(HEAD)
        server.stop()
        assert await idle.rest() == b""
        served.release.set()
        assert await link.status() == 200


async def test_after_a_stop_nobody_is_let_in(served: Served) -> None:
    async with called(served) as (server, link, port), accepted(port) as idle:
        server.stop()
        assert await idle.rest() == b""
        with pytest.raises(ConnectionError):
            await asyncio.open_connection("127.0.0.1", port)
        served.release.set()
        assert await link.status() == 200


async def test_a_stop_ends_what_does_not_end_by_itself(served: Served) -> None:
    async with called(served, Limits(shutdown_s=0.02)) as (server, link, _):
        server.stop()
        assert await link.rest() == b""
    assert served.cancelled


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_a_signal_stops_the_server_and_nothing_else(
    served: Served, number: signal.Signals
) -> None:
    async with called(served) as (_, link, port), accepted(port) as idle:
        os.kill(os.getpid(), number)
        assert await idle.rest() == b""
        served.release.set()
        assert await link.status() == 200


async def test_a_second_interrupt_does_not_wait(served: Served) -> None:
    async with called(served) as (_, link, port), accepted(port) as idle:
        os.kill(os.getpid(), signal.SIGTERM)
        assert await idle.rest() == b""
        os.kill(os.getpid(), signal.SIGINT)
        assert await link.rest() == b""
    assert served.cancelled


async def test_a_server_outside_the_main_thread_leaves_signals_alone(served: Served) -> None:
    before = signal.getsignal(signal.SIGTERM)

    async def scenario() -> int:
        async with connected(served.site) as link:
            link.send(WHOLE)
            return await link.status()

    assert await asyncio.to_thread(asyncio.run, scenario()) == 200
    assert signal.getsignal(signal.SIGTERM) is before


@pytest.mark.parametrize(
    ("listen", "family"), [("127.0.0.1:0", "AF_INET"), ("[::1]:0", "AF_INET6")]
)
def test_a_listener_takes_either_family(listen: str, family: str) -> None:
    try:
        with listener(listen) as sock:
            assert sock.family.name == family
            assert sock.getsockname()[1] > 0
    except OSError:
        if family == "AF_INET":
            raise
        pytest.skip("this machine has no IPv6")


@pytest.mark.parametrize("listen", ["127.0.0.1", "127.0.0.1:http", ":"])
def test_what_is_no_address_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match="invalid literal"):
        listener(listen)
