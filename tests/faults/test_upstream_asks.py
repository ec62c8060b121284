"""Upstreams of the older era that ask in the middle of a call: rightly, and as they like."""

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, suppress
from typing import Any

import pytest

from safeconduct.core.asks import Capability
from safeconduct.ports import JSON, AskRefused, Upstream, UpstreamError, UpstreamFault
from safeconduct.upstreams import Limits, asks, conversation
from safeconduct.upstreams.pace import PAUSE_S
from tests.faults.upstream_servers import (
    OWNER,
    Handler,
    Raw,
    Request,
    connected,
    echo,
    handshaking,
    in_session,
    paced,
    stateless,
)
from tests.support.listeners import Hears, Unanswered, never, three

FORM = frozenset[Capability]({"elicitation.form"})
ALL = frozenset[Capability]({"elicitation.form", "elicitation.url", "sampling", "roots"})
MALFORMED = ("upstream-malformed", True)
QUESTION: JSON = {"mode": "form", "message": "How many?", "task": {"ttl": 60}}


def streamless(handler: Handler) -> Handler:
    """A server that has no stream for what concerns no request."""

    async def handle(request: Request) -> None:
        if request.verb == "GET":
            request.respond(status=405)
        else:
            await handler(request)

    return handle


def in_call(
    handler: Handler, *, session: Callable[[], str] | None = lambda: "s1"
) -> AbstractAsyncContextManager[tuple[Upstream, Raw]]:
    """An upstream that can ask in the answer to a call alone, and the server behind it."""
    return in_session(streamless(handler), session=session)


async def call(
    upstream: Upstream, listener: Hears, *, timeout_s: float = 20, owner: str = OWNER
) -> JSON:
    return await upstream.request(
        "tools/call",
        {"name": "order", "arguments": {}},
        owner=owner,
        credential=None,
        timeout_s=timeout_s,
        listener=listener,
    )


def question(ask_id: object, method: str = "elicitation/create", params: Any = None) -> bytes:
    message = {"jsonrpc": "2.0", "id": ask_id, "method": method, "params": params or QUESTION}
    return json.dumps(message).encode()


def notice(method: str, params: JSON) -> bytes:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params}).encode()


class Asks:
    """A server whose tool sends `asks`, and answers with the replies once there are `wait` of them;
    a reply is answered with `status`.
    """

    def __init__(self, *asks: bytes, wait: int = 1, status: int = 202, then: bytes = b"") -> None:
        self.asks = asks
        self.wait = wait
        self.status = status
        self.then = then
        self.replies: asyncio.Queue[Request] = asyncio.Queue()

    async def __call__(self, request: Request) -> None:
        if request.method == "notifications/cancelled":
            request.respond(status=202)
        elif not request.method:
            request.respond(status=self.status)
            self.replies.put_nowait(request)
        else:
            request.start_stream()
            for each in self.asks:
                request.event(each)
            replies = [(await self.replies.get()).message for _ in range(self.wait)]
            request.event(request.reply(result={"replies": replies}))
            if self.then:
                request.event(self.then)
            request.end_stream()


async def fault_of(handler: Handler, listener: Hears, *, timeout_s: float = 20) -> tuple[str, bool]:
    async with in_call(handler) as (upstream, _):
        with pytest.raises(UpstreamFault) as caught:
            await call(upstream, listener, timeout_s=timeout_s)
    return caught.value.reason, caught.value.may_have_happened


# --- rightly --------------------------------------------------------------------------------------


@pytest.mark.parametrize("ask_id", ["q1", 0, 7, "7"])
async def test_an_answer_goes_back_under_the_id_of_its_ask(ask_id: object) -> None:
    listener = Hears(reply=three, able=FORM)
    async with in_call(Asks(question(ask_id))) as (upstream, raw):
        called = await call(upstream, listener)
    assert listener.asks == [("elicitation/create", QUESTION)]
    content = {"action": "accept", "content": {"n": 3}}
    assert called["replies"] == [{"jsonrpc": "2.0", "id": ask_id, "result": content}]
    replied = next(r for r in raw.requests if r.verb == "POST" and not r.method)
    assert replied.headers["mcp-session-id"] == "s1"
    assert replied.headers["mcp-protocol-version"] == "2025-11-25"


async def test_a_refusal_goes_back_as_an_error() -> None:
    async with in_call(Asks(question("q"))) as (upstream, _):
        called = await call(upstream, Hears(able=FORM))
    error = {"code": -1, "message": "Refused"}
    assert called["replies"] == [{"jsonrpc": "2.0", "id": "q", "error": error}]


async def test_progress_is_heard_while_somebody_is_asked() -> None:
    told = asyncio.Event()

    async def hear(_: JSON) -> None:
        told.set()

    async def reply(method: str, params: JSON) -> JSON:
        await told.wait()
        return {"roots": []}

    async def asking(request: Request) -> None:
        if not request.method:
            request.respond(status=202)
            replied.set()
            return
        request.start_stream()
        request.event(question("q", "roots/list"))
        token = request.message["params"]["_meta"]["progressToken"]
        request.event(notice("notifications/progress", {"progressToken": token, "progress": 1}))
        await replied.wait()
        request.event(request.reply(result={}))
        request.end_stream()

    replied = asyncio.Event()
    async with in_call(asking) as (upstream, _):
        assert await call(upstream, Hears(hear, reply, able=ALL)) == {}


async def test_time_spent_on_an_ask_is_not_the_call_s() -> None:
    async def slow(method: str, params: JSON) -> JSON:
        with suppress(TimeoutError):
            async with asyncio.timeout(0.6):
                await asyncio.Event().wait()
        return {"roots": []}

    async with in_call(Asks(question("q", "roots/list"))) as (upstream, _):
        called = await call(upstream, Hears(reply=slow, able=ALL), timeout_s=0.5)
    assert called["replies"][0]["result"] == {"roots": []}


async def test_an_ask_that_nobody_answers_is_refused_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(asks, "ASK_S", 0.05)
    async with in_call(Asks(question("q"))) as (upstream, _):
        called = await call(upstream, Hears(reply=never, able=FORM))
    assert called["replies"][0]["error"] == {"code": -1, "message": "Refused"}


async def test_an_upstream_can_take_back_what_it_asked() -> None:
    reply = Unanswered()

    async def asking(request: Request) -> None:
        request.start_stream()
        request.event(question("q"))
        await reply.asked.wait()
        for other in ("other", None, ["q"], True):
            request.event(notice("notifications/cancelled", {"requestId": other}))
        request.event(notice("notifications/cancelled", {"requestId": "q"}))
        await reply.withdrawn.wait()
        request.event(request.reply(result={}))
        request.end_stream()

    async with in_call(asking) as (upstream, raw):
        assert await call(upstream, Hears(reply=reply, able=FORM)) == {}
        assert raw.methods.count("POST") == 0


async def test_a_call_given_up_takes_its_asks_along() -> None:
    asked: asyncio.Queue[str] = asyncio.Queue()
    withdrawn: asyncio.Queue[str] = asyncio.Queue()

    async def reply(method: str, params: JSON) -> JSON:
        asked.put_nowait(method)
        try:
            return await never(method, params)
        finally:
            withdrawn.put_nowait(method)

    async with in_call(Asks(question(1), question(2, "roots/list"), wait=2)) as (upstream, raw):
        calling = asyncio.create_task(call(upstream, Hears(reply=reply, able=ALL)))
        assert {await asked.get(), await asked.get()} == {"elicitation/create", "roots/list"}
        calling.cancel()
        with pytest.raises(asyncio.CancelledError):
            await calling
        assert {await withdrawn.get(), await withdrawn.get()} == {
            "elicitation/create",
            "roots/list",
        }
    assert raw.methods.count("notifications/cancelled") == 1


# --- what is declared, and in which session -------------------------------------------------------


async def test_each_owner_and_what_can_be_asked_there_has_a_session() -> None:
    numbers = iter(range(100))
    seen: list[tuple[str, JSON]] = []

    async def handler(request: Request) -> None:
        await echo(request)

    serve = handshaking(streamless(handler), session=lambda: f"s{next(numbers)}")

    async def noting(request: Request) -> None:
        if request.method == "initialize":
            seen.append(("initialize", request.message["params"]["capabilities"]))
        elif request.method == "tools/call":
            seen.append((request.headers["mcp-session-id"], {}))
        await serve(request)

    async with connected(noting) as (upstream, _):
        for able in (FORM, frozenset[Capability](), FORM, ALL):
            await call(upstream, Hears(able=able))
        await call(upstream, Hears(able=FORM), owner="acme|user:jane|t2")
    form: JSON = {"elicitation": {"form": {}}}
    assert seen == [
        ("initialize", form),
        ("s0", {}),
        ("initialize", {}),
        ("s1", {}),
        ("s0", {}),
        ("initialize", {"elicitation": {"form": {}, "url": {}}, "roots": {}, "sampling": {}}),
        ("s2", {}),
        ("initialize", form),
        ("s3", {}),
    ]


async def test_a_request_of_the_newer_era_declares_what_can_be_asked() -> None:
    async with connected(stateless(echo)) as (upstream, raw):
        await call(upstream, Hears(able=FORM, log_level="warning"))
        await call(upstream, Hears())
    first, second = (r.message["params"]["_meta"] for r in raw.requests[1:])
    prefix = "io.modelcontextprotocol/"
    assert first[f"{prefix}clientCapabilities"] == {"elicitation": {"form": {}}}
    assert first[f"{prefix}logLevel"] == "warning"
    assert second[f"{prefix}clientCapabilities"] == {}
    assert f"{prefix}logLevel" not in second


async def test_input_that_is_required_is_a_result() -> None:
    asked = {
        "resultType": "input_required",
        "inputRequests": {"q": {"method": "roots/list"}},
        "requestState": "opaque",
    }

    async def requiring(request: Request) -> None:
        request.answer(asked)

    async with connected(stateless(requiring)) as (upstream, _):
        assert await call(upstream, Hears(able=ALL)) == asked


@pytest.mark.parametrize("status", [200, 400])
async def test_what_an_upstream_would_have_to_ask_is_its_own_answer(status: int) -> None:
    data: JSON = {"requiredCapabilities": {"roots": {}}}

    async def lacking(request: Request) -> None:
        error = {"code": -32021, "message": "no", "data": data}
        request.respond(request.reply(error=error), status=status)

    async with connected(stateless(lacking)) as (upstream, _):
        with pytest.raises(UpstreamError) as caught:
            await call(upstream, Hears())
    assert (caught.value.code, caught.value.data) == (-32021, data)


# --- as they like ---------------------------------------------------------------------------------


@pytest.mark.parametrize("listener", [Hears(reply=three), Hears(reply=three, able=FORM)])
async def test_nobody_is_asked_without_a_session(listener: Hears) -> None:
    async with in_call(Asks(question("q")), session=None) as (upstream, _):
        called = await call(upstream, listener)
    assert called["replies"][0]["error"]["code"] == -32601
    assert listener.asks == []


async def test_who_can_be_asked_nothing_is_not_asked() -> None:
    listener = Hears(reply=three)
    async with in_call(Asks(question("q"))) as (upstream, _):
        called = await call(upstream, listener)
    assert called["replies"][0]["error"]["code"] == -32601
    assert listener.asks == []


@pytest.mark.parametrize("method", ["tools/call", "tasks/get", "elicitation/Create", "ping"])
async def test_other_requests_reach_nobody(method: str) -> None:
    listener = Hears(reply=three, able=ALL)
    async with in_call(Asks(question("q", method))) as (upstream, _):
        called = await call(upstream, listener)
    assert ("result" in called["replies"][0]) is (method == "ping")
    assert listener.asks == []


@pytest.mark.parametrize(
    "flood",
    [
        pytest.param([question(n) for n in range(17)], id="at once"),
        pytest.param([question(n, "ping") for n in range(65)], id="without end"),
        pytest.param([question("q"), question("q")], id="twice under one id"),
        pytest.param([question("q", "ping"), question("q")], id="again under an old id"),
        pytest.param([question("q", params=["x"])], id="no parameters"),
        pytest.param([question(None)], id="no id"),
    ],
)
async def test_asking_too_much_or_wrongly_is_malformed(flood: list[bytes]) -> None:
    listener = Hears(reply=never, able=ALL)
    assert await fault_of(Asks(*flood, wait=99), listener) == MALFORMED
    assert len(listener.asks) <= 16


async def test_asking_without_end_one_after_the_other_ends_at_the_bound() -> None:
    async def endless(request: Request) -> None:
        if not request.method:
            request.respond(status=202)
            replied.put_nowait(None)
            return
        request.start_stream()
        number = 0
        while True:
            request.event(question(number))
            await request.writer.drain()
            await replied.get()
            number += 1

    replied: asyncio.Queue[None] = asyncio.Queue()
    listener = Hears(reply=three, able=FORM)
    assert await fault_of(endless, listener) == MALFORMED
    assert len(listener.asks) == 64


async def test_an_ask_after_the_answer_reaches_nobody() -> None:
    listener = Hears(reply=three, able=ALL)
    late = Asks(wait=0, then=question("q"))
    async with in_call(late) as (upstream, _):
        assert await call(upstream, listener) == {"replies": []}
    assert listener.asks == []
    replied = (await late.replies.get()).message
    assert replied["error"]["code"] == -32601


async def test_an_answer_of_the_upstream_ends_what_it_asked() -> None:
    async with in_call(Asks(question("q"), wait=0)) as (upstream, raw):
        assert await call(upstream, Hears(reply=never, able=FORM)) == {"replies": []}
    assert raw.methods.count("POST") == 0


async def test_an_answer_reaches_nobody_but_the_call_that_was_asked() -> None:
    """Two calls at once in one session, asked under the same id: each gets its own answer."""

    async def by_message(method: str, params: JSON) -> JSON:
        return {"echo": params["message"]}

    async def asking(request: Request) -> None:
        if not request.method:
            request.respond(status=202)
            replies.put_nowait(request.message["result"]["echo"])
            return
        request.start_stream()
        request.event(question("q", params={"message": str(request.message["id"])}))
        both.append(request)
        if len(both) == 2:
            got = {await replies.get(), await replies.get()}
            assert got == {str(each.message["id"]) for each in both}
            for each in both:
                each.event(each.reply(result={}))
                each.end_stream()

    replies: asyncio.Queue[str] = asyncio.Queue()
    both: list[Request] = []
    listeners = [Hears(reply=by_message, able=FORM) for _ in range(2)]
    async with in_call(asking) as (upstream, _):
        await asyncio.gather(*(call(upstream, listener) for listener in listeners))
    assert [len(listener.asks) for listener in listeners] == [1, 1]


@pytest.mark.parametrize("status", [400, 404, 500, 302])
async def test_an_answer_that_does_not_arrive_ends_the_call(status: int) -> None:
    asking = Asks(question("q"), wait=2, status=status)
    listener = Hears(reply=three, able=FORM)
    assert await fault_of(asking, listener) == ("upstream-unreachable", True)
    assert len(listener.asks) == 1


async def test_an_upstream_that_returns_too_much_to_an_answer_ends_the_call() -> None:
    async def gushing(request: Request) -> None:
        request.start_stream()
        if request.method == "tools/call":
            request.event(question("q"))
            await asyncio.Event().wait()
        while True:
            request.raw_chunk(b"x" * 100_000)
            await request.writer.drain()

    fault = await fault_of(gushing, Hears(reply=three, able=FORM))
    assert fault == ("upstream-unreachable", True)


async def test_two_answers_after_an_ask_are_malformed() -> None:
    async def answering(request: Request) -> None:
        if not request.method:
            request.respond(status=202)
            replied.set()
            return
        request.start_stream()
        request.event(question("q"))
        await replied.wait()
        request.event(request.reply(result={}))
        request.event(request.reply(result={"other": 1}))
        request.end_stream()

    replied = asyncio.Event()
    assert await fault_of(answering, Hears(reply=three, able=FORM)) == MALFORMED


async def test_an_upstream_that_stalls_on_an_answer_is_late() -> None:
    async def deaf(request: Request) -> None:
        if request.method == "tools/call":
            request.start_stream()
            request.event(question("q"))
        await asyncio.Event().wait()

    fault = await fault_of(deaf, Hears(reply=three, able=FORM), timeout_s=0.5)
    assert fault == ("upstream-timeout", True)


async def test_what_fails_while_somebody_is_asked_is_the_call_s_failure() -> None:
    async def broken(method: str, params: JSON) -> JSON:
        raise RuntimeError("not recorded")

    async with in_call(Asks(question("q"))) as (upstream, raw):
        with pytest.raises(RuntimeError, match="not recorded"):
            await call(upstream, Hears(reply=broken, able=FORM))
        assert raw.methods.count("POST") == 0


async def test_an_answer_without_a_canonical_form_ends_the_call() -> None:
    async def strange(method: str, params: JSON) -> JSON:
        return {"action": "accept", "content": {"n": float("nan")}}

    fault = await fault_of(Asks(question("q")), Hears(reply=strange, able=FORM))
    assert fault == ("upstream-unreachable", True)


async def test_refusals_say_what_the_page_says() -> None:
    async def reply(method: str, params: JSON) -> JSON:
        raise AskRefused(-32602, "Invalid params")

    async with in_call(Asks(question("q"))) as (upstream, _):
        called = await call(upstream, Hears(reply=reply, able=FORM))
    assert called["replies"][0]["error"] == {"code": -32602, "message": "Invalid params"}


async def test_the_newer_era_has_no_requests_of_the_upstream() -> None:
    async def asking(request: Request) -> None:
        request.start_stream()
        request.event(question("q"))
        await asyncio.Event().wait()

    async with connected(stateless(asking)) as (upstream, _):
        listener = Hears(reply=three, able=ALL)
        with pytest.raises(UpstreamFault) as caught:
            await call(upstream, listener)
    assert (caught.value.reason, caught.value.may_have_happened) == MALFORMED
    assert listener.asks == []


# --- log lines ------------------------------------------------------------------------------------


def logging_server(levels: list[str], lines: list[JSON], *, error: bool = False) -> Handler:
    """A server that logs `lines` in every call, and notes the `levels` that it is told."""

    async def handle(request: Request) -> None:
        if request.method == "server/discover":
            request.respond(status=400, content_type="text/plain")
        elif request.method == "initialize":
            capabilities: JSON = {"logging": {}}
            request.answer(
                {"protocolVersion": "2025-11-25", "capabilities": capabilities},
                headers=("mcp-session-id: s1",),
            )
        elif request.method == "logging/setLevel":
            levels.append(request.message["params"]["level"])
            if error:
                request.respond(request.reply(error={"code": -32602, "message": "no"}))
            else:
                request.answer({})
        elif request.method == "tools/call":
            request.start_stream()
            for line in lines:
                request.event(notice("notifications/message", line))
            request.event(request.reply(result={}))
            request.end_stream()
        else:
            request.respond(status=202)

    return handle


LINES: list[JSON] = [
    {"level": "debug", "data": "a"},
    {"level": "error", "data": {"b": 1}, "logger": "db"},
    {"level": "loud", "data": "c"},
]


@pytest.mark.parametrize("error", [False, True])
async def test_a_session_is_told_once_what_log_lines_are_wanted(*, error: bool) -> None:
    levels: list[str] = []
    async with connected(logging_server(levels, LINES, error=error)) as (upstream, _):
        listeners = [Hears(log_level=level) for level in ("error", None, "error", "debug", "alert")]
        for listener in listeners:
            assert await call(upstream, listener) == {}
    assert levels == ["error", "debug"]
    message = "notifications/message"
    assert [len(listener.heard) for listener in listeners] == [1, 0, 1, 2, 0]
    assert listeners[0].heard == [(message, LINES[1])]


async def test_floods_of_log_lines_end_at_the_bound() -> None:
    lines: list[JSON] = [{"level": "error", "data": "x" * 1000}] * 200
    async with connected(logging_server([], lines), Limits(max_answer_bytes=100_000)) as (
        upstream,
        _,
    ):
        with pytest.raises(UpstreamFault) as caught:
            await call(upstream, Hears(log_level="error"))
    assert (caught.value.reason, caught.value.may_have_happened) == MALFORMED


async def test_a_flood_within_a_call_takes_its_own_time(monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = paced(monkeypatch, conversation)
    lines: list[JSON] = [{"level": "error", "data": "x"}] * 600
    async with connected(logging_server([], lines)) as (upstream, _):
        assert await call(upstream, Hears(log_level="error")) == {}
    assert pauses == [PAUSE_S, PAUSE_S]


async def test_a_server_without_logging_is_told_no_level() -> None:
    async with in_call(echo) as (upstream, raw):
        await call(upstream, Hears(log_level="debug"))
        assert "logging/setLevel" not in raw.methods
