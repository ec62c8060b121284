"""Header fields that repeat the body, compared with what the SDK's server accepts."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mcp.shared.inbound import (
    InboundModernRoute,
    classify_inbound_request,
    decode_header_value,
    validate_mcp_param_headers,
)

from safeconduct.ports import JSON
from safeconduct.upstreams.mirror import Mirror, encode
from safeconduct.upstreams.revisions import with_meta

_TEXT = st.text(st.characters(exclude_categories=["Cs"]))


@given(_TEXT)
def test_encoded_values_survive_and_are_printable(value: str) -> None:
    encoded = encode(value)
    assert encoded.isascii()
    assert encoded.isprintable()
    assert encoded == encoded.strip()
    assert decode_header_value(encoded) == value


@given(st.sampled_from(["tools/call", "prompts/get", "resources/read", "tools/list"]), _TEXT)
def test_a_server_finds_header_and_body_in_agreement(method: str, name: str) -> None:
    params = with_meta({"name": name, "uri": name}, modern=True)
    headers = Mirror().headers(method, params) | {"mcp-protocol-version": "2026-07-28"}
    body: dict[str, Any] = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    assert isinstance(classify_inbound_request(body, headers=headers), InboundModernRoute)


def _listed(schema: object, name: object = "book") -> JSON:
    return {"tools": [{"name": name, "inputSchema": schema}]}


_SCHEMA: JSON = {
    "type": "object",
    "properties": {
        "region": {"type": "string", "x-mcp-header": "Region"},
        "where": {
            "type": "object",
            "properties": {"seats": {"type": "integer", "x-mcp-header": "Seats"}},
        },
        "vip": {"type": "boolean", "x-mcp-header": "Vip"},
        "note": {"type": "string"},
    },
}


@pytest.mark.parametrize(
    "arguments",
    [
        {"region": "eu", "where": {"seats": 3}, "vip": True, "note": "n"},
        {"region": " żółw ", "where": {"seats": 3.0}, "vip": False},
        {"region": None, "where": 5},
        {},
        {"region": {"a": 1}, "vip": [True]},
        {"region": "a\r\nx: y"},
    ],
)
def test_annotated_arguments_are_repeated_as_the_server_wants_them(arguments: JSON) -> None:
    mirror = Mirror()
    mirror.learn(_listed(_SCHEMA))
    headers = mirror.headers("tools/call", {"name": "book", "arguments": arguments})
    assert validate_mcp_param_headers(_SCHEMA, arguments, headers) is None


def _mirrored(mirror: Mirror, arguments: JSON) -> dict[str, str]:
    headers = mirror.headers("tools/call", {"name": "book", "arguments": arguments})
    return {name: value for name, value in headers.items() if name.startswith("mcp-param-")}


@pytest.mark.parametrize(
    "schema",
    [
        {"x-mcp-header": "A", "type": "string"},
        {"properties": {"a": {"type": "number", "x-mcp-header": "A"}}},
        {"properties": {"a": {"type": ["string"], "x-mcp-header": "A"}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": "A: b\r\n"}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": 1}}},
        {
            "properties": {
                "a": {"type": "string", "x-mcp-header": "A"},
                "b": {"type": "string", "x-mcp-header": "a"},
            }
        },
    ],
)
def test_a_broken_annotation_gets_no_header(schema: JSON) -> None:
    mirror = Mirror()
    mirror.learn(_listed(schema))
    assert _mirrored(mirror, {"a": "1", "b": "2"}) == {}


def test_a_later_list_replaces_what_was_learned() -> None:
    mirror = Mirror()
    mirror.learn(_listed(_SCHEMA))
    assert _mirrored(mirror, {"region": "eu"}) == {"mcp-param-region": "eu"}
    mirror.learn(_listed({"type": "object"}))
    assert _mirrored(mirror, {"region": "eu"}) == {}


@pytest.mark.parametrize(
    "listed",
    [{}, {"tools": {}}, {"tools": [1]}, _listed([]), _listed(_SCHEMA, name=1), _listed(None)],
)
def test_lists_of_the_wrong_shape_teach_nothing(listed: JSON) -> None:
    mirror = Mirror()
    mirror.learn(listed)
    assert _mirrored(mirror, {"region": "eu"}) == {}


def test_nothing_is_repeated_for_names_that_are_no_strings() -> None:
    assert Mirror().headers("tools/call", {"name": 5}) == {"mcp-method": "tools/call"}
