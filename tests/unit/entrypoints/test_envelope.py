import base64

import pytest

from safeconduct.core.calls import HANDSHAKE, MODERN
from safeconduct.entrypoints.envelope import require_mirrored, revision, speaks_modern
from safeconduct.entrypoints.wire import (
    HEADER_MISMATCH,
    INVALID_PARAMS,
    UNSUPPORTED_VERSION,
    Message,
    Rejected,
    parse,
)
from safeconduct.ports import JSON
from tests.support.front import (
    CALL,
    Fields,
    handshake,
    modern,
    notification,
    replaced,
    unconnected,
    without,
)


def spoken(body: bytes, fields: Fields) -> str:
    message = parse(body, 10_000)
    assert isinstance(message, Message)
    return revision(unconnected(fields), message)


def code(body: bytes, fields: Fields) -> int:
    with pytest.raises(Rejected) as caught:
        spoken(body, fields)
    return caught.value.code


def test_the_envelope_says_the_modern_revision() -> None:
    assert spoken(*modern("tools/call", CALL)) == MODERN
    assert spoken(*modern("tools/list")) == MODERN
    assert spoken(*modern("resources/read", {"uri": "file:///a b"})) == MODERN


@pytest.mark.parametrize("version", ["2025-11-25", "2025-06-18", "2025-03-26"])
def test_the_header_says_a_revision_with_a_handshake(version: str) -> None:
    body, fields = handshake("tools/call", CALL)
    assert spoken(body, replaced(fields, "mcp-protocol-version", version)) == HANDSHAKE


def test_without_any_version_it_is_a_client_of_before_2025_06_18() -> None:
    body, fields = handshake("tools/call", CALL)
    assert spoken(body, without(fields, "mcp-protocol-version")) == HANDSHAKE


@pytest.mark.parametrize(
    "version", ["2024-11-05", "2027-01-01", "", "2026-07-28 ", "2025-11-25\xa0"]
)
def test_another_revision_is_not_spoken_here(version: str) -> None:
    body, fields = handshake("tools/list")
    assert code(body, replaced(fields, "mcp-protocol-version", version)) == UNSUPPORTED_VERSION


@pytest.mark.parametrize("name", ["mcp-protocol-version", "mcp-method", "mcp-name"])
def test_a_modern_request_needs_every_mirrored_header(name: str) -> None:
    body, fields = modern("tools/call", CALL)
    assert code(body, without(fields, name)) == HEADER_MISMATCH


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mcp-protocol-version", "2025-11-25"),
        ("mcp-protocol-version", "2027-01-01"),
        ("mcp-method", "tools/list"),
        ("mcp-method", "Tools/call"),
        ("mcp-method", "tools/call "),
        ("mcp-name", "crm__get_cas"),
        ("mcp-name", "CRM__get_case"),
        ("mcp-name", ""),
        ("mcp-name", "=?base64??="),
        ("mcp-name", "=?base64?not base64?="),
        ("mcp-name", "=?base64?"),
    ],
)
def test_a_header_that_contradicts_the_body_is_refused(name: str, value: str) -> None:
    body, fields = modern("tools/call", CALL)
    assert code(body, replaced(fields, name, value)) == HEADER_MISMATCH


@pytest.mark.parametrize("name", ["mcp-protocol-version", "mcp-method", "mcp-name"])
def test_a_mirrored_header_may_stand_once(name: str) -> None:
    body, fields = modern("tools/call", CALL)
    assert code(body, [*fields, (name, dict(fields)[name])]) == HEADER_MISMATCH


def test_a_name_that_is_not_plain_ascii_comes_in_base64() -> None:
    body, fields = modern("tools/call", {"name": "crm__größe"})
    encoded = base64.b64encode("crm__größe".encode()).decode()
    assert spoken(body, replaced(fields, "mcp-name", f"=?base64?{encoded}?=")) == MODERN
    assert code(body, replaced(fields, "mcp-name", "crm__größe")) == HEADER_MISMATCH


@pytest.mark.parametrize(
    "inner", ["bm==", "bn==", "bm", "bm===", " bm==", "bm==\t", "/w==", "bm==?=x"]
)
def test_only_the_canonical_base64_of_the_name_is_the_name(inner: str) -> None:
    body, fields = modern("tools/call", {"name": "n"})
    assert code(body, replaced(fields, "mcp-name", f"=?base64?{inner}?=")) == HEADER_MISMATCH
    assert spoken(body, replaced(fields, "mcp-name", "=?base64?bg==?=")) == MODERN


def test_a_name_header_needs_a_name_to_mirror() -> None:
    body, fields = modern("tools/list")
    assert code(body, [*fields, ("mcp-name", "x")]) == HEADER_MISMATCH
    assert code(body, [*fields, ("mcp-name", "=?base64?!?=")]) == HEADER_MISMATCH


def test_older_clients_need_no_mirrored_headers_and_may_not_lie_in_them() -> None:
    body, fields = handshake("tools/call", CALL)
    assert spoken(body, [*fields, ("mcp-name", "crm__get_case")]) == HANDSHAKE
    assert code(body, [*fields, ("mcp-name", "crm__other")]) == HEADER_MISMATCH
    assert code(body, [*fields, ("mcp-method", "tools/list")]) == HEADER_MISMATCH
    assert code(body, [*fields, ("mcp-param-a", "x")]) == HEADER_MISMATCH


def test_a_body_that_says_another_revision_than_the_header_is_refused() -> None:
    meta = {"io.modelcontextprotocol/protocolVersion": "2026-07-28"}
    body, fields = handshake("tools/list", None, **meta)
    assert code(body, fields) == HEADER_MISMATCH
    assert code(body, without(fields, "mcp-protocol-version")) == HEADER_MISMATCH


def test_an_older_revision_may_stand_in_the_body_too() -> None:
    meta = {"io.modelcontextprotocol/protocolVersion": "2025-11-25"}
    assert spoken(*handshake("tools/list", None, **meta)) == HANDSHAKE


@pytest.mark.parametrize(
    "meta",
    [
        {"io.modelcontextprotocol/clientCapabilities": None},
        {"io.modelcontextprotocol/clientCapabilities": []},
        {"io.modelcontextprotocol/protocolVersion": None},
    ],
)
def test_a_modern_request_carries_its_envelope(meta: JSON) -> None:
    assert code(*modern("tools/list", None, **meta)) == INVALID_PARAMS


def test_a_version_that_is_no_string_contradicts_every_header() -> None:
    body, fields = modern("tools/list", None, **{"io.modelcontextprotocol/protocolVersion": 2026})
    assert code(body, fields) == HEADER_MISMATCH


def test_a_modern_notification_needs_the_version_alone() -> None:
    body, fields = notification("notifications/cancelled", {"requestId": 1})
    fields = replaced(fields, "mcp-protocol-version", "2026-07-28")
    assert spoken(body, fields) == MODERN
    assert code(body, [*fields, ("mcp-method", "tools/call")]) == HEADER_MISMATCH


ARGUMENTS = {
    "region": "us-west1",
    "count": 42,
    "urgent": True,
    "note": "grüß",
    "deep": {"er": {"id": "x-1"}},
    "list": ["hidden"],
    "none": None,
}


@pytest.mark.parametrize(
    "value", ["us-west1", "42", "true", "x-1", "=?base64?Z3LDvMOf?=", "=?base64?dXMtd2VzdDE=?="]
)
def test_a_parameter_header_mirrors_an_argument(value: str) -> None:
    body, fields = modern("tools/call", {"name": "t", "arguments": ARGUMENTS})
    assert spoken(body, [*fields, ("mcp-param-any", value)]) == MODERN


@pytest.mark.parametrize(
    "value",
    ["us-west2", "43", "True", "false", "1", "hidden", "null", "None", "", "grüß", "=?base64?!?="],
)
def test_a_parameter_header_that_mirrors_nothing_is_refused(value: str) -> None:
    body, fields = modern("tools/call", {"name": "t", "arguments": ARGUMENTS})
    assert code(body, [*fields, ("mcp-param-any", value)]) == HEADER_MISMATCH


def test_a_parameter_header_may_stand_once() -> None:
    body, fields = modern("tools/call", {"name": "t", "arguments": ARGUMENTS})
    given: Fields = [*fields, ("mcp-param-n", "42"), ("mcp-param-n", "42")]
    assert code(body, given) == HEADER_MISMATCH


@pytest.mark.parametrize(
    ("extra", "agrees"),
    [
        ([("mcp-param-region", "us-west1")], True),
        ([("mcp-param-region", "=?base64?dXMtd2VzdDE=?=")], True),
        ([], False),
        ([("mcp-param-region", "us-west2")], False),
        ([("mcp-param-region", "=?base64?!?=")], False),
        ([("mcp-param-region", "us-west1"), ("mcp-param-region", "us-west1")], False),
        ([("mcp-param-other", "us-west1")], False),
    ],
)
def test_a_parameter_header_that_a_tool_wants_must_be_there(extra: Fields, agrees: bool) -> None:
    body, fields = modern("tools/call", {"name": "t", "arguments": ARGUMENTS})
    message = parse(body, 10_000)
    assert isinstance(message, Message)
    if agrees:
        require_mirrored(unconnected([*fields, *extra]), message, {"region": "us-west1"})
        return
    with pytest.raises(Rejected) as caught:
        require_mirrored(unconnected([*fields, *extra]), message, {"region": "us-west1"})
    assert caught.value.code == HEADER_MISMATCH


@pytest.mark.parametrize(
    ("version", "is_modern"),
    [(None, False), ("2025-11-25", False), ("2026-07-28", True), ("2030-01-01", True)],
)
def test_the_head_suggests_an_era(version: str | None, is_modern: bool) -> None:
    fields: Fields = [] if version is None else [("mcp-protocol-version", version)]
    assert speaks_modern(unconnected(fields)) is is_modern
