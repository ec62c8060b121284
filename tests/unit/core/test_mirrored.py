"""Arguments that are repeated in header fields."""

from typing import Any

import pytest

from safeconduct.core.mirrored import BrokenAnnotation, annotated, fields, of_definition

JSON = dict[str, Any]

REGION: JSON = {"type": "string", "x-mcp-header": "Region"}
DEEP: JSON = {"type": "object", "properties": {"count": {"type": "integer", "x-mcp-header": "N"}}}
SCHEMA: JSON = {"type": "object", "properties": {"region": REGION, "deep": DEEP, "odd": True}}


def test_fields_are_found_at_any_depth() -> None:
    assert annotated(SCHEMA) == {("region",): "region", ("deep", "count"): "n"}


@pytest.mark.parametrize(
    "broken",
    [
        {"x-mcp-header": "Region"},
        {"properties": {"a": {"type": "string", "x-mcp-header": "no token"}}},
        {"properties": {"a": {"type": "string", "x-mcp-header": 7}}},
        {"properties": {"a": {"type": "object", "x-mcp-header": "A"}}},
        {"properties": {"a": {"x-mcp-header": "A"}}},
        {"properties": {"a": REGION, "b": {**REGION, "x-mcp-header": "REGION"}}},
    ],
)
def test_an_annotation_that_breaks_the_rules_voids_them_all(broken: JSON) -> None:
    with pytest.raises(BrokenAnnotation):
        annotated(broken)
    assert of_definition({"inputSchema": broken}) == {}


@pytest.mark.timeout(30)
def test_as_many_as_there_is_room_for_are_found_in_passing() -> None:
    """Each is compared with all before it, in a time that does not grow with them."""
    many = {f"{n}": {"type": "string", "x-mcp-header": f"h{n}"} for n in range(100_000)}
    assert len(annotated({"properties": many})) == len(many)


def test_a_definition_may_have_none() -> None:
    assert of_definition({"inputSchema": SCHEMA}) == annotated(SCHEMA)
    assert of_definition({}) == {}
    assert of_definition({"inputSchema": True}) == {}


def test_a_field_says_what_the_canonical_body_says() -> None:
    wanted = {("a",): "a", ("b",): "b", ("c",): "c", ("d", "e"): "e", ("f",): "f", ("a", "x"): "x"}
    given = {"a": "text", "b": True, "c": 3.0, "d": {"e": 2.5}, "f": None}
    assert fields(wanted, given) == {"a": "text", "b": "true", "c": "3", "e": "2.5"}
    assert fields({("b",): "b"}, {"b": False}) == {"b": "false"}
    assert fields(wanted, None) == {}
