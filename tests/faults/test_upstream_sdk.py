"""The MCP SDK's own server as the upstream, in both eras and both kinds of response."""

import asyncio
from collections.abc import AsyncIterator
from itertools import product

import pytest

from safeconduct.core.asks import Capability
from safeconduct.ports import JSON, Upstream, UpstreamError, UpstreamFault, Wanted
from safeconduct.upstreams import open_upstream
from tests.faults.upstream_servers import OWNER, Served, ask, sdk_http
from tests.support.listeners import Hears

CASES = [
    pytest.param((era, json_response, sessions), id=f"{era}-{response}-{kept}")
    for era, (json_response, response), (sessions, kept) in product(
        ["newer", "older"],
        [(True, "json"), (False, "stream")],
        [(True, "sessions"), (False, "sessionless")],
    )
]


@pytest.fixture(params=CASES)
async def served(request: pytest.FixtureRequest) -> AsyncIterator[Served]:
    era, json_response, sessions = request.param
    async with sdk_http(era=era, json_response=json_response, keeps_sessions=sessions) as served:
        yield served


@pytest.fixture
async def upstream(served: Served) -> AsyncIterator[Upstream]:
    upstream = open_upstream("fixture", url=served.url)
    yield upstream
    await upstream.close()


def _text(result: JSON) -> str:
    return str(result["content"][0]["text"])


async def test_calls_lists_and_reads(upstream: Upstream) -> None:
    listed = await ask(upstream, "tools/list", {})
    assert {"echo_text", "count", "wait_forever"} < {tool["name"] for tool in listed["tools"]}
    called = await ask(upstream, params={"name": "echo_text", "arguments": {"text": "grüße 🙂"}})
    assert _text(called) == "grüße 🙂"
    read = await ask(upstream, "resources/read", {"uri": "note://today"})
    assert read["contents"][0]["text"] == "a note"


async def test_many_calls_share_one_connection_and_one_negotiation(
    upstream: Upstream, served: Served
) -> None:
    for number in range(20):
        called = await ask(
            upstream, params={"name": "echo_text", "arguments": {"text": str(number)}}
        )
        assert _text(called) == str(number)
    assert len(served.clients) == 1
    assert served.methods.count("initialize") <= 1
    assert served.methods.count("server/discover") == 1
    assert served.methods.count("tools/call") == 20


async def test_who_speaks_both_ways_is_spoken_to_in_the_caller_s(
    upstream: Upstream, served: Served, request: pytest.FixtureRequest
) -> None:
    era, _, sessions = request.node.callspec.params["served"]
    params = {"name": "echo_text", "arguments": {"text": "x"}}
    for modern in (True, False, True, False):
        called = await upstream.request(
            "tools/call",
            params,
            owner=OWNER,
            credential=None,
            timeout_s=20,
            listener=Hears(modern=modern),
        )
        assert _text(called) == "x"
    # Without sessions the newer revision serves both: it can tell whose questions its are.
    in_session = {"newer": 2, "older": 4}[era] if sessions else 0
    assert served.methods.count("tools/call") == 4
    calls = [sent for sent, kept in served.in_session if sent == "tools/call" and kept]
    assert len(calls) == in_session


async def test_parallel_calls_get_their_own_answers(upstream: Upstream) -> None:
    async def one(number: int) -> str:
        arguments = {"text": f"n{number}"}
        return _text(await ask(upstream, params={"name": "echo_text", "arguments": arguments}))

    assert await asyncio.gather(*map(one, range(30))) == [f"n{number}" for number in range(30)]


async def test_progress_arrives_where_the_response_is_a_stream(
    upstream: Upstream, request: pytest.FixtureRequest
) -> None:
    heard: list[JSON] = []

    async def on_progress(progress: JSON) -> None:
        heard.append(progress)

    called = await ask(
        upstream, params={"name": "count", "arguments": {"to": 3}}, on_progress=on_progress
    )
    assert _text(called) == "counted to 3"
    if "stream" in request.node.callspec.id:
        assert [progress["progress"] for progress in heard] == [1, 2, 3]
        assert heard[0] == {"progress": 1, "total": 3, "message": "step 1"}


async def test_error_answers_are_errors_and_not_faults(upstream: Upstream) -> None:
    with pytest.raises(UpstreamError) as caught:
        await ask(upstream, "resources/read", {"uri": "note://nowhere"})
    assert caught.value.code != 0
    with pytest.raises(UpstreamError) as caught:
        await ask(upstream, "no/such-method", {})
    assert caught.value.code == -32601


async def test_a_late_answer_is_given_up_and_the_upstream_stays_usable(upstream: Upstream) -> None:
    await ask(upstream, "tools/list", {})
    with pytest.raises(UpstreamFault) as caught:
        await ask(upstream, params={"name": "wait_forever", "arguments": {}}, timeout_s=0.5)
    assert caught.value.reason == "upstream-timeout"
    assert caught.value.may_have_happened
    called = await ask(upstream, params={"name": "echo_text", "arguments": {"text": "on"}})
    assert _text(called) == "on"


async def test_owners_do_not_share_a_session(upstream: Upstream, served: Served) -> None:
    await ask(upstream, "tools/list", {}, owner="acme|jane|t1")
    first = set(served.sessions)
    await ask(upstream, "tools/list", {}, owner="acme|jane|t2")
    await ask(upstream, "tools/list", {}, owner="acme|jane|t1")
    if first:
        assert len(set(served.sessions)) == 2
        assert served.methods.count("initialize") == 2
    else:
        assert served.methods.count("initialize") <= 1


# --- asks and log lines ---------------------------------------------------------------------------

ABLE = frozenset[Capability]({"elicitation.form", "sampling", "roots"})
ASKS = [
    pytest.param(
        "order",
        {},
        "elicitation/create",
        {"action": "accept", "content": {"number": 3}},
        "ordered 3",
        id="elicitation",
    ),
    pytest.param(
        "summarise",
        {"text": "a long story"},
        "sampling/createMessage",
        {"role": "assistant", "content": {"type": "text", "text": "short"}, "model": "m"},
        "short",
        id="sampling",
    ),
    pytest.param(
        "where", {}, "roots/list", {"roots": [{"uri": "file:///a"}]}, "file:///a", id="roots"
    ),
]


def _talks(request: pytest.FixtureRequest) -> bool:
    """Whether a server of the older era can ask in this case: over a stream, in a session."""
    case = request.node.callspec.id
    return "stream" in case and "sessions" in case.split("-")


@pytest.mark.parametrize(("tool", "arguments", "method", "replied", "said"), ASKS)
async def test_what_it_asks_is_answered(
    upstream: Upstream,
    request: pytest.FixtureRequest,
    tool: str,
    arguments: JSON,
    method: str,
    replied: JSON,
    said: str,
) -> None:
    asked: list[str] = []

    async def reply(method: str, params: JSON) -> JSON:
        asked.append(method)
        return replied

    listener = Hears(reply=reply, able=ABLE)
    params: JSON = {"name": tool, "arguments": arguments}
    if "newer" in request.node.callspec.id:
        first = await _called(upstream, params, listener)
        assert first["resultType"] == "input_required"
        ((key, wanted),) = first["inputRequests"].items()
        asked.append(wanted["method"])
        more = {"inputResponses": {key: replied}, "requestState": first["requestState"]}
        result = await _called(upstream, params | more, listener)
    elif _talks(request):
        result = await _called(upstream, params, listener)
    else:
        return
    assert said in _text(result)
    assert asked == [method]


async def test_what_nobody_declared_is_not_asked(
    upstream: Upstream, request: pytest.FixtureRequest
) -> None:
    if not ("newer" in request.node.callspec.id or _talks(request)):
        return
    listener = Hears()
    with pytest.raises(UpstreamError) as caught:
        await _called(upstream, {"name": "order", "arguments": {}}, listener)
    assert caught.value.code == -32021
    assert listener.asks == []


async def test_log_lines_arrive_where_they_are_wanted(
    upstream: Upstream, request: pytest.FixtureRequest
) -> None:
    params: JSON = {"name": "complain", "arguments": {}}
    deaf, listener = Hears(), Hears(log_level="warning")
    for each in (deaf, listener):
        assert _text(await _called(upstream, params, each)) == "said"
    assert deaf.heard == []
    if "stream" in request.node.callspec.id:
        line = {"level": "error", "logger": "db", "data": {"b": 1}}
        assert [heard for _, heard in listener.heard] == [line]


async def test_changes_are_heard(upstream: Upstream, request: pytest.FixtureRequest) -> None:
    newer = "newer" in request.node.callspec.id
    if not (newer or request.node.callspec.id.endswith("sessions")):
        return
    heard: asyncio.Queue[tuple[str, JSON]] = asyncio.Queue()

    async def hear(method: str, params: JSON) -> None:
        heard.put_nowait((method, params))

    wanted = Wanted(tools=True, uris=frozenset({"note://today"} if newer else ()))
    expected: list[tuple[str, JSON]] = [("notifications/tools/list_changed", {})]
    expected += [("notifications/resources/updated", {"uri": "note://today"})] if newer else []
    listening = asyncio.create_task(
        upstream.listen(wanted, owner=OWNER, credential=None, heard=hear)
    )
    while heard.empty():  # it takes a moment until somebody listens
        await _called(upstream, {"name": "change", "arguments": {}}, Hears())
    assert [await heard.get() for _ in expected] == expected
    listening.cancel()
    await asyncio.wait([listening])
    assert _text(await _called(upstream, {"name": "change", "arguments": {}}, Hears())) == "changed"


async def _called(upstream: Upstream, params: JSON, listener: Hears) -> JSON:
    return await upstream.request(
        "tools/call", params, owner=OWNER, credential=None, timeout_s=20, listener=listener
    )
