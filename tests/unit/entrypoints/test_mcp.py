import asyncio

import orjson
import pytest

from safeconduct.core import calls
from safeconduct.core.calls import Kind
from safeconduct.entrypoints.wire import (
    CANCELLED,
    HEADER_MISMATCH,
    INTERNAL_ERROR,
    INVALID_PARAMS,
    INVALID_REQUEST,
    METHOD_NOT_FOUND,
)
from safeconduct.ports import (
    JSON,
    Bearer,
    Caller,
    Delivered,
    Listener,
    NotRecorded,
    Refused,
    Unauthenticated,
)
from tests.support.front import (
    BASE,
    CALL,
    ISSUER,
    MAX_BODY,
    METADATA,
    TOKEN,
    Called,
    Page,
    ask,
    exchange,
    front,
    handshake,
    modern,
    notification,
    replaced,
    without,
)

CLIENT: JSON = {
    "protocolVersion": "2025-11-25",
    "capabilities": {},
    "clientInfo": {"name": "c", "version": "1"},
}


@pytest.fixture
def page() -> Page:
    return Page()


async def test_a_tool_call_reaches_the_page_as_it_was_meant(page: Page) -> None:
    reply = await ask(front(page), *modern("tools/call", CALL))
    assert reply.status == 200
    assert reply.json == {
        "jsonrpc": "2.0",
        "id": 1,
        "result": {"content": [{"type": "text", "text": "done"}], "resultType": "complete"},
    }
    assert page.calls == [Called("tools/call", None, "crm__get_case", CALL)]


async def test_the_older_era_gets_what_it_knows(page: Page) -> None:
    reply = await ask(front(page), *handshake("tools/call", CALL))
    assert reply.json["result"] == {"content": [{"type": "text", "text": "done"}]}


@pytest.mark.parametrize(
    ("method", "params", "name"),
    [
        ("tools/call", {"name": "t", "arguments": {}}, "t"),
        ("resources/read", {"uri": "file:///x"}, "file:///x"),
        ("prompts/get", {"name": "p"}, "p"),
    ],
)
async def test_an_endpoint_of_one_upstream_says_which(
    page: Page, method: str, params: JSON, name: str
) -> None:
    await ask(front(page), *modern(method, params), path="/mcp/crm-2")
    assert page.calls == [Called(method, "crm-2", name, params)]
    assert page.callers[0].url == f"{ISSUER}/mcp/crm-2"


@pytest.mark.parametrize("name", ["CRM", "crm_2", "-crm", "crm-", "crm.2", "c" * 65, "crm%20"])
async def test_what_is_no_upstream_id_is_not_found(page: Page, name: str) -> None:
    reply = await ask(front(page), *modern("tools/call", CALL), path=f"/mcp/{name}")
    assert (reply.status, page.callers) == (404, [])


async def test_the_caller_is_what_the_request_claims(page: Page) -> None:
    body, fields = modern("tools/call", CALL)
    await ask(front(page), body, [*fields, ("dpop", "second")])
    [caller] = page.callers
    assert caller.http_method == "POST"
    assert caller.url == f"{ISSUER}/mcp"
    assert caller.authorization == TOKEN
    assert caller.dpop == ("proof", "second")


# --- what the entrypoint answers itself -----------------------------------------------------------


async def test_initialize_hands_out_a_session(page: Page) -> None:
    reply = await ask(front(page), *handshake("initialize", CLIENT))
    assert reply.json["result"]["protocolVersion"] == "2025-11-25"
    assert set(reply.headers) == {"content-type", "content-length", "mcp-session-id"}


async def test_discover_is_private_and_stale_at_once(page: Page) -> None:
    result: JSON = (await ask(front(page), *modern("server/discover"))).json["result"]
    assert result["supportedVersions"] == ["2026-07-28", "2025-11-25"]
    assert (result["resultType"], result["ttlMs"], result["cacheScope"]) == (
        "complete",
        0,
        "private",
    )


async def test_ping_is_answered(page: Page) -> None:
    assert (await ask(front(page), *handshake("ping"))).json["result"] == {}


@pytest.mark.parametrize("kind", ["tools", "resources", "prompts"])
async def test_a_list_is_what_the_page_shows(page: Page, kind: str) -> None:
    page.definitions = [{"name": "crm__get_case"}]
    reply = await ask(front(page), *modern(f"{kind}/list"), path="/mcp/crm")
    assert page.listed == [(f"{kind}/list", "crm")]
    assert reply.json["result"] == {
        kind: [{"name": "crm__get_case"}],
        "resultType": "complete",
        "ttlMs": 0,
        "cacheScope": "private",
    }
    older = await ask(front(page), *handshake(f"{kind}/list"))
    assert older.json["result"] == {kind: [{"name": "crm__get_case"}]}


async def test_templates_are_listed_under_their_own_name(page: Page) -> None:
    page.definitions = [{"uriTemplate": "file:///{x}", "name": "t"}]
    reply = await ask(front(page), *modern("resources/templates/list"))
    assert reply.json["result"]["resourceTemplates"] == page.definitions


async def test_a_list_has_no_second_page(page: Page) -> None:
    reply = await ask(front(page), *modern("tools/list", {"cursor": "x"}))
    assert (reply.status, reply.code, page.listed) == (400, INVALID_PARAMS, [])


@pytest.mark.parametrize(
    "message",
    [
        handshake("initialize", CLIENT),
        handshake("ping"),
        modern("server/discover"),
        modern("tools/list"),
        modern("tools/call", CALL),
        notification("notifications/initialized"),
        notification("notifications/cancelled", {"requestId": 1}),
    ],
    ids=["initialize", "ping", "discover", "list", "call", "initialized", "cancelled"],
)
async def test_nothing_is_answered_without_a_valid_token(
    page: Page, message: tuple[bytes, list[tuple[str, str]]]
) -> None:
    body, fields = message
    bad = await ask(front(page), body, replaced(fields, "authorization", "DPoP bad"))
    assert (bad.status, len(page.callers)) == (401, 1)
    assert bad.headers["www-authenticate"] == (
        f'DPoP algs="ES256 EdDSA", error="invalid_token", resource_metadata="{METADATA}"'
    )
    none = await ask(front(page), body, without(fields, "authorization"))
    assert (none.status, len(page.callers)) == (401, 1)
    assert none.headers["www-authenticate"] == (
        f'DPoP algs="ES256 EdDSA", resource_metadata="{METADATA}"'
    )
    assert page.calls == []
    assert page.listed == []


async def test_a_proof_is_judged_with_the_body_that_it_came_with(page: Page) -> None:
    body, fields = modern("tools/call", CALL)
    await ask(front(page), body, fields)
    assert [caller.body for caller in page.callers] == [body]


async def test_who_needs_a_nonce_is_given_one() -> None:
    class Wanting(Page):
        async def authenticate(self, caller: Caller) -> Bearer:
            raise Unauthenticated("use_dpop_nonce", "A nonce is needed.", nonce="n-1")

    body, fields = modern("tools/list")
    reply = await ask(front(Wanting()), body, fields)
    assert (reply.status, reply.headers["dpop-nonce"]) == (401, "n-1")
    assert 'error="use_dpop_nonce"' in reply.headers["www-authenticate"]


async def test_each_endpoint_names_its_own_metadata(page: Page) -> None:
    body, fields = modern("tools/list")
    bare = without(fields, "authorization")
    for path, where in (("/mcp", METADATA), ("/mcp/crm", f"{METADATA}/crm")):
        reply = await ask(front(page), body, bare, path=path)
        assert f'resource_metadata="{where}"' in reply.headers["www-authenticate"]


async def test_nothing_is_read_from_who_shows_no_token(page: Page) -> None:
    fields = [*without(BASE, "authorization"), ("content-length", "10")]
    assert (await ask(front(page), fields=fields)).status == 401


COMPLETION: JSON = {
    "ref": {"type": "ref/prompt", "name": "crm__greet"},
    "argument": {"name": "who", "value": "A"},
}


async def test_a_completion_takes_the_page_as_what_it_refers_to(page: Page) -> None:
    page.answer = Delivered(decision="d-1", result={"completion": {"values": ["Ann"]}})
    reply = await ask(front(page), *modern("completion/complete", COMPLETION))
    assert reply.json["result"]["completion"] == {"values": ["Ann"]}
    assert page.calls == [Called("completion/complete", None, "crm__greet", COMPLETION)]


async def test_what_cannot_be_completed_is_unknown(page: Page) -> None:
    page.answer = Refused(decision="d-1", code="tool-unknown")
    reply = await ask(front(page), *handshake("completion/complete", COMPLETION))
    assert (reply.code, reply.json["error"]["message"]) == (
        INVALID_PARAMS,
        "Unknown prompt or resource",
    )


LINK: JSON = {"type": "resource_link", "uri": "file:///x", "name": "x"}


@pytest.mark.parametrize(
    ("method", "params", "result", "place"),
    [
        ("tools/call", {"name": "crm__t"}, {"content": [LINK]}, ("content", 0)),
        (
            "resources/read",
            {"uri": "safeconduct://crm/file:///x"},
            {"contents": [{"uri": "file:///x", "text": "t"}]},
            ("contents", 0),
        ),
    ],
)
async def test_resources_have_one_name_wherever_they_are_named(
    page: Page, method: str, params: JSON, result: JSON, place: tuple[str, int]
) -> None:
    page.answer = Delivered(decision="d-1", result=result)
    member, at = place
    shared = (await ask(front(page), *modern(method, params))).json["result"][member][at]
    own = (await ask(front(page), *modern(method, params), path="/mcp/crm")).json["result"]
    assert shared["uri"] == "safeconduct://crm/file:///x"
    assert own[member][at]["uri"] == "file:///x"


# --- what the table has not -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "method",
    ["tools/Call", "TOOLS/CALL", "tools/call ", "", "tasks/get", "sampling/createMessage"],
)
async def test_a_method_that_is_not_in_the_table_is_refused(page: Page, method: str) -> None:
    newer = await ask(front(page), *modern(method))
    assert (newer.status, newer.code) == (404, METHOD_NOT_FOUND)
    older = await ask(front(page), *handshake(method))
    assert (older.status, older.code) == (200, METHOD_NOT_FOUND)
    assert (page.calls, page.listed) == ([], [])


async def test_a_method_of_the_other_revision_is_refused(page: Page) -> None:
    assert (await ask(front(page), *modern("ping"))).code == METHOD_NOT_FOUND
    assert (await ask(front(page), *modern("initialize", CLIENT))).code == METHOD_NOT_FOUND
    assert (await ask(front(page), *handshake("server/discover"))).code == METHOD_NOT_FOUND


async def test_an_argument_that_must_stand_in_a_header_does(page: Page) -> None:
    page.wanted_headers = {("case_id",): "case"}
    body, fields = modern("tools/call", {"name": "crm__get_case", "arguments": {"case_id": "C-1"}})
    refused = await ask(front(page), body, fields)
    assert (refused.status, refused.code, page.calls) == (400, HEADER_MISMATCH, [])
    assert (await ask(front(page), body, [*fields, ("mcp-param-case", "C-1")])).status == 200
    assert len(page.calls) == 1


async def test_what_an_upstream_may_send_a_client_may_not(page: Page) -> None:
    reply = await ask(front(page), *notification("notifications/progress"))
    assert (reply.status, reply.code) == (404, METHOD_NOT_FOUND)


async def test_a_call_without_an_id_is_not_made(page: Page) -> None:
    reply = await ask(front(page), *notification("tools/call", CALL))
    assert (reply.status, reply.code, page.calls) == (400, INVALID_REQUEST, [])


async def test_a_notification_with_an_id_is_none(page: Page) -> None:
    reply = await ask(front(page), *handshake("notifications/initialized"))
    assert (reply.status, reply.code) == (400, INVALID_REQUEST)


async def test_a_row_that_nobody_answers_is_refused(
    page: Page, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(calls.TABLE, ("from-client", "new/method"), Kind())
    assert (await ask(front(page), *modern("new/method"))).code == METHOD_NOT_FOUND


# --- HTTP around it -------------------------------------------------------------------------------


@pytest.mark.parametrize("method", ["PUT", "HEAD", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/mcp", "/mcp/crm"])
async def test_there_are_three_methods(page: Page, method: str, path: str) -> None:
    reply = await exchange(front(page), path=path, method=method).run()
    assert (reply.status, reply.headers["allow"]) == (405, "DELETE, GET, POST")


@pytest.mark.parametrize("method", ["GET", "DELETE"])
@pytest.mark.parametrize("path", ["/mcp", "/mcp/crm"])
async def test_without_a_session_there_is_only_post(page: Page, method: str, path: str) -> None:
    modern_fields = [
        *BASE, ("mcp-session-id", "s"), ("mcp-protocol-version", "2026-07-28"),
    ]  # fmt: skip
    for fields in (BASE, modern_fields):
        reply = await exchange(front(page), b"", fields, path=path, method=method).run()
        assert (reply.status, reply.headers["allow"]) == (405, "POST")
    assert page.callers == []


async def test_the_body_is_json(page: Page) -> None:
    body, fields = modern("tools/call", CALL)
    reply = await ask(front(page), body, replaced(fields, "content-type", "text/plain"))
    assert (reply.status, page.callers) == (415, [])


@pytest.mark.parametrize("accept", ["text/event-stream", "text/html", "application/xml"])
async def test_the_answer_is_json(page: Page, accept: str) -> None:
    body, fields = modern("tools/call", CALL)
    reply = await ask(front(page), body, replaced(fields, "accept", accept))
    assert (reply.status, page.callers) == (406, [])


@pytest.mark.parametrize("accept", ["*/*", "application/*;q=0.5", "text/html, Application/JSON"])
async def test_a_range_that_holds_json_takes_json(page: Page, accept: str) -> None:
    body, fields = modern("tools/call", CALL)
    assert (await ask(front(page), body, replaced(fields, "accept", accept))).status == 200


async def test_who_names_no_type_takes_any(page: Page) -> None:
    body, fields = modern("tools/call", CALL)
    assert (await ask(front(page), body, without(fields, "accept"))).status == 200


async def test_the_body_has_a_limit(page: Page) -> None:
    body, fields = modern("tools/call", {**CALL, "arguments": {"a": "x" * MAX_BODY}})
    assert ((await ask(front(page), body, fields)).status, page.callers) == (413, [])


# --- answers --------------------------------------------------------------------------------------


async def test_a_refusal_is_answered_as_the_table_of_errors_says(page: Page) -> None:
    page.answer = Refused(decision="d-1", code="flow-mixed")
    reply = await ask(front(page), *modern("tools/call", CALL))
    assert reply.json["result"]["isError"] is True
    page.answer = Refused(decision="d-1", code="scope-missing", scopes=("a", "b"))
    assert (await ask(front(page), *modern("tools/call", CALL))).status == 403
    page.answer = Refused(decision="d-1", code="tool-unknown")
    reply = await ask(front(page), *modern("tools/call", CALL))
    assert (reply.status, reply.code) == (200, INVALID_PARAMS)


async def test_a_resource_is_not_to_be_cached_for_others(page: Page) -> None:
    page.answer = Delivered(decision="d", result={"contents": [], "cacheScope": "public"})
    reply = await ask(front(page), *modern("resources/read", {"uri": "u:1"}))
    assert reply.json["result"]["cacheScope"] == "private"


async def test_what_was_not_recorded_is_an_internal_error(page: Page) -> None:
    page.fault = NotRecorded("i-7")
    reply = await ask(front(page), *modern("tools/call", CALL))
    assert (reply.status, reply.code) == (500, INTERNAL_ERROR)
    assert reply.json["error"]["data"] == {"incident": "i-7"}


@pytest.mark.parametrize("answer", ["raises", "unlisted"])
async def test_a_fault_of_the_page_delivers_nothing(
    page: Page, answer: str, caplog: pytest.LogCaptureFixture
) -> None:
    if answer == "raises":
        page.fault = RuntimeError("the secret of the house")
    page.answer = Refused(decision="d-1", code="no-such-reason")
    reply = await ask(front(page), *modern("tools/call", CALL))
    assert (reply.status, reply.code) == (500, INTERNAL_ERROR)
    assert b"secret" not in reply.body
    assert reply.json["error"]["data"]["incident"] in caplog.text


# --- progress and cancellation --------------------------------------------------------------------


async def tells(listener: Listener | None) -> None:
    if listener is not None:
        await listener.notified("notifications/progress", {"progress": 1, "message": "half way"})


@pytest.mark.parametrize("message", [modern, handshake])
async def test_who_wants_progress_gets_a_stream_once_there_is_some(
    page: Page, message: type
) -> None:
    page.during = tells
    reply = await ask(front(page), *message("tools/call", CALL, progressToken=9))
    assert reply.headers["content-type"] == "text/event-stream"
    progress, answer = reply.events
    assert progress["params"] == {"progressToken": 9, "progress": 1, "message": "half way"}
    assert answer["result"]["content"] == [{"type": "text", "text": "done"}]


async def test_without_progress_nothing_is_streamed(page: Page) -> None:
    reply = await ask(front(page), *modern("tools/call", CALL, progressToken=9))
    assert reply.headers["content-type"] == "application/json"


async def test_who_did_not_ask_for_progress_or_cannot_read_it_gets_none(page: Page) -> None:
    page.during = tells
    reply = await ask(front(page), *modern("tools/call", CALL))
    assert reply.headers["content-type"] == "application/json"
    body, fields = modern("tools/call", CALL, progressToken=9)
    reply = await ask(front(page), body, replaced(fields, "accept", "application/json"))
    assert reply.headers["content-type"] == "application/json"


async def test_a_fault_after_progress_ends_the_stream(page: Page) -> None:
    async def breaks(listener: Listener | None) -> None:
        await tells(listener)
        raise NotRecorded("i-8")

    page.during = breaks
    reply = await ask(front(page), *modern("tools/call", CALL, progressToken="t"))
    assert reply.status == 200
    assert reply.events[-1]["error"]["data"] == {"incident": "i-8"}


async def test_a_progress_token_of_another_type_is_refused(page: Page) -> None:
    reply = await ask(front(page), *modern("tools/call", CALL, progressToken=[1]))
    assert (reply.code, page.calls) == (INVALID_PARAMS, [])


class Waits:
    """A call that waits to be cancelled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.cancelled = False

    async def __call__(self, _: Listener | None) -> None:
        self.begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise


async def test_a_client_that_goes_away_cancels_its_call(page: Page) -> None:
    waits = page.during = Waits()
    link = exchange(front(page), *modern("tools/call", CALL))
    task = asyncio.ensure_future(link.bytes())
    await waits.begun.wait()
    link.leave()
    assert (await task, waits.cancelled) == (b"", True)


async def test_a_notification_cancels_the_call_that_it_names(page: Page) -> None:
    waits = page.during = Waits()
    app = front(page)
    task = asyncio.ensure_future(ask(app, *handshake("tools/call", CALL)))
    await waits.begun.wait()
    reply = await ask(app, *notification("notifications/cancelled", {"requestId": 1}))
    assert (reply.status, reply.body) == (202, b"")
    answer = await task
    assert (answer.status, answer.code, waits.cancelled) == (200, CANCELLED, True)


@pytest.mark.parametrize("params", [{}, {"requestId": 2}, {"requestId": "1"}, {"requestId": None}])
async def test_a_notification_that_names_no_call_cancels_none(page: Page, params: JSON) -> None:
    waits = page.during = Waits()
    app = front(page)
    link = exchange(app, *handshake("tools/call", CALL))
    task = asyncio.ensure_future(link.bytes())
    await waits.begun.wait()
    assert (await ask(app, *notification("notifications/cancelled", params))).status == 202
    assert not waits.cancelled
    link.leave()
    await task


async def test_nobody_cancels_the_call_of_another_token(page: Page) -> None:
    waits = page.during = Waits()
    app = front(page)
    link = exchange(app, *handshake("tools/call", CALL))
    task = asyncio.ensure_future(link.bytes())
    await waits.begun.wait()
    body, fields = notification("notifications/cancelled", {"requestId": 1})
    reply = await ask(app, body, replaced(fields, "authorization", "DPoP bad"))
    assert (reply.status, waits.cancelled) == (401, False)
    link.leave()
    await task


@pytest.mark.parametrize("method", ["initialized", "roots/list_changed"])
async def test_what_is_taken_note_of(page: Page, method: str) -> None:
    reply = await ask(front(page), *notification(f"notifications/{method}"))
    assert (reply.status, reply.body, page.calls) == (202, b"", [])


async def test_a_body_is_read_in_the_era_that_its_head_suggests(page: Page) -> None:
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": {"_meta": 1}})
    fields = [*BASE, ("mcp-protocol-version", "2026-07-28")]
    assert (await ask(front(page), body, fields)).status == 400
    assert (await ask(front(page), body, BASE)).status == 200
