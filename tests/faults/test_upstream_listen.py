"""Subscriptions over HTTP: what is wanted is heard and nothing else, until somebody ends it."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from safeconduct.ports import JSON, Begun, Upstream, UpstreamFault, Wanted
from safeconduct.upstreams import Limits, http, listening
from safeconduct.upstreams.pace import PAUSE_S
from tests.faults.upstream_servers import (
    OWNER,
    Raw,
    Request,
    ask,
    connected,
    echo,
    handshaking,
    paced,
    stateless,
)

TAG = "io.modelcontextprotocol/subscriptionId"
ACKNOWLEDGED = "notifications/subscriptions/acknowledged"
TOOLS = "notifications/tools/list_changed"
PROMPTS = "notifications/prompts/list_changed"
UPDATED = "notifications/resources/updated"
ALL = Wanted(tools=True, prompts=True, resources=True, uris=frozenset({"note://b", "note://a"}))
MALFORMED = "upstream-malformed"
UNREACHABLE = "upstream-unreachable"
REJECTED = "upstream-rejected"
LIMITS = Limits(max_answer_bytes=100_000)


class Ear:
    """What has been heard."""

    def __init__(self) -> None:
        self.heard: asyncio.Queue[tuple[str, JSON]] = asyncio.Queue()

    async def __call__(self, method: str, params: JSON) -> None:
        self.heard.put_nowait((method, params))


def listens(
    upstream: Upstream,
    wanted: Wanted = ALL,
    heard: Any = None,
    owner: str = OWNER,
    begun: Begun = lambda _: None,
) -> asyncio.Task[None]:
    return asyncio.create_task(
        upstream.listen(wanted, owner=owner, credential=None, heard=heard or Ear(), begun=begun)
    )


async def ends(task: asyncio.Task[None]) -> str:
    with pytest.raises(UpstreamFault) as caught:
        await task
    assert caught.value.may_have_happened is (caught.value.reason == MALFORMED)
    return caught.value.reason


async def cancelled(*tasks: asyncio.Task[None]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.wait(tasks)


def notice(method: str, params: JSON | None = None, tag: object = None) -> bytes:
    given: JSON = dict(params or {})
    if tag is not None:
        given["_meta"] = {TAG: tag}
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": given}).encode()


# --- the newer era --------------------------------------------------------------------------------


class Telling:
    """A server of the newer era that acknowledges, tells `news` and waits to be told to end."""

    def __init__(self, *news: bytes, acknowledge: bool = True) -> None:
        self.news = news
        self.acknowledge = acknowledge
        self.agreed: JSON = {"notifications": {}}
        self.begun: asyncio.Queue[Request] = asyncio.Queue()
        self.end = asyncio.Event()

    async def __call__(self, request: Request) -> None:
        if request.method != "subscriptions/listen":
            await echo(request)
            return
        tag = request.message["id"]
        request.start_stream()
        if self.acknowledge:
            request.event(notice(ACKNOWLEDGED, self.agreed, tag))
        for each in self.news:
            request.event(each.replace(b'"TAG"', str(tag).encode()))
        self.begun.put_nowait(request)
        await self.end.wait()
        request.event(request.reply(result={"_meta": {TAG: tag}}))
        request.end_stream()


async def test_what_is_wanted_is_asked_for_and_heard() -> None:
    ear = Ear()
    telling = Telling(
        notice(TOOLS, {"secret": "x"}, "TAG"),
        notice(UPDATED, {"uri": "note://a", "title": "x"}, "TAG"),
        notice(PROMPTS, {}, "TAG"),
    )
    async with connected(stateless(telling), LIMITS) as (upstream, _):
        task = listens(upstream, heard=ear)
        request = await telling.begun.get()
        assert [await ear.heard.get() for _ in range(3)] == [
            (TOOLS, {}),
            (UPDATED, {"uri": "note://a"}),
            (PROMPTS, {}),
        ]
        await cancelled(task)
    assert request.headers["mcp-method"] == "subscriptions/listen"
    assert request.headers["mcp-protocol-version"] == "2026-07-28"
    assert request.message["params"]["notifications"] == {
        "toolsListChanged": True,
        "promptsListChanged": True,
        "resourcesListChanged": True,
        "resourceSubscriptions": ["note://a", "note://b"],
    }


@pytest.mark.parametrize(
    ("said", "agreed"),
    [
        ({"resourceSubscriptions": ["note://a", "note://c", 7]}, {"note://a"}),
        ({"resourceSubscriptions": "note://a"}, set[str]()),
        ({}, set[str]()),
        ([], set[str]()),
    ],
)
async def test_what_is_acknowledged_is_agreed_to(said: object, agreed: set[str]) -> None:
    telling, begun = Telling(), list[frozenset[str]]()
    telling.agreed = {"notifications": said}
    async with connected(stateless(telling), LIMITS) as (upstream, _):
        task = listens(upstream, begun=begun.append)
        telling.end.set()
        assert await ends(task) == UNREACHABLE
    assert begun == [agreed]


async def test_what_is_not_wanted_is_not_heard() -> None:
    ear = Ear()
    telling = Telling(
        notice(PROMPTS, {}, "TAG"),
        notice(UPDATED, {"uri": "note://a/b"}, "TAG"),
        notice(UPDATED, {"uri": ["note://a"]}, "TAG"),
        notice(UPDATED, {}, "TAG"),
        notice("notifications/message", {"level": "error", "data": "x"}, "TAG"),
        notice(TOOLS, {}, "TAG"),
    )
    wanted = Wanted(tools=True, uris=frozenset({"note://a"}))
    async with connected(stateless(telling), LIMITS) as (upstream, raw):
        task = listens(upstream, wanted, ear)
        assert await ear.heard.get() == (TOOLS, {})
        assert ear.heard.empty()
        await cancelled(task)
        assert await raw.gone.get()  # closing the stream is how this revision cancels
    params = raw.requests[-1].message["params"]["notifications"]
    assert params == {"toolsListChanged": True, "resourceSubscriptions": ["note://a"]}


async def test_the_end_is_a_fault() -> None:
    telling = Telling()
    async with connected(stateless(telling), LIMITS) as (upstream, _):
        task = listens(upstream)
        await telling.begun.get()
        telling.end.set()
        assert await ends(task) == UNREACHABLE


async def test_a_flood_takes_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = paced(monkeypatch, listening)
    ear = Ear()
    flood = [notice("notifications/other", {}, "TAG")] * 600
    telling = Telling(*flood, notice(TOOLS, {}, "TAG"))
    async with connected(stateless(telling), Limits()) as (upstream, _):
        task = listens(upstream, heard=ear)
        assert await ear.heard.get() == (TOOLS, {})
        await cancelled(task)
    assert sum(pauses) >= 2 * PAUSE_S


async def test_a_long_life_has_no_bound_on_bytes() -> None:
    ear = Ear()
    news = [notice(TOOLS, {"padding": "x" * 10_000}, "TAG")] * 30
    telling = Telling(*news)
    async with connected(stateless(telling), LIMITS) as (upstream, _):
        task = listens(upstream, heard=ear)
        for _ in range(30):
            await ear.heard.get()
        await cancelled(task)


HOSTILE = {
    "no acknowledgement": (Telling(notice(TOOLS, {}, "TAG"), acknowledge=False), MALFORMED),
    "without an id": (Telling(notice(TOOLS)), MALFORMED),
    "under another id": (Telling(notice(TOOLS, {}, 999)), MALFORMED),
    "under an id of another type": (Telling(notice(TOOLS, {}, True)), MALFORMED),
    "a request": (Telling(b'{"jsonrpc":"2.0","id":1,"method":"roots/list"}'), MALFORMED),
    "another answer": (Telling(b'{"jsonrpc":"2.0","id":999,"result":{}}'), MALFORMED),
    "no message": (Telling(b"{}"), MALFORMED),
    "too long": (Telling(b"x" * 200_000), MALFORMED),
}


@pytest.mark.parametrize(("telling", "reason"), HOSTILE.values(), ids=HOSTILE)
async def test_what_belongs_to_no_subscription_ends_it(telling: Telling, reason: str) -> None:
    ear = Ear()
    async with connected(stateless(telling), LIMITS) as (upstream, _):
        assert await ends(listens(upstream, heard=ear)) == reason
    assert ear.heard.empty()


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ({"error": {"code": -32601, "message": "no"}}, REJECTED),
        ({"result": {}}, UNREACHABLE),
    ],
)
async def test_an_upstream_that_has_no_subscriptions_is_a_fault(answer: JSON, reason: str) -> None:
    async def refusing(request: Request) -> None:
        request.respond(request.reply(**answer))

    async with connected(stateless(refusing), LIMITS) as (upstream, _):
        assert await ends(listens(upstream)) == reason


@pytest.mark.parametrize("status", [302, 401, 500])
async def test_an_upstream_that_turns_away_is_a_fault(status: int) -> None:
    async def refusing(request: Request) -> None:
        request.respond(status=status, headers=("location: http://127.0.0.1:1/",))

    async with connected(stateless(refusing), LIMITS) as (upstream, _):
        with pytest.raises(UpstreamFault) as caught:
            await listens(upstream)
    assert caught.value.reason == REJECTED


async def test_a_subscription_that_does_not_begin_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_BEGIN_S", 0.2)

    async def stalling(request: Request) -> None:
        request.start_stream()
        await asyncio.Event().wait()

    async with connected(stateless(stalling), LIMITS) as (upstream, _):
        assert await ends(listens(upstream)) == "upstream-timeout"


async def test_a_subscription_that_began_is_never_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_BEGIN_S", 0.2)
    telling = Telling()
    async with connected(stateless(telling), LIMITS) as (upstream, _):
        task = listens(upstream)
        await asyncio.wait([task], timeout=0.5)
        assert not task.done()
        await cancelled(task)


async def test_too_many_are_busy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http, "_MAX_LISTENERS", 2)
    telling = Telling()
    async with connected(stateless(telling), LIMITS) as (upstream, _):
        tasks = [listens(upstream) for _ in range(2)]
        for _ in tasks:
            await telling.begun.get()
        assert await ends(listens(upstream)) == "upstream-busy"
        assert await ask(upstream)
        await cancelled(*tasks)


async def test_what_fails_in_hearing_ends_it() -> None:
    async def deaf(method: str, params: JSON) -> None:
        raise RuntimeError("cannot be told")

    async with connected(stateless(Telling(notice(TOOLS, {}, "TAG"))), LIMITS) as (upstream, _):
        with pytest.raises(RuntimeError, match="cannot be told"):
            await listens(upstream, heard=deaf)


# --- the older era --------------------------------------------------------------------------------


class Hub:
    """A server of the older era with a stream for each session."""

    def __init__(self, *, status: int = 200) -> None:
        self.status = status
        self.streams: asyncio.Queue[Request] = asyncio.Queue()
        self.subscribed: list[tuple[str, str, str]] = []
        self.changed: asyncio.Queue[None] = asyncio.Queue()
        self.replies: asyncio.Queue[JSON] = asyncio.Queue()
        self.refuse: set[str] = set()

    async def __call__(self, request: Request) -> None:
        if request.verb == "GET":
            if self.status != 200:
                request.respond(status=self.status)
            else:
                request.start_stream()
            self.streams.put_nowait(request)
        elif request.method in {"resources/subscribe", "resources/unsubscribe"}:
            session = request.headers.get("mcp-session-id", "")
            verb = request.method.removeprefix("resources/")
            self.subscribed.append((session, verb, request.message["params"]["uri"]))
            if request.message["params"]["uri"] in self.refuse:
                request.respond(request.reply(error={"code": -32602, "message": "no"}))
            else:
                request.answer({})
            self.changed.put_nowait(None)
        elif not request.method:
            self.replies.put_nowait(request.message)
            request.respond(status=202)
        else:
            await echo(request)


@asynccontextmanager
async def older(hub: Hub) -> AsyncGenerator[tuple[Upstream, Raw], None]:
    numbers = iter(range(100))
    handler = handshaking(hub, session=lambda: f"s{next(numbers)}")
    async with connected(handler, LIMITS) as (upstream, raw):
        yield upstream, raw


A = Wanted(uris=frozenset({"note://a"}))


async def test_a_session_has_one_stream_for_all_who_listen() -> None:
    hub, first, second = Hub(), Ear(), Ear()
    async with older(hub) as (upstream, raw):
        tasks = [listens(upstream, A, first), listens(upstream, ALL, second)]
        stream = await hub.streams.get()
        for _ in range(2):
            await hub.changed.get()
        stream.event(notice(UPDATED, {"uri": "note://a"}))
        stream.event(notice(TOOLS))
        assert await first.heard.get() == (UPDATED, {"uri": "note://a"})
        assert [await second.heard.get() for _ in range(2)] == [
            (UPDATED, {"uri": "note://a"}),
            (TOOLS, {}),
        ]
        assert first.heard.empty()
        assert raw.methods.count("GET") == raw.methods.count("initialize") == 1
        subscribed = [(verb, uri) for _, verb, uri in hub.subscribed]
        assert sorted(subscribed) == [("subscribe", "note://a"), ("subscribe", "note://b")]
        await cancelled(tasks[1])
        await hub.changed.get()
        assert hub.subscribed[2:] == [("s0", "unsubscribe", "note://b")]
        await cancelled(tasks[0])
        await hub.changed.get()
        assert hub.subscribed[3:] == [("s0", "unsubscribe", "note://a")]
        assert await raw.gone.get()


async def test_it_is_the_session_of_the_owner_s_calls() -> None:
    hub = Hub()
    async with older(hub) as (upstream, raw):
        await ask(upstream)
        task, other = listens(upstream, A), listens(upstream, A, owner="acme|user:joe|t2")
        streams = {(await hub.streams.get()).headers["mcp-session-id"] for _ in range(2)}
        await cancelled(task, other)
        called = next(r for r in raw.requests if r.method == "tools/call")
        assert called.headers["mcp-session-id"] in streams
        assert len(streams) == 2


async def test_a_stream_that_ends_is_opened_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "_AGAIN_S", 0.0)
    hub, ear = Hub(), Ear()
    async with older(hub) as (upstream, _):
        task = listens(upstream, ALL, ear)
        (await hub.streams.get()).end_stream()
        (await hub.streams.get()).event(notice(TOOLS))
        assert await ear.heard.get() == (TOOLS, {})
        await cancelled(task)


async def test_a_server_without_a_stream_has_nothing_to_tell() -> None:
    hub = Hub(status=405)
    async with older(hub) as (upstream, raw):
        task = listens(upstream, A)
        await hub.streams.get()
        await hub.changed.get()
        await cancelled(task)
        await hub.changed.get()
        assert raw.methods.count("GET") == 1


@pytest.mark.parametrize(
    ("status", "reason"),
    [(302, REJECTED), (401, REJECTED), (404, REJECTED), (500, REJECTED), (502, UNREACHABLE)],
)
async def test_a_stream_that_is_refused_ends_what_depends_on_it(status: int, reason: str) -> None:
    hub = Hub(status=status)
    async with older(hub) as (upstream, _):
        first, second = listens(upstream, A), listens(upstream, ALL)
        assert await ends(first) == await ends(second) == reason


async def test_a_session_that_was_lost_is_opened_anew() -> None:
    hub = Hub(status=404)
    async with older(hub) as (upstream, raw):
        assert await ends(listens(upstream, A)) == REJECTED
        hub.status = 200
        task = listens(upstream, A)
        await hub.streams.get()
        assert (await hub.streams.get()).headers["mcp-session-id"] == "s1"
        await cancelled(task)
        assert raw.methods.count("initialize") == 2


async def test_a_subscription_that_is_refused_is_a_fault() -> None:
    hub, begun = Hub(), list[frozenset[str]]()
    hub.refuse = {"note://a", "note://b"}
    async with older(hub) as (upstream, _):
        assert await ends(listens(upstream, ALL, begun=begun.append)) == REJECTED
        assert [verb for _, verb, _ in hub.subscribed] == ["subscribe", "subscribe"]
    assert begun == []


async def test_what_is_refused_is_not_agreed_to_and_the_rest_is() -> None:
    hub = Hub()
    hub.refuse = {"note://a"}
    begun: asyncio.Queue[frozenset[str]] = asyncio.Queue()
    async with older(hub) as (upstream, _):
        task = listens(upstream, ALL, begun=begun.put_nowait)
        assert await begun.get() == {"note://b"}
        await cancelled(task)
        for _ in range(3):
            await hub.changed.get()
        assert [verb for _, verb, _ in hub.subscribed] == ["subscribe"] * 2 + ["unsubscribe"]


async def test_nobody_is_asked_on_the_stream_of_a_session() -> None:
    hub = Hub()
    async with older(hub) as (upstream, _):
        task = listens(upstream, A)
        stream = await hub.streams.get()
        for number, method in enumerate(["roots/list", "ping"]):
            question = {"jsonrpc": "2.0", "id": number, "method": method}
            stream.event(json.dumps(question).encode())
        replies = {each["id"]: each for each in [await hub.replies.get() for _ in range(2)]}
        assert replies[0]["error"]["code"] == -32601
        assert replies[1]["result"] == {}
        for number in range(100):
            question = {"jsonrpc": "2.0", "id": number, "method": "ping"}
            stream.event(json.dumps(question).encode())
        assert await ends(task) == MALFORMED


@pytest.mark.parametrize("sent", [b'{"jsonrpc":"2.0","id":1,"result":{}}', b"{}", b"x" * 200_000])
async def test_what_belongs_on_no_stream_ends_it(sent: bytes) -> None:
    hub = Hub()
    async with older(hub) as (upstream, _):
        task = listens(upstream, A)
        (await hub.streams.get()).event(sent)
        assert await ends(task) == MALFORMED


async def test_an_answer_that_is_no_stream_is_malformed() -> None:
    async def page(request: Request) -> None:
        if request.verb == "GET":
            request.respond(b"<html>", content_type="text/html")
        else:
            await echo(request)

    async with connected(handshaking(page, session=lambda: "s1"), LIMITS) as (upstream, _):
        assert await ends(listens(upstream, Wanted(tools=True))) == MALFORMED


async def test_what_fails_in_hearing_ends_it_for_all_of_the_session() -> None:
    async def deaf(method: str, params: JSON) -> None:
        raise RuntimeError("cannot be told")

    hub = Hub()
    async with older(hub) as (upstream, _):
        task, other = listens(upstream, ALL, deaf), listens(upstream, ALL)
        (await hub.streams.get()).event(notice(TOOLS))
        for each in (task, other):
            with pytest.raises(RuntimeError, match="cannot be told"):
                await each


async def test_one_listens_where_no_session_ids_are_given() -> None:
    hub, ear = Hub(), Ear()
    async with connected(handshaking(hub), LIMITS) as (upstream, _):
        task = listens(upstream, Wanted(tools=True), ear)
        stream = await hub.streams.get()
        assert "mcp-session-id" not in stream.headers
        stream.event(notice(TOOLS))
        assert await ear.heard.get() == (TOOLS, {})
        await cancelled(task)


async def test_a_session_that_a_call_has_lost_is_listened_to_no_more(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(listening, "_AGAIN_S", 0.0)
    hub = Hub()

    async def forgetful(request: Request) -> None:
        if request.method == "tools/call" and request.headers["mcp-session-id"] == "s0":
            request.respond(status=404)
        else:
            await hub(request)

    numbers = iter(range(100))
    handler = handshaking(forgetful, session=lambda: f"s{next(numbers)}")
    async with connected(handler, LIMITS) as (upstream, _):
        task = listens(upstream, Wanted(tools=True))
        stream = await hub.streams.get()
        assert await ask(upstream)
        stream.end_stream()
        assert await ends(task) == UNREACHABLE


async def test_a_subscription_to_a_resource_that_does_not_begin_is_late(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(http, "_BEGIN_S", 0.2)

    async def stalling(request: Request) -> None:
        if request.verb == "GET":
            request.start_stream()
        await asyncio.Event().wait()

    async with connected(handshaking(stalling, session=lambda: "s1"), LIMITS) as (upstream, raw):
        assert await ends(listens(upstream, A)) == "upstream-timeout"
        assert await raw.gone.get()
