"""What leaves towards an HTTP upstream: headers, envelopes, bodies."""

import asyncio
import itertools
import threading

import pytest

from safeconduct.ports import JSON, Credential, UpstreamFault
from safeconduct.upstreams import Limits, outbound
from safeconduct.upstreams.mirror import Mirror
from tests.faults.upstream_servers import (
    Handler,
    Raw,
    Request,
    ask,
    connected,
    echo,
    handshaking,
    stateless,
)


class Sessions:
    """A server that keeps sessions, and knows those that have not ended."""

    def __init__(self) -> None:
        self.known: list[str] = []
        self.ended: list[str] = []
        self._numbers = itertools.count(1)
        self.serve = handshaking(self._handle, session=self._open, ended=self.ended.append)

    def _open(self) -> str:
        self.known.append(f"s{next(self._numbers)}")
        return self.known[-1]

    async def _handle(self, request: Request) -> None:
        if request.headers.get("mcp-session-id") in self.known:
            await echo(request)
        else:
            request.respond(status=404)


async def test_a_stateless_request_is_complete_in_itself() -> None:
    credential = Credential("brokered", {"Authorization": "Bearer t", "MCP-Method": "tools/list"})
    params: JSON = {"name": "zażółć", "arguments": {}, "_meta": {"traceparent": "00-1"}}
    async with connected(stateless(echo)) as (upstream, raw):
        await ask(upstream, params=params, credential=credential)
    discover, call = raw.requests
    assert discover.headers["authorization"] == call.headers["authorization"] == "Bearer t"
    assert discover.headers["mcp-method"] == "server/discover"
    assert call.headers["mcp-protocol-version"] == "2026-07-28"
    assert call.headers["mcp-method"] == "tools/call"
    assert call.headers["mcp-name"] == "=?base64?emHFvMOzxYLEhw==?="
    assert call.headers["accept"] == "application/json, text/event-stream"
    assert call.headers["accept-encoding"] == "identity"
    assert "mcp-session-id" not in call.headers
    meta = call.message["params"]["_meta"]
    assert meta["io.modelcontextprotocol/clientCapabilities"] == {}
    assert meta["traceparent"] == "00-1"
    assert "progressToken" not in meta
    assert params["_meta"] == {"traceparent": "00-1"}


@pytest.mark.parametrize(
    ("revision", "header"),
    [("2025-11-25", "2025-11-25"), ("2025-06-18", "2025-06-18"), ("2025-03-26", None)],
)
async def test_an_older_request_names_its_revision_and_session(
    revision: str, header: str | None
) -> None:
    async with connected(handshaking(echo, session=lambda: "s1", revision=revision)) as (up, raw):
        await ask(up)
    _, opened, initialized, call, _ = raw.requests
    assert "mcp-protocol-version" not in opened.headers
    assert "mcp-session-id" not in opened.headers
    for request in (initialized, call):
        assert request.headers.get("mcp-protocol-version") == header
        assert request.headers["mcp-session-id"] == "s1"
    assert "mcp-method" not in call.headers
    assert call.message["params"] == {"name": "echo", "arguments": {"text": "hello"}}


async def test_ids_are_our_own_and_never_repeat() -> None:
    async with connected(handshaking(echo)) as (upstream, raw):
        await asyncio.gather(*(ask(upstream) for _ in range(10)))
    ids = [request.message["id"] for request in raw.requests if "id" in request.message]
    assert len(set(ids)) == len(ids) == 12
    assert raw.methods.count("initialize") == 1


async def test_nothing_of_the_surroundings_leaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")

    async def baking(request: Request) -> None:
        request.answer({}, headers=("set-cookie: track=1",))

    async with connected(stateless(baking)) as (upstream, raw):
        await ask(upstream)
        await ask(upstream)
    assert all("cookie" not in request.headers for request in raw.requests)


async def test_a_large_request_arrives_whole() -> None:
    text = "x" * 3_000_000
    async with connected(stateless(echo)) as (upstream, raw):
        await ask(upstream, params={"name": "echo", "arguments": {"text": text}})
        assert raw.requests[-1].message["params"]["arguments"]["text"] == text
        assert raw.connections == 1


async def test_arguments_that_a_listed_tool_wants_in_headers_are_repeated() -> None:
    schema = {"properties": {"region": {"type": "string", "x-mcp-header": "Region"}}}

    async def listing(request: Request) -> None:
        request.answer({"tools": [{"name": "book", "inputSchema": schema}]})

    async with connected(stateless(listing)) as (upstream, raw):
        await ask(upstream, "tools/list", {})
        await ask(upstream, params={"name": "book", "arguments": {"region": "eu"}})
    assert raw.requests[-1].headers["mcp-param-region"] == "eu"


async def test_they_are_looked_for_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A list can be long, and calls do not wait for it."""
    threads: list[threading.Thread] = []
    monkeypatch.setattr(Mirror, "learn", lambda *_: threads.append(threading.current_thread()))
    async with connected(stateless(echo)) as (upstream, _):
        await ask(upstream, "tools/list", {})
    assert len(threads) == 1
    assert threading.current_thread() not in threads


# --- eras -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [400, 404, 405, 406, 500])
async def test_an_upstream_that_changed_its_era_is_found_again(status: int) -> None:
    served: list[Handler] = [stateless(echo)]

    async def changing(request: Request) -> None:
        await served[-1](request)

    async def refuse_newer(request: Request) -> None:
        if request.headers.get("mcp-protocol-version") == "2026-07-28":
            request.respond(status=status, content_type="text/plain")
        else:
            await handshaking(echo)(request)

    async with connected(changing) as (upstream, raw):
        await ask(upstream)
        served.append(refuse_newer)
        with pytest.raises(UpstreamFault):
            await ask(upstream)
        if status != 500:
            await ask(upstream)
            assert raw.methods[-3:] == ["initialize", "notifications/initialized", "tools/call"]


async def test_a_refused_envelope_is_a_fault_and_the_era_is_found_again() -> None:
    served: list[Handler] = [stateless(echo)]

    async def changing(request: Request) -> None:
        await served[-1](request)

    async def newer_still(request: Request) -> None:
        error = {"code": -32022, "message": "?", "data": {"supported": ["2030-01-01"]}}
        request.respond(request.reply(error=error), status=400)

    async with connected(changing) as (upstream, raw):
        await ask(upstream)
        served.append(newer_still)
        for _ in range(2):
            with pytest.raises(UpstreamFault) as caught:
                await ask(upstream)
            assert caught.value.reason == "upstream-rejected"
            assert not caught.value.may_have_happened
        assert raw.methods[-1] == "server/discover"


async def test_a_refused_handshake_is_a_rejection() -> None:
    async def refusing(request: Request) -> None:
        request.respond(request.reply(error={"code": -32602, "message": "secret"}))

    async with connected(refusing) as (upstream, _):
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream)
    assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-rejected", False)
    assert "secret" not in str(caught.value)


async def test_a_refused_initialized_notice_is_a_rejection() -> None:
    async def refusing(request: Request) -> None:
        if request.method == "notifications/initialized":
            request.respond(status=400)
        else:
            await handshaking(echo)(request)

    async with connected(refusing) as (upstream, raw):
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream)
        assert "tools/call" not in raw.methods
    assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-rejected", False)


@pytest.mark.parametrize("session", ["a b", "x" * 513, "caf\u00e9"])
async def test_an_unusable_session_id_is_malformed(session: str) -> None:
    async with connected(handshaking(echo, session=lambda: session)) as (upstream, _):
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream)
    assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-malformed", False)


# --- sessions -------------------------------------------------------------------------------------


def _used(raw: Raw) -> list[str]:
    return [r.headers["mcp-session-id"] for r in raw.requests if r.method == "tools/call"]


async def test_each_owner_has_one_session() -> None:
    async with connected(Sessions().serve) as (upstream, raw):
        for owner in ("a|u|1", "a|u|2", "a|u|1", "b|u|1"):
            await ask(upstream, owner=owner)
        assert _used(raw) == ["s1", "s2", "s1", "s3"]
        assert raw.methods.count("server/discover") == 1


async def test_parallel_first_calls_of_an_owner_open_one_session() -> None:
    async with connected(Sessions().serve) as (upstream, raw):
        await asyncio.gather(*(ask(upstream, owner=f"a|u|{n % 2}") for n in range(8)))
        assert raw.methods.count("initialize") == 2
        assert len(set(_used(raw))) == 2


async def test_a_lost_session_is_opened_again_and_the_call_made_once_more() -> None:
    sessions = Sessions()
    async with connected(sessions.serve) as (upstream, raw):
        await ask(upstream)
        sessions.known.clear()
        await ask(upstream)
        assert _used(raw) == ["s1", "s1", "s2"]


async def test_parallel_calls_in_a_lost_session_open_one_new_one() -> None:
    sessions = Sessions()
    async with connected(sessions.serve) as (upstream, raw):
        await ask(upstream)
        sessions.known.clear()
        await asyncio.gather(*(ask(upstream) for _ in range(5)))
        assert set(_used(raw)) == {"s1", "s2"}
        assert raw.methods.count("initialize") == 2


async def test_a_session_that_is_lost_again_at_once_is_a_rejection() -> None:
    async def forgetful(request: Request) -> None:
        request.respond(status=404)

    async with connected(handshaking(forgetful, session=lambda: "s1")) as (upstream, raw):
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream)
        assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-rejected", False)
        assert raw.methods.count("tools/call") == 2


async def test_a_bad_request_ends_the_session_but_is_not_repeated() -> None:
    answers = iter([400, 200])

    async def confused(request: Request) -> None:
        if next(answers) == 400:
            request.respond(status=400, content_type="text/plain")
        else:
            await echo(request)

    numbers = itertools.count(1)
    handler = handshaking(confused, session=lambda: f"s{next(numbers)}")
    async with connected(handler) as (upstream, raw):
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream)
        assert caught.value.may_have_happened
        await ask(upstream)
        assert _used(raw) == ["s1", "s2"]


async def test_sessions_are_bounded_and_ended_when_evicted_and_at_close() -> None:
    sessions = Sessions()
    async with connected(sessions.serve, Limits(max_sessions=2)) as (upstream, _):
        for number in range(3):
            await ask(upstream, owner=f"a|u|{number}")
        await upstream.close()
    assert sorted(sessions.ended) == ["s1", "s2", "s3"]


@pytest.mark.parametrize("begins", [True, False])
async def test_an_upstream_that_changes_how_it_keeps_sessions_is_found_again(begins: bool) -> None:
    keeps = [not begins]
    lost = [False]

    async def calls(request: Request) -> None:
        if lost[0]:
            lost[0] = False
            request.hang_up()
        else:
            await echo(request)

    async def changing(request: Request) -> None:
        session = (lambda: "s1") if keeps[0] else None
        await handshaking(calls, session=session)(request)

    async with connected(changing) as (upstream, raw):
        await ask(upstream, owner="a|u|1")
        keeps[0], lost[0] = begins, True
        with pytest.raises(UpstreamFault):
            await ask(upstream, owner="a|u|1")
        await ask(upstream, owner="a|u|2")
        last = raw.requests[-1]
        assert last.headers.get("mcp-session-id") == ("s1" if begins else None)


async def test_an_upstream_that_keeps_sessions_no_more_is_found_again() -> None:
    keeps = [True]

    async def calls(request: Request) -> None:
        if "mcp-session-id" in request.headers and not keeps[0]:
            request.respond(status=404)
        else:
            await echo(request)

    async def changing(request: Request) -> None:
        session = (lambda: "s1") if keeps[0] else None
        await handshaking(calls, session=session)(request)

    async with connected(changing) as (upstream, raw):
        await ask(upstream, owner="a|u|1")
        keeps[0] = False
        with pytest.raises(UpstreamFault) as caught:
            await ask(upstream, owner="a|u|1")
        assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-rejected", False)
        await ask(upstream, owner="a|u|1")
        assert "mcp-session-id" not in raw.requests[-1].headers


async def test_a_session_outlives_a_broken_connection() -> None:
    broken = [False]

    async def calls(request: Request) -> None:
        if broken[0]:
            broken[0] = False
            request.hang_up()
        else:
            await echo(request)

    async with connected(handshaking(calls, session=lambda: "s1")) as (upstream, raw):
        await ask(upstream)
        broken[0] = True
        with pytest.raises(UpstreamFault):
            await ask(upstream)
        await ask(upstream)
        assert raw.methods.count("server/discover") == 2  # another server might answer now
        assert raw.methods.count("initialize") == 1


async def test_an_unintelligible_answer_to_discovery_leads_to_a_handshake() -> None:
    async def older(request: Request) -> None:
        if request.method == "server/discover":
            request.respond(b"what?")
        else:
            await handshaking(echo)(request)

    async with connected(older) as (upstream, raw):
        await ask(upstream)
        assert raw.methods.count("initialize") == 1


async def test_closing_does_not_wait_for_an_upstream_that_ignores_farewells(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(outbound, "_COURTESY_S", 0.05)

    async def deaf(request: Request) -> None:
        if request.verb == "DELETE":
            await asyncio.Event().wait()
        await handshaking(echo, session=lambda: "s1")(request)

    async with connected(deaf) as (upstream, raw):
        await ask(upstream)
        await upstream.close()
        assert raw.requests[-1].verb == "DELETE"
