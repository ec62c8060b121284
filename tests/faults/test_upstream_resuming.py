"""Upstreams of the older era that end a stream before the answer: rightly, and as they like."""

import asyncio
from collections.abc import Callable

import pytest

from safeconduct.core.asks import Capability
from safeconduct.ports import JSON, Credential, UpstreamFault
from safeconduct.upstreams import Limits, resuming
from tests.faults.upstream_servers import (
    OWNER,
    Request,
    ask,
    connected,
    in_session,
    stateless,
)
from tests.support.listeners import Hears

UNREACHABLE = ("upstream-unreachable", True)
MALFORMED = ("upstream-malformed", True)
FORM = frozenset[Capability]({"elicitation.form"})
LIMITS = Limits(max_answer_bytes=100_000)


class Parts:
    """A server that ends the stream of a call after `first`, and goes on by GET as `then` says."""

    def __init__(self, first: bytes, then: Callable[[Request, Request], None]) -> None:
        self.first = first
        self.then = then
        self.gets: list[Request] = []
        self.posts: list[Request] = []

    async def __call__(self, request: Request) -> None:
        if request.verb == "GET":
            self.gets.append(request)
            self.then(request, self.posts[-1])
        elif request.method == "tools/call":
            self.posts.append(request)
            request.start_stream()
            if self.first:
                request.raw_chunk(self.first)
            request.end_stream()
        else:
            request.respond(status=202)


def answers(get: Request, post: Request) -> None:
    get.start_stream()
    get.event(post.reply(result={"late": True}))
    get.end_stream()


async def fault_of(parts: Parts, *, timeout_s: float = 20) -> tuple[str, bool]:
    async with in_session(parts, limits=LIMITS) as (upstream, raw):
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream, timeout_s=timeout_s)
    assert raw.methods.count("tools/call") == 1
    return caught.value.reason, caught.value.may_have_happened


# --- rightly --------------------------------------------------------------------------------------


@pytest.mark.parametrize("session", [lambda: "s1", None])
async def test_the_answer_is_fetched_from_where_the_stream_ended(
    session: Callable[[], str] | None,
) -> None:
    parts = Parts(b"id: e-1\nretry: 20\ndata:\n\n", answers)
    credential = Credential("test", {"authorization": "Bearer x"})
    async with in_session(parts, session=session, limits=LIMITS) as (upstream, raw):
        assert await ask(upstream, credential=credential) == {"late": True}
    (get,) = parts.gets
    assert raw.methods.count("tools/call") == 1
    assert get.headers["last-event-id"] == "e-1"
    assert get.headers["accept"] == "text/event-stream"
    assert get.headers["authorization"] == "Bearer x"
    assert get.headers["mcp-protocol-version"] == "2025-11-25"
    assert get.headers.get("mcp-session-id") == (None if session is None else "s1")
    assert get.body == b""


async def test_it_comes_back_as_often_as_the_stream_ends_and_from_the_last_event() -> None:
    def then(get: Request, post: Request) -> None:
        if len(parts.gets) == 3:
            answers(get, post)
            return
        get.start_stream()
        if len(parts.gets) == 1:
            get.raw_chunk(b"id: e-2\ndata:\n\n")
        get.end_stream()

    parts = Parts(b"id: e-1\nretry: 0\ndata:\n\n", then)
    async with in_session(parts, limits=LIMITS) as (upstream, _):
        assert await ask(upstream) == {"late": True}
    assert [get.headers["last-event-id"] for get in parts.gets] == ["e-1", "e-2", "e-2"]


@pytest.mark.parametrize(
    ("said", "waited"),
    [(b"retry: 20\n", 20), (b"", 7), (b"retry: 99999999999\n", 30), (b"retry: 31\n", 30)],
)
async def test_it_stays_away_as_long_as_it_is_told_but_not_for_years(
    monkeypatch: pytest.MonkeyPatch, said: bytes, waited: int
) -> None:
    monkeypatch.setattr(resuming, "RETRY_MS", 7)
    monkeypatch.setattr(resuming, "MAX_RETRY_MS", 30)
    times: list[float] = []
    loop = asyncio.get_running_loop()

    def then(get: Request, post: Request) -> None:
        times.append(loop.time())
        answers(get, post)

    async def timed(request: Request) -> None:
        if request.method == "tools/call":
            times.append(loop.time())
        await parts(request)

    parts = Parts(said + b"id: e-1\ndata:\n\n", then)
    async with in_session(timed, limits=LIMITS) as (upstream, _):
        await ask(upstream)
    assert times[1] - times[0] >= waited / 1000


async def test_an_answer_to_an_ask_that_is_lost_ends_the_call_however_many_streams() -> None:
    asked, parted = asyncio.Event(), asyncio.Event()

    async def reply(method: str, params: JSON) -> JSON:
        asked.set()
        await parted.wait()
        return {"action": "decline"}

    async def lossy(request: Request) -> None:
        if request.verb == "GET":
            request.start_stream()
            request.raw_chunk(b": there\n")
            parted.set()
        elif request.method == "tools/call":
            request.start_stream()
            question = b'{"jsonrpc":"2.0","id":1,"method":"elicitation/create","params":{}}'
            request.raw_chunk(b"retry: 0\nid: e\ndata: " + question + b"\n\n")
            await asked.wait()
            request.end_stream()
        else:
            request.respond(status=500)

    listener = Hears(reply=reply, able=FORM)
    async with in_session(lossy, limits=LIMITS) as (upstream, raw):
        with pytest.raises(UpstreamFault) as caught:
            await upstream.request(
                "tools/call", {}, owner=OWNER, credential=None, timeout_s=20, listener=listener
            )
    assert (caught.value.reason, caught.value.may_have_happened) == UNREACHABLE
    assert raw.methods.count("tools/call") == 1


async def test_who_listens_is_told_when_the_upstream_will_be_back() -> None:
    def then(get: Request, post: Request) -> None:
        if len(parts.gets) == 2:
            answers(get, post)
            return
        get.start_stream()
        get.raw_chunk(b"retry: 3\n")
        get.end_stream()

    listener = Hears()
    parts = Parts(b"id: e\nretry: 20\ndata:\n\n", then)
    async with in_session(parts, limits=LIMITS) as (upstream, _):
        await upstream.request(
            "tools/call", {}, owner=OWNER, credential=None, timeout_s=20, listener=listener
        )
    assert listener.partings == [20, 3]


# --- as they like ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "first",
    [
        b"",
        b"retry: 0\ndata:\n\n",
        b"id: " + b"x" * 600 + b"\ndata:\n\n",
        b"id: e-1\ndata:\n\nid: a\x00b\ndata:\n\n",
        b"id: e\x0b\ndata:\n\n",
        b"id: \xff\ndata:\n\n",
        b"id: e-1\ndata:\n",
    ],
)
async def test_a_stream_without_a_usable_id_is_lost(first: bytes) -> None:
    parts = Parts(first, answers)
    assert await fault_of(parts) == UNREACHABLE
    assert parts.gets == []


async def test_an_upstream_that_parts_for_ever_is_left_in_the_end() -> None:
    def then(get: Request, post: Request) -> None:
        get.start_stream()
        get.end_stream()

    parts = Parts(b"retry: 0\nid: e\ndata:\n\n", then)
    assert await fault_of(parts) == UNREACHABLE
    assert len(parts.gets) == resuming.MAX_PARTINGS


async def test_coming_back_is_within_the_call_s_time() -> None:
    parts = Parts(b"retry: 9000\nid: e\ndata:\n\n", answers)
    assert await fault_of(parts, timeout_s=0.2) == ("upstream-timeout", True)
    assert parts.gets == []


@pytest.mark.parametrize("status", [204, 302, 400, 401, 404, 405, 429, 503])
async def test_a_stream_that_cannot_be_taken_up_is_lost_and_the_call_may_have_happened(
    status: int,
) -> None:
    parts = Parts(b"retry: 0\nid: e\ndata:\n\n", lambda get, _: get.respond(status=status))
    assert await fault_of(parts) == UNREACHABLE
    assert len(parts.gets) == 1


async def test_an_answer_that_is_no_stream_is_none() -> None:
    parts = Parts(
        b"retry: 0\nid: e\ndata:\n\n", lambda get, post: get.respond(post.reply(result={}))
    )
    assert await fault_of(parts) == UNREACHABLE


async def test_the_answer_to_something_else_is_none() -> None:
    def then(get: Request, post: Request) -> None:
        get.start_stream()
        get.event(b'{"jsonrpc":"2.0","id":"other","result":{}}')
        get.end_stream()

    assert await fault_of(Parts(b"retry: 0\nid: e\ndata:\n\n", then)) == MALFORMED


async def test_an_upstream_that_is_gone_when_it_is_come_back_to_may_have_done_it() -> None:
    parts = Parts(b"retry: 0\nid: e\ndata:\n\n", lambda get, _: get.hang_up())
    assert await fault_of(parts) == UNREACHABLE


async def test_the_newer_revision_has_no_such_thing() -> None:
    parts = Parts(b"retry: 0\nid: e\ndata:\n\n", answers)
    async with connected(stateless(parts)) as (upstream, _):
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream)
    assert (caught.value.reason, caught.value.may_have_happened) == UNREACHABLE
    assert parts.gets == []
