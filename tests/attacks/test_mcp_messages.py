"""Messages that mean two things, or that mean something else to whoever stands in between."""

import asyncio
import base64
import unicodedata

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.entrypoints import envelope, wire
from safeconduct.entrypoints.arrival import Limits
from safeconduct.entrypoints.wire import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    INVALID_REQUEST,
    MAX_ID,
    METHOD_NOT_FOUND,
    PARSE_ERROR,
)
from safeconduct.kit import strictjson
from safeconduct.ports import JSON, Refused
from tests.support.front import (
    BASE,
    CALL,
    MAX_BODY,
    TOKEN,
    Page,
    Reply,
    ask,
    front,
    handshake,
    listening,
    modern,
    replaced,
    without,
)


async def attack(
    body: bytes, fields: list[tuple[str, str]] | None = None, *, path: str = "/mcp"
) -> Reply:
    """Send what must not reach the page."""
    page = Page()
    reply = await ask(front(page), body, fields or BASE, path=path)
    assert page.calls == []
    assert page.listed == []
    return reply


def calling(params: str, *, method: str = '"tools/call"', number: str = "1") -> bytes:
    """A tool call written by hand."""
    return f'{{"jsonrpc":"2.0","id":{number},"method":{method},"params":{params}}}'.encode()


# --- names ----------------------------------------------------------------------------------------

DISGUISES = [
    "CRM__get_case",
    "crm__Get_Case",
    " crm__get_case",
    "crm__get_case ",
    "crm__get_case\u200b",
    "crm__get\u005fcase\n",
    "crm__get_\u0441ase",
    "ｃｒｍ__get_case",
    "crm__get_case\x00",
    "crm\u202e__get_case",
    "crm.get_case",
]


@pytest.mark.parametrize("name", DISGUISES)
async def test_a_name_in_disguise_reaches_the_page_in_its_disguise(name: str) -> None:
    page = Page()
    await ask(front(page), *handshake("tools/call", {"name": name}))
    [call] = page.calls
    assert call.name == name
    assert call.name != CALL["name"]


async def test_a_name_is_not_normalised_on_its_way() -> None:
    composed, decomposed = "crm__gr\u00f6\u00dfe", "crm__gro\u0308\u00dfe"
    assert unicodedata.normalize("NFC", decomposed) == composed
    page = Page()
    for name in (composed, decomposed):
        await ask(front(page), *handshake("tools/call", {"name": name}))
    assert [call.name for call in page.calls] == [composed, decomposed]


@pytest.mark.parametrize("name", DISGUISES)
async def test_a_proxy_is_not_shown_a_name_in_disguise(name: str) -> None:
    body, fields = modern("tools/call", CALL)
    if not (name.isascii() and name.isprintable()) or name != name.strip():
        name = f"=?base64?{base64.b64encode(name.encode()).decode()}?="
    assert (await attack(body, list(replaced(fields, "mcp-name", name)))).code == HEADER_MISMATCH


async def test_an_unlisted_tool_gets_to_the_byte_what_an_unknown_one_gets() -> None:
    page = Page()
    page.answer = Refused(decision="d-hidden", code="tool-unknown")
    hidden = await ask(front(page), *modern("tools/call", {"name": "crm__export_all"}))
    page.answer = Refused(decision="d-unknown", code="tool-unknown")
    unknown = await ask(front(page), *modern("tools/call", {"name": "no__such_tool"}))
    elsewhere = await ask(front(page), *modern("tools/call", {"name": "x"}), path="/mcp/nowhere")
    assert hidden == unknown == elsewhere
    assert (hidden.status, hidden.code) == (200, INVALID_PARAMS)


# --- headers against body -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-method", "tools/list"),
        ("mcp-name", "crm__list_cases"),
        ("mcp-param-case", "C-2"),
    ],
)
async def test_a_header_that_tells_a_proxy_something_else_is_refused(name: str, value: str) -> None:
    body, fields = modern("tools/call", CALL)
    reply = await attack(body, list(replaced(fields, name, value)))
    assert (reply.status, reply.code) == (400, HEADER_MISMATCH)


async def test_the_arguments_are_gone_through_once_however_many_headers_mirror_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    looked = 0

    def counted(value: object) -> JSON | None:
        nonlocal looked
        looked += 1
        return wire.as_object(value)

    monkeypatch.setattr(envelope, "as_object", counted)
    arguments = {"deep": {f"a{number}": {} for number in range(20)}, "last": "x"}
    body, fields = modern("tools/call", {"name": "crm__get_case", "arguments": arguments})
    found: list[int] = []
    for headers in (1, 50):
        looked = 0
        given = [(f"mcp-param-{number}", "x") for number in range(headers)]
        await ask(front(Page()), body, [*fields, *given])
        found.append(looked)
    assert found[0] == found[1] > 20


@pytest.mark.parametrize("name", ["mcp-protocol-version", "mcp-method", "mcp-name"])
@pytest.mark.parametrize("value", [None, "other"])
async def test_a_second_copy_of_a_header_is_refused(name: str, value: str | None) -> None:
    body, fields = modern("tools/call", CALL)
    given_twice = [*fields, (name, value or dict(fields)[name])]
    reply = await attack(body, given_twice)
    assert (reply.status, reply.code) == (400, HEADER_MISMATCH)


async def test_a_stripped_version_header_does_not_lower_the_revision() -> None:
    body, fields = modern("tools/call", CALL)
    reply = await attack(body, list(without(fields, "mcp-protocol-version")))
    assert (reply.status, reply.code) == (400, HEADER_MISMATCH)


async def test_two_tokens_are_not_one_token() -> None:
    body, fields = modern("tools/call", CALL)
    assert (await attack(body, [*fields, ("authorization", TOKEN)])).status == 400


async def test_a_token_in_the_query_or_the_body_is_no_token() -> None:
    body, fields = modern("tools/call", {**CALL, "access_token": "good"})
    fields = without(fields, "authorization")
    assert (await attack(body, list(fields))).status == 401
    assert (await attack(body, list(fields), path="/mcp?access_token=good")).status == 404


# --- bodies ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        calling('{"name":"crm__get_case","name":"crm__export_all"}'),
        calling('{"name":"crm__get_case","n\\u0061me":"crm__export_all"}'),
        calling('{"name":"t","arguments":{"to":"a","to":"b"}}'),
        calling('{"name":"t","arguments":{"x":{"to":"a","to":"b"}}}'),
        calling('{"name":"t"}', number='1,"id":2'),
        calling('{"name":"t"}', method='"tools/list","method":"tools/call"'),
    ],
)
async def test_a_duplicate_key_has_no_meaning(body: bytes) -> None:
    reply = await attack(body)
    assert (reply.status, reply.code) == (400, PARSE_ERROR)


@pytest.mark.parametrize(
    "text", ['"\\ud800"', '"a\\udfffb"', '"\\ud800\\ud800"', '"\\udc00\\ud800"', '{"\\udead":1}']
)
async def test_half_a_surrogate_pair_has_no_meaning(text: str) -> None:
    reply = await attack(calling(f'{{"name":"t","arguments":{{"a":{text}}}}}'))
    assert (reply.status, reply.code) == (400, PARSE_ERROR)


@pytest.mark.parametrize(
    "number",
    ["9007199254740992", "-9007199254740992", "1" + "0" * 1000, "1e400", "-0", "NaN", "Infinity"],
)
async def test_a_number_that_parsers_round_differently_has_no_meaning(number: str) -> None:
    reply = await attack(calling(f'{{"name":"t","arguments":{{"a":{number}}}}}'))
    assert (reply.status, reply.code) == (400, PARSE_ERROR)


@pytest.mark.parametrize("nested", [b"[" * 2000, b'{"a":' * 600, b"[{" * 900])
async def test_deep_nesting_is_refused(nested: bytes) -> None:
    reply = await attack(b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":' + nested)
    assert (reply.status, reply.code) == (400, PARSE_ERROR)


@pytest.mark.parametrize("closed", [True, False])
async def test_nesting_of_a_hundred_thousand_is_refused_too(closed: bool) -> None:
    page = Page()
    body = b"[" * 100_000 + (b"]" * 100_000 if closed else b"")
    reply = await ask(front(page, max_body_bytes=1_000_000), body)
    assert (reply.status, reply.code, page.calls) == (400, PARSE_ERROR, [])


@pytest.mark.parametrize("body", [b"[1.0e0" + b",0" * 9, b'{"jsonrpc":"2.0","id":1}', b""])
async def test_nobody_s_body_is_parsed(body: bytes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strictjson, "loads", None)
    page = Page()
    stranger = list(replaced(BASE, "authorization", "DPoP anything"))
    assert (await ask(front(page), body, stranger)).status == 401
    assert len(page.callers) == 1


@pytest.mark.parametrize(
    "body",
    [
        b"\xef\xbb\xbf" + calling('{"name":"t"}'),
        calling('{"name":"t"}').decode().encode("utf-16"),
        calling('{"name":"t"}').replace(b'"t"', b'"\xc0\xae"'),
        calling('{"name":"t"}').replace(b'"t"', b'"\xed\xa0\x80"'),
        calling('{"name":"t"}') + calling('{"name":"t"}'),
        calling('{"name":"t"}') + b"\n\x00",
        b"\x1e" + calling('{"name":"t"}'),
        calling("{'name':'t'}"),
        calling('{"name":"t",}'),
        calling('{"name":"t"/**/}'),
    ],
)
async def test_bytes_that_only_some_parsers_take_are_refused(body: bytes) -> None:
    reply = await attack(body)
    assert (reply.status, reply.code) == (400, PARSE_ERROR)


@pytest.mark.parametrize(
    "messages",
    [
        [],
        [orjson.loads(handshake("tools/call", CALL)[0])],
        [orjson.loads(handshake("ping")[0]), orjson.loads(handshake("tools/call", CALL)[0])],
    ],
)
@pytest.mark.parametrize("version", ["2025-03-26", "2025-11-25", "2026-07-28"])
async def test_a_batch_is_refused(messages: list[JSON], version: str) -> None:
    reply = await attack(orjson.dumps(messages), [*BASE, ("mcp-protocol-version", version)])
    assert (reply.status, reply.code) == (400, INVALID_REQUEST)


async def test_an_id_that_would_come_back_again_and_again_is_short() -> None:
    for size, status in ((MAX_ID, 200), (MAX_ID + 1, 400)):
        number = b'"%b"' % (b"i" * size)
        page = Page()
        body, fields = handshake("tools/call", CALL)
        reply = await ask(front(page), body.replace(b'"id":1', b'"id":' + number, 1), fields)
        assert (reply.status, len(page.calls)) == (status, status == 200)
    body, fields = handshake("tools/call", CALL, progressToken="p" * (MAX_ID + 1))
    assert (await attack(body, list(fields))).code == INVALID_PARAMS


async def test_a_notification_does_not_call() -> None:
    body = orjson.dumps({"jsonrpc": "2.0", "method": "tools/call", "params": CALL})
    reply = await attack(body)
    assert (reply.status, reply.code) == (400, INVALID_REQUEST)


async def test_an_answer_that_nobody_asked_for_is_refused() -> None:
    body = orjson.dumps({"jsonrpc": "2.0", "id": 1, "result": {"action": "accept"}})
    assert (await attack(body)).status == 400


@pytest.mark.parametrize(
    "method",
    [
        "subscriptions/listen",
        "notifications/elicitation/complete",
        "completion/Complete",
        "sampling/createMessage",
        "elicitation/create",
        "roots/list",
        "tasks/get",
        "tools/call/",
        "tools/cal\u217c",
        "rpc.discover",
    ],
)
async def test_a_method_outside_the_table_is_refused(method: str) -> None:
    assert (await attack(*handshake(method, CALL))).code == METHOD_NOT_FOUND  # type: ignore[arg-type]


# --- HTTP -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "value", "status"),
    [
        ("host", "evil.example", 421),
        ("host", "gateway.example:8700", 421),
        ("host", "127.0.0.1:8701", 421),
        ("host", "gateway.example@evil.example", 421),
        ("origin", "https://evil.example", 403),
        ("origin", "null", 403),
        ("origin", "https://console.example.evil.example", 403),
        ("content-type", "text/plain", 415),
        ("content-type", "application/x-www-form-urlencoded", 415),
        ("content-encoding", "gzip", 415),
    ],
)
async def test_a_web_page_cannot_speak_for_the_agent(name: str, value: str, status: int) -> None:
    body, fields = modern("tools/call", CALL)
    assert (await attack(body, list(replaced(fields, name, value)))).status == status


async def test_an_oversized_body_is_refused() -> None:
    body, fields = modern("tools/call", {**CALL, "arguments": {"a": "x" * MAX_BODY}})
    assert (await attack(body, list(fields))).status == 413
    assert (await attack(body, [*fields, ("content-length", "9" * 18)])).status == 413


def on_the_wire(body: bytes, *fields: bytes) -> bytes:
    """A request as it stands on the wire."""
    head = [b"POST /mcp HTTP/1.1", *(f"{name}: {value}".encode() for name, value in BASE), *fields]
    return b"\r\n".join([*head, b"", body])


async def answers(data: bytes, limits: Limits | None = None) -> tuple[bytes, Page]:
    """Everything that comes back until the connection ends."""
    page = Page()
    async with listening(front(page), limits) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(data)
        said = await reader.read()
        writer.close()
    return said, page


async def test_a_body_that_drips_is_given_up() -> None:
    body, _ = handshake("tools/call", CALL)
    length = b"Content-Length: %d" % len(body)
    said, page = await answers(on_the_wire(body[:-1], length), Limits(read_s=0.02))
    assert said.startswith(b"HTTP/1.1 408 ")
    assert page.calls == []


@pytest.mark.parametrize(
    "fields",
    [
        [b"Content-Length: 4", b"Transfer-Encoding: chunked"],
        [b"Transfer-Encoding: chunked", b"Content-Length: 4"],
        [b"Content-Length: 0", b"Content-Length: 4"],
        [b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity"],
        [b"Content-Length: 0", b"Connection: upgrade", b"Upgrade: websocket"],
    ],
)
async def test_a_request_hidden_in_another_is_not_found(fields: list[bytes]) -> None:
    body, _ = handshake("tools/call", CALL)
    hidden = on_the_wire(body, b"Content-Length: %d" % len(body))
    said, page = await answers(on_the_wire(b"0\r\n\r\n" + hidden, *fields))
    assert said.startswith(b"HTTP/1.1 400 ")
    assert said.count(b"HTTP/1.1 ") == 1
    assert page.callers == []


# --- anything else --------------------------------------------------------------------------------

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
MEMBERS = st.fixed_dictionaries(
    {},
    optional={
        "jsonrpc": st.just("2.0") | VALUES,
        "id": st.integers(0, 9) | st.text() | VALUES,
        "method": st.sampled_from(["tools/call", "tools/list", "resources/read"]) | VALUES,
        "params": VALUES
        | st.fixed_dictionaries(
            {"name": st.text() | VALUES},
            optional={"arguments": VALUES, "uri": VALUES, "_meta": VALUES},
        ),
    },
)
SHAPES = st.binary(max_size=200) | MEMBERS.map(orjson.dumps) | VALUES.map(orjson.dumps)


@given(body=SHAPES)
async def test_whatever_a_body_says_it_is_answered_or_refused(body: bytes) -> None:
    page = Page()
    reply = await ask(front(page), body)
    assert reply.status in {200, 202, 400, 404}
    for call in page.calls:
        sent = strictjson.loads(body)
        params = sent["params"]
        assert call.method == sent["method"]
        assert call.name == params[{"resources/read": "uri"}.get(call.method, "name")]
        assert call.params == {key: value for key, value in params.items() if key != "_meta"}


@given(at=st.integers(0, 400), bit=st.integers(0, 7))
async def test_a_flipped_bit_is_seen_or_changes_only_what_it_says(at: int, bit: int) -> None:
    body, fields = modern("tools/call", CALL)
    changed = bytearray(body)
    changed[at % len(body)] ^= 1 << bit
    page = Page()
    reply = await ask(front(page), bytes(changed), fields)
    # The name and the method stand in headers too, so a call that got through is of this tool.
    for call in page.calls:
        assert (call.method, call.name) == ("tools/call", CALL["name"])
    assert page.calls or reply.status == 400
