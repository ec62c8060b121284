import sys
from typing import Any

import pytest

from safeconduct.core.manifest import Argument, Effect, Manifest, Resolver, ToolManifest
from safeconduct.policy.cedar.contracted import read_schema
from safeconduct.policy.cedar.generation import NoGenerator, generate, returned
from safeconduct.policy.cedar.judging import findings
from safeconduct.policy.cedar.schema import Field, Record, Scalar, SetOf, Type
from tests.support.bundles import cedar

LONG, STRING = Scalar("Long"), Scalar("String")

MANIFEST = Manifest(
    upstream="crm",
    tools={
        "get_case": ToolManifest(effect=Effect.read, scopes=()),
        "update": ToolManifest(
            effect=Effect.write,
            scopes=(),
            arguments={
                "id": Argument(role="object-id"),
                "amount_minor": Argument(role="amount"),
            },
            resolvers={
                "owner": Resolver(tool="get_case", take="$.owner"),
                "lines": Resolver(tool="crm.get_case", take="lines.*.id"),
                "unknown": Resolver(tool="get_case", take="$.nowhere"),
                "elsewhere": Resolver(tool="erp.get", take="$.owner"),
            },
        ),
    },
)
OUTPUT: dict[str, Any] = {
    "type": "object",
    "properties": {
        "owner": {"type": "string"},
        "lines": {
            "type": "array",
            "items": {"type": "object", "properties": {"id": {"enum": ["a"]}}},
        },
    },
    "required": ["owner"],
}
CASE = {"name": "get_case", "outputSchema": OUTPUT, "inputSchema": {"properties": {"case_id": {}}}}


def facts(text: str, tool: str) -> dict[str, Field]:
    found = read_schema(text).actions[tool].context.fields["facts"].type
    assert isinstance(found, Record)
    return found.fields


def test_a_schema_comes_from_manifests_and_definitions() -> None:
    made = generate(
        {"crm": MANIFEST},
        {"crm": [CASE], "wiki": [{"name": "search.all"}]},
        ["calls", "crm:case:comment"],
        None,
    )
    schema = read_schema(made.text)
    assert {name: schema.above(name) for name in schema.actions if schema.asked(name)} == {
        "crm.get_case": {"effect:read", "upstream:crm"},
        "crm.update": {"effect:write", "upstream:crm"},
        "wiki.search.all": {"effect:execute", "upstream:wiki"},
    }
    assert facts(made.text, "crm.get_case") == {}
    assert facts(made.text, "crm.update") == {
        "owner": Field(STRING, required=False),
        "delta_bps": Field(LONG, required=False),
        "task_delta_bps": Field(LONG, required=False),
    }
    context = schema.actions["crm.update"].context.fields
    assert isinstance(context["provenance"].type, Record)
    assert sorted(context["provenance"].type.fields) == ["amount_minor", "id"]
    assert isinstance(context["task"].type, Record)
    counts = context["task"].type.fields["counts"].type
    assert counts == Record(
        {"calls": Field(LONG, required=False), "crm:case:comment": Field(LONG, required=False)}
    )
    assert made.untyped == ("crm.update: lines", "crm.update: unknown", "crm.update: elsewhere")


def test_rules_are_judged_by_what_was_generated() -> None:
    made = generate({"crm": MANIFEST}, {"crm": [CASE]}, ["calls"], None)
    text = """
    @id("mine") permit (principal, action == Action::"crm.update", resource)
    when { context.facts has owner && context.facts.owner == context.user.id &&
      context.task.counts has calls && context.task.counts.calls < 9 &&
      context.provenance has id && context.provenance.id.contains("user-request") };"""
    assert list(findings(cedar(text, schema=made.text))) == []


def test_what_a_person_wrote_of_a_fact_stays_where_nothing_else_says_it() -> None:
    manifests = {"crm": MANIFEST}
    first = generate(manifests, {}, [], None)
    assert first.untyped == tuple(
        f"crm.update: {name}" for name in MANIFEST.tools["update"].resolvers
    )
    written = first.text.replace("delta_bps?: Long", "unknown?: Set<String>, delta_bps?: Long", 1)
    again = generate(manifests, {"crm": [CASE]}, [], read_schema(written))
    assert facts(again.text, "crm.update")["unknown"] == Field(SetOf(STRING), required=False)
    assert "crm.update: unknown" not in again.untyped
    assert generate(manifests, {"crm": [CASE]}, [], read_schema(again.text)).text == again.text


@pytest.mark.parametrize(
    ("schema", "expected"),
    [
        ({"type": "integer"}, LONG),
        ({"type": "number"}, LONG),
        ({"type": "boolean"}, Scalar("Bool")),
        ({"type": "string"}, STRING),
        ({"type": "string", "enum": ["a", "b"]}, STRING),
        ({"type": "string", "format": "date-time"}, Scalar("datetime")),
        ({"type": "string", "format": "ipv4"}, Scalar("ipaddr")),
        ({"type": "array", "items": {"type": "string"}}, SetOf(STRING)),
        ({"type": ["string", "null"]}, STRING),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, None),
        ({}, None),
        (
            {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]},
            Record({"n": Field(LONG, required=True)}),
        ),
    ],
    ids=str,
)
def test_types_of_results_become_types_of_cedar(
    schema: dict[str, Any], expected: Type | None
) -> None:
    whole = returned({"type": "object", "properties": {"x": schema}})
    assert isinstance(whole, Record)
    assert whole.fields.get("x") == (None if expected is None else Field(expected, required=False))


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "object", "properties": {"x": {"$ref": "#/nowhere"}}},
        {"$ref": "#/$defs/A", "$defs": {"A": {"properties": {"a": {"$ref": "#/$defs/A"}}}}},
        {"type": "object", "properties": []},
        {"type": 1},
    ],
    ids=["nowhere", "circle", "array", "type"],
)
def test_what_the_generator_cannot_read_has_no_type(schema: dict[str, Any]) -> None:
    made = generate({"crm": MANIFEST}, {"crm": [CASE | {"outputSchema": schema}]}, [], None)
    assert "crm.update: owner" in made.untyped


def test_what_an_upstream_wrote_may_be_anything() -> None:
    odd = {"name": 'q"\n', "inputSchema": [], "outputSchema": "x"}
    more = {"name": "b", "inputSchema": {"properties": {'a"b': 1, "": {}}}}
    schema = read_schema(generate({}, {"crm": [odd, more]}, [], None).text)
    assert {'crm.q"\n', "crm.b"} < schema.actions.keys()


def test_without_the_generator_output_schemas_are_not_guessed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "cedar_mcp_schema_generator", None)
    with pytest.raises(NoGenerator):
        generate({"crm": MANIFEST}, {"crm": [CASE]}, [], None)
    assert generate({"crm": MANIFEST}, {}, [], None).untyped
