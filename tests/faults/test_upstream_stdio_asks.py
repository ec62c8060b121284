"""Child processes of the older era that ask in the middle of a call, or log."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from safeconduct.core.asks import Capability
from safeconduct.ports import JSON, Upstream, UpstreamFault
from safeconduct.upstreams import Limits, open_upstream, peer
from safeconduct.upstreams.pace import PAUSE_S
from tests.faults.upstream_servers import OWNER, paced
from tests.support.listeners import Hears, Unanswered, never, three

CHILD = Path(__file__).with_name("upstream_child.py")
FORM = frozenset[Capability]({"elicitation.form"})
MALFORMED = ("upstream-malformed", True)
DONE = '{"jsonrpc":"2.0","id":ID,"result":{}}'
QUESTION: JSON = {"mode": "form", "message": "How many?"}


@asynccontextmanager
async def child(era: str = "older", limits: Limits | None = None) -> AsyncGenerator[Upstream, None]:
    command = [sys.executable, str(CHILD), era]
    upstream = open_upstream("child", command=command, limits=limits or Limits())
    yield upstream
    await upstream.close()


async def call(
    upstream: Upstream,
    method: str,
    params: JSON,
    listener: Hears | None,
    *,
    owner: str = OWNER,
    timeout_s: float = 20,
) -> JSON:
    return await upstream.request(
        method, params, owner=owner, credential=None, timeout_s=timeout_s, listener=listener
    )


def question(ask_id: object, method: str = "elicitation/create") -> str:
    return json.dumps({"jsonrpc": "2.0", "id": ask_id, "method": method, "params": QUESTION})


def notice(method: str, params: JSON) -> str:
    return json.dumps({"jsonrpc": "2.0", "method": method, "params": params})


def asking(*lines: str, wait: int = 1) -> JSON:
    return {"lines": list(lines), "wait": wait}


async def pid(upstream: Upstream, listener: Hears | None, owner: str = OWNER) -> int:
    found: Any = (await call(upstream, "surroundings", {}, listener, owner=owner))["pid"]
    return int(found)


async def capabilities(upstream: Upstream, listener: Hears | None) -> JSON:
    seen = (await call(upstream, "seen", {}, listener))["messages"]
    found: JSON = next(m for m in seen if m["method"] == "initialize")["params"]["capabilities"]
    return found


async def test_an_answer_goes_back_under_the_id_of_its_ask() -> None:
    listener = Hears(reply=three, able=FORM)
    async with child() as upstream:
        called = await call(upstream, "ask", asking(question("q")), listener)
    assert listener.asks == [("elicitation/create", QUESTION)]
    content = {"action": "accept", "content": {"n": 3}}
    assert called == {"replies": [{"jsonrpc": "2.0", "id": "q", "result": content}]}


async def test_who_can_be_asked_has_a_process_of_their_own() -> None:
    able, unable = Hears(reply=three, able=FORM), Hears(reply=three)
    async with child() as upstream:
        shared = await pid(upstream, unable)
        assert await pid(upstream, None, "acme|user:joe|t2") == shared
        own = await pid(upstream, able)
        assert own != shared
        assert await pid(upstream, able, "acme|user:joe|t2") not in {own, shared}
        assert await pid(upstream, able) == own
        assert await capabilities(upstream, able) == {"elicitation": {"form": {}}}
        assert await capabilities(upstream, unable) == {}
        called = await call(upstream, "ask", asking(question("q")), unable)
    assert called["replies"][0]["error"]["code"] == -32601
    assert unable.asks == []


async def test_a_process_of_the_newer_era_is_shared_whoever_can_be_asked() -> None:
    async with child("newer") as upstream:
        shared = await pid(upstream, None)
        assert await pid(upstream, Hears(able=FORM)) == shared
        echoed = await call(upstream, "echo", {}, Hears(able=FORM))
    declared = echoed["_meta"]["io.modelcontextprotocol/clientCapabilities"]
    assert declared == {"elicitation": {"form": {}}}


async def test_nobody_is_asked_while_two_requests_are_under_way() -> None:
    listener, other = Hears(reply=three, able=FORM), Hears(reply=three, able=FORM)
    async with child() as upstream:
        await pid(upstream, listener)
        waiting = asyncio.create_task(call(upstream, "hang", {}, other))
        called = await call(upstream, "ask", asking(question("q")), listener)
        waiting.cancel()
        await asyncio.wait([waiting])
        assert called["replies"][0]["error"]["code"] == -32601
        assert listener.asks == other.asks == []
        called = await call(upstream, "ask", asking(question("r")), listener)
    assert "result" in called["replies"][0]


@pytest.mark.parametrize(
    "flood",
    [
        [question(n) for n in range(17)],
        [question(n, "ping") for n in range(65)],
        [question("q"), question("q")],
    ],
)
async def test_asking_too_much_is_malformed(flood: list[str]) -> None:
    async with child() as upstream:
        with pytest.raises(UpstreamFault) as caught:
            await call(upstream, "ask", asking(*flood, wait=99), Hears(reply=never, able=FORM))
    assert (caught.value.reason, caught.value.may_have_happened) == MALFORMED


async def test_a_process_can_take_back_what_it_asked() -> None:
    reply = Unanswered()
    taken_back = notice("notifications/cancelled", {"requestId": "q"})
    async with child() as upstream:
        listener = Hears(reply=reply, able=FORM)
        waiting = asyncio.create_task(call(upstream, "ask", asking(question("q")), listener))
        await reply.asked.wait()
        await call(upstream, "lines", {"lines": [taken_back, DONE]}, Hears(able=FORM))
        await reply.withdrawn.wait()
        assert not waiting.done()
        waiting.cancel()
        await asyncio.wait([waiting])


async def test_what_fails_while_somebody_is_asked_is_the_call_s_failure() -> None:
    async def broken(method: str, params: JSON) -> JSON:
        raise RuntimeError("not recorded")

    async with child() as upstream:
        with pytest.raises(RuntimeError, match="not recorded"):
            await call(upstream, "ask", asking(question("q")), Hears(reply=broken, able=FORM))


async def test_a_fault_of_the_page_s_own_while_somebody_is_asked_keeps_its_reason() -> None:
    async def crowded(method: str, params: JSON) -> JSON:
        raise UpstreamFault("too-many-questions", "full", may_have_happened=True)

    async with child() as upstream:
        with pytest.raises(UpstreamFault) as caught:
            await call(upstream, "ask", asking(question("q")), Hears(reply=crowded, able=FORM))
    assert (caught.value.reason, caught.value.may_have_happened) == ("too-many-questions", True)


async def test_who_waits_for_a_reply_keeps_nobody_else_out() -> None:
    asked = asyncio.Event()

    async def reply(method: str, params: JSON) -> JSON:
        asked.set()
        return await never(method, params)

    async with child(limits=Limits(max_processes=2)) as upstream:
        listener = Hears(reply=reply, able=FORM)
        waiting = asyncio.create_task(call(upstream, "ask", asking(question("q")), listener))
        await asked.wait()
        other = Hears(reply=three, able=FORM)
        shared = await pid(upstream, None, "acme|bob|t2")
        assert await pid(upstream, other, "acme|bob|t2") == shared
        params = asking(question("q"))
        called = await call(upstream, "ask", params, other, owner="acme|bob|t2")
        assert (called["replies"][0]["error"]["code"], other.asks) == (-32601, [])
        waiting.cancel()
        await asyncio.wait([waiting])
        called = await call(upstream, "ask", params, other, owner="acme|bob|t2")
        assert "result" in called["replies"][0]


async def test_a_process_that_ends_takes_its_asks_along() -> None:
    withdrawn = asyncio.Event()

    async def reply(method: str, params: JSON) -> JSON:
        try:
            asyncio.get_running_loop().call_soon(die.set)
            return await never(method, params)
        finally:
            withdrawn.set()

    die = asyncio.Event()
    async with child() as upstream:
        listener = Hears(reply=reply, able=FORM)
        waiting = asyncio.create_task(call(upstream, "ask", asking(question("q")), listener))
        await die.wait()
        with pytest.raises(UpstreamFault):
            await call(upstream, "die", {}, Hears(able=FORM))
        with pytest.raises(UpstreamFault) as caught:
            await waiting
    assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-unreachable", True)
    assert withdrawn.is_set()


# --- log lines ------------------------------------------------------------------------------------

LINE: JSON = {"level": "error", "data": "x"}
LOGGED = ("notifications/message", LINE)
LINES: JSON = {
    "lines": [notice(*LOGGED), DONE],
}


async def test_log_lines_are_heard_by_the_one_request_under_way() -> None:
    async with child("logs") as upstream:
        first, second, none = Hears(log_level="error"), Hears(log_level="alert"), Hears()
        for listener in (first, second, none, first):
            assert await call(upstream, "lines", LINES, listener) == {}
        seen = (await call(upstream, "seen", {}, None))["messages"]
        assert first.heard == [LOGGED, LOGGED]
        assert second.heard == none.heard == []
        told = [m["params"]["level"] for m in seen if m["method"] == "logging/setLevel"]
        assert told == ["error"]


async def test_a_notice_that_would_fill_the_memory_is_unheard() -> None:
    def progress(number: int, text: str) -> str:
        told = {"progressToken": "ID", "progress": number, "message": text}
        return notice("notifications/progress", told).replace('"ID"', "ID")

    listener = Hears(_ignored)
    async with child() as upstream:
        lines = [progress(1, "m" * 65_536), progress(2, "short"), DONE]
        assert await call(upstream, "lines", {"lines": lines}, listener) == {}
    assert listener.heard == [("notifications/progress", {"progress": 2, "message": "short"})]


@pytest.mark.parametrize("line", [notice("notifications/other", {}), question("q", "ping")])
async def test_a_flood_takes_its_own_time(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pauses = paced(monkeypatch, peer)
    async with child() as upstream:
        given = {"lines": [*[line] * 600, DONE]}
        assert await call(upstream, "lines", given, None) == {}
        assert pauses == [PAUSE_S, PAUSE_S]
        for _ in range(300):
            await call(upstream, "echo", {}, None)
    assert pauses == [PAUSE_S, PAUSE_S]


async def _ignored(params: JSON) -> None:
    del params


async def test_log_lines_are_unheard_where_another_request_may_mean_them() -> None:
    async with child("older") as upstream:
        listener = Hears(log_level="error")
        waiting = asyncio.create_task(call(upstream, "hang", {}, None))
        await asyncio.sleep(0)
        await call(upstream, "echo", {}, None)
        await call(upstream, "lines", LINES, listener)
        waiting.cancel()
        await asyncio.wait([waiting])
        await call(upstream, "lines", LINES, listener)  # the other may still run
    assert listener.heard == []
