"""Upstreams of the older era that ask on the stream of a session while a call runs there."""

import asyncio

import pytest

from safeconduct.core.asks import Capability
from safeconduct.ports import JSON, Upstream, UpstreamFault, Wanted
from safeconduct.upstreams import listening
from tests.faults.test_upstream_asks import (
    ALL,
    FORM,
    QUESTION,
    call,
    notice,
    question,
)
from tests.faults.upstream_servers import OWNER, Request, in_session
from tests.support.listeners import Hears, Unanswered, never, three

NOT_FOUND: JSON = {"code": -32601, "message": "Method not found"}


class Aside:
    """A server with a stream for its session, whose calls end when they are told to."""

    def __init__(self) -> None:
        self.streams: asyncio.Queue[Request] = asyncio.Queue()
        self.calls: asyncio.Queue[Request] = asyncio.Queue()
        self.replies: asyncio.Queue[JSON] = asyncio.Queue()
        self.sent: list[str] = []

    async def __call__(self, request: Request) -> None:
        self.sent.append(request.method or request.verb)
        if request.verb == "GET":
            request.start_stream()
            self.streams.put_nowait(request)
        elif request.method == "tools/call":
            request.start_stream()
            self.calls.put_nowait(request)
        elif request.method.startswith("notifications/"):
            request.respond(status=202)
        else:
            request.respond(status=202)
            assert request.headers["mcp-session-id"] == "s1"
            self.replies.put_nowait(request.message)


def end(request: Request) -> None:
    request.event(request.reply(result={}))
    request.end_stream()


def refused(ask_id: object) -> JSON:
    return {"jsonrpc": "2.0", "id": ask_id, "error": NOT_FOUND}


def calling(upstream: Upstream, listener: Hears) -> asyncio.Task[JSON]:
    return asyncio.create_task(call(upstream, listener))


def listens(upstream: Upstream) -> asyncio.Task[None]:
    async def heard(method: str, params: JSON) -> None: ...

    return asyncio.create_task(
        upstream.listen(Wanted(tools=True), owner=OWNER, credential=None, heard=heard)
    )


# --- rightly --------------------------------------------------------------------------------------


async def test_what_is_asked_aside_is_for_the_call_that_runs() -> None:
    aside, listener = Aside(), Hears(reply=three, able=FORM)
    async with in_session(aside) as (upstream, raw):
        running = calling(upstream, listener)
        stream, request = await aside.streams.get(), await aside.calls.get()
        assert aside.sent == ["GET", "tools/call"]  # it is open before anything can be asked
        stream.event(question("q"))
        replied = await aside.replies.get()
        end(request)
        assert await running == {}
        ended = {await raw.gone.get()}
        while stream.connection not in ended:
            ended.add(await raw.gone.get())
    assert stream.headers["mcp-session-id"] == "s1"
    assert listener.asks == [("elicitation/create", QUESTION)]
    content = {"action": "accept", "content": {"n": 3}}
    assert replied == {"jsonrpc": "2.0", "id": "q", "result": content}


async def test_it_can_be_taken_back_there() -> None:
    reply = Unanswered()
    aside = Aside()
    async with in_session(aside) as (upstream, _):
        running = calling(upstream, Hears(reply=reply, able=FORM))
        stream, request = await aside.streams.get(), await aside.calls.get()
        stream.event(question("q"))
        await reply.asked.wait()
        stream.event(notice("notifications/cancelled", {"requestId": "q"}))
        await reply.withdrawn.wait()
        end(request)
        assert await running == {}
    assert aside.replies.empty()


async def test_who_listens_meanwhile_shares_the_stream() -> None:
    aside, listener = Aside(), Hears(reply=three, able=FORM)
    async with in_session(aside) as (upstream, _):
        running = calling(upstream, listener)
        stream, request = await aside.streams.get(), await aside.calls.get()
        hearing = listens(upstream)
        stream.event(question("q"))
        assert "result" in await aside.replies.get()
        end(request)
        await running
        hearing.cancel()
        await asyncio.wait([hearing])
        assert aside.streams.empty()


@pytest.mark.parametrize("status", [400, 404, 405, 500, 200])
async def test_a_call_does_without_a_stream_that_is_not_there(status: int) -> None:
    async def handle(request: Request) -> None:
        if request.verb == "GET":
            request.respond(status=status)
        else:
            request.answer({})

    async with in_session(handle) as (upstream, raw):
        for _ in range(3):
            assert await call(upstream, Hears(able=FORM)) == {}
    # 405 says that there never is one.
    assert raw.methods.count("GET") == (1 if status == 405 else 3)


async def test_a_call_does_not_wait_for_a_stream_that_does_not_open(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "OPEN_S", 0.01)

    async def handle(request: Request) -> None:
        if request.verb != "GET":
            request.answer({})

    async with in_session(handle) as (upstream, raw):
        assert await call(upstream, Hears(able=FORM)) == {}
        assert raw.methods.count("GET") == 1


async def test_a_stream_is_only_opened_where_somebody_can_be_asked() -> None:
    async def handle(request: Request) -> None:
        request.answer({})

    for session in (lambda: "s1", None):
        async with in_session(handle, session=session) as (upstream, raw):
            able = frozenset[Capability]() if session else ALL
            await call(upstream, Hears(able=able))
            await upstream.request(
                "tools/list",
                {},
                owner=OWNER,
                credential=None,
                timeout_s=9,
                listener=Hears(able=ALL),
            )
            assert "GET" not in raw.methods


async def test_a_new_session_has_a_stream_of_its_own() -> None:
    numbers = iter(range(9))
    seen: list[tuple[str, str]] = []

    async def handle(request: Request) -> None:
        named = request.headers["mcp-session-id"]
        seen.append((request.method or request.verb, named))
        if named == "s0" and len(seen) > 2:
            request.respond(status=404)
        elif request.verb == "GET":
            request.start_stream()
        else:
            request.answer({})

    async with in_session(handle, session=lambda: f"s{next(numbers)}") as (upstream, _):
        for _ in range(2):
            assert await call(upstream, Hears(able=FORM)) == {}
    assert seen == [
        *(("GET", "s0"), ("tools/call", "s0")),
        *(("GET", "s0"), ("tools/call", "s0")),
        *(("GET", "s1"), ("tools/call", "s1")),
    ]


# --- as they like ---------------------------------------------------------------------------------


async def test_what_is_asked_aside_of_two_calls_is_for_neither() -> None:
    aside = Aside()
    listeners = [Hears(reply=three, able=FORM) for _ in range(2)]
    async with in_session(aside) as (upstream, _):
        running = [calling(upstream, listener) for listener in listeners]
        requests = [await aside.calls.get() for _ in running]
        stream = await aside.streams.get()
        stream.event(question("q"))
        assert await aside.replies.get() == refused("q")
        stream.event(question("p", "ping"))
        assert await aside.replies.get() == {"jsonrpc": "2.0", "id": "p", "result": {}}
        end(requests[0])
        await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
        # There is one left, and it is clear again whose it is.
        stream.event(question("q"))
        assert "result" in await aside.replies.get()
        end(requests[1])
        await asyncio.wait(running)
        assert aside.streams.empty()
    assert [len(listener.asks) for listener in listeners] in ([0, 1], [1, 0])


async def test_what_is_asked_aside_of_no_call_is_refused() -> None:
    aside, listener = Aside(), Hears(reply=three, able=FORM)
    async with in_session(aside) as (upstream, _):
        running = calling(upstream, listener)
        request, stream = await aside.calls.get(), await aside.streams.get()
        hearing = listens(upstream)
        stream.event(question("p", "ping"))
        await aside.replies.get()
        end(request)
        await running
        stream.event(question("q"))
        assert await aside.replies.get() == refused("q")
        hearing.cancel()
        await asyncio.wait([hearing])
    assert listener.asks == []


async def test_another_owner_s_call_is_not_asked() -> None:
    numbers = iter(range(9))
    streams: dict[str, Request] = {}
    requests: dict[str, Request] = {}
    begun: asyncio.Queue[str] = asyncio.Queue()
    replies: asyncio.Queue[tuple[str, JSON]] = asyncio.Queue()

    async def handle(request: Request) -> None:
        named = request.headers["mcp-session-id"]
        if request.verb == "GET":
            request.start_stream()
            streams[named] = request
        elif request.method == "tools/call":
            request.start_stream()
            requests[named] = request
            begun.put_nowait(named)
        else:
            request.respond(status=202)
            replies.put_nowait((named, request.message))

    one, other = Hears(reply=three, able=FORM), Hears(reply=three, able=FORM)
    async with in_session(handle, session=lambda: f"s{next(numbers)}") as (upstream, _):
        first = asyncio.create_task(call(upstream, one))
        mine = await begun.get()
        second = asyncio.create_task(call(upstream, other, owner="acme|user:jane|t2"))
        theirs = await begun.get()
        streams[theirs].event(question("q"))
        named, replied = await replies.get()
        for request in requests.values():
            end(request)
        await asyncio.gather(first, second)
    assert mine != theirs
    assert (named, replied["id"]) == (theirs, "q")
    assert (len(one.asks), len(other.asks)) == (0, 1)


async def test_an_ask_on_both_streams_under_one_id_is_malformed() -> None:
    aside, asked = Aside(), asyncio.Event()

    async def reply(method: str, params: JSON) -> JSON:
        asked.set()
        return await never(method, params)

    async with in_session(aside) as (upstream, _):
        running = calling(upstream, Hears(reply=reply, able=FORM))
        stream, request = await aside.streams.get(), await aside.calls.get()
        request.event(question("q"))
        await asked.wait()
        stream.event(question("q"))
        with pytest.raises(UpstreamFault) as caught:
            await running
    assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-malformed", True)


async def test_an_upstream_that_asks_aside_without_end_is_malformed() -> None:
    aside = Aside()
    async with in_session(aside) as (upstream, _):
        running = calling(upstream, Hears(reply=never, able=FORM))
        stream, _ = await aside.streams.get(), await aside.calls.get()
        for number in range(100):
            stream.event(question(number))
        with pytest.raises(UpstreamFault) as caught:
            await running
    assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-malformed", True)


async def test_nonsense_aside_is_no_concern_of_the_call() -> None:
    aside = Aside()
    async with in_session(aside) as (upstream, _):
        running = calling(upstream, Hears(able=FORM))
        stream, request = await aside.streams.get(), await aside.calls.get()
        stream.event(b"nonsense")
        stream.event(request.reply(result={"by": "another stream"}))
        end(request)
        assert await running == {}
