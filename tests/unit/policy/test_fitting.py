"""Rules that speak of what no manifest has."""

import pytest

from safeconduct.core.manifest import (
    Argument,
    ContentManifest,
    Effect,
    FieldLabel,
    Manifest,
    Returns,
    SourceLabel,
    ToolManifest,
)
from safeconduct.policy.bundles.header import read_header
from safeconduct.policy.bundles.reading import Bundle, RuleFile
from safeconduct.policy.fitting import known, undemandable, unheard
from tests.support.bundles import PACKAGE, bundle

HEADER = "name: test\nengine: rego\nentrypoint: agent.tools\nobligations:\n"
CRM = Manifest(
    upstream="crm",
    tools={
        "get": ToolManifest(
            effect=Effect("read"),
            scopes=(),
            arguments={"filter": Argument(role="query")},
            returns=Returns(
                source=SourceLabel(categories=("internal",)),
                fields={"sender": FieldLabel(categories=("pii",))},
            ),
        )
    },
    resources={"x": ContentManifest(scopes=(), source=SourceLabel(categories=("notes",)))},
)
THERE = known({"crm": CRM}, ["crm", "kb"], ["secret.aws"])

SCHEMA = """entity Agent; entity Tool;
action "reads";
action "effect:read";
action "crm.get" in ["reads", "effect:read"] appliesTo {principal: Agent, resource: Tool};
action "crm.gte" appliesTo {principal: Agent, resource: Tool};
"""


def demanded(obligations: str) -> list[tuple[int, str, str]]:
    text = HEADER + obligations
    made = Bundle(header=read_header(text), rules=(), data="{}", digest="")
    return [(one.line, one.sentence, one.fix) for one in undemandable(made, text, THERE)]


def heard(rules: str) -> list[tuple[str, int, str, str]]:
    found = unheard(bundle(PACKAGE + rules), THERE)
    return [(one.file, one.line, one.sentence, one.fix) for one in found]


def test_what_manifests_have_may_be_demanded() -> None:
    assert not demanded(
        "  hide: {redact: [pii, internal, notes, secret]}\n"
        "  own: {constrain: {filter: user.id, filter.owner: task.tenant}}\n"
        "  mark: {spotlight: delimit}\n"
    )


def test_a_category_that_no_manifest_has_is_found() -> None:
    assert demanded("  hide:\n    redact:\n      - pii\n      - ppi\n") == [
        (8, "`obligations.hide` redacts `ppi`, which no manifest has", "did you mean `pii`?")
    ]
    ((_, _, fix),) = demanded("  hide: {redact: [health]}\n")
    assert "give the fields" in fix


def test_an_argument_that_no_manifest_declares_is_found() -> None:
    ((line, sentence, fix),) = demanded("  own:\n    constrain:\n      tenant_id: task.tenant\n")
    assert (line, "`tenant_id`, which no manifest declares" in sentence) == (7, True)
    assert "declare the argument" in fix


@pytest.mark.parametrize(
    "condition",
    [
        'input.call.tool == "crm.gte"',
        '"crm.gte" == input.call.tool',
        'not input.call.tool != "crm.gte"',
        'input.call.tool in {"crm.get", "crm.gte"}',
        "count([1 | input.call.tool == `crm.gte`]) == 1",
    ],
)
def test_a_tool_that_no_manifest_has_is_found_in_rego(condition: str) -> None:
    assert heard(f'deny contains {{"id": "x"}} if {{\n\t{condition}\n}}\n') == [
        (
            "0.rego",
            6,
            "this is about `crm.gte`, a tool that no manifest has",
            "did you mean `crm.get`?",
        )
    ]


def test_a_tool_is_found_where_a_rule_lists_them() -> None:
    listed = 'deny contains {"id": "x"} if input.call.tool in tools\ntools := {"crm.get", "b.c"}\n'
    ((_, line, sentence, fix),) = heard(listed)
    assert (line, "`b.c`" in sentence, fix) == (5, True, "correct it, or review the tool")


def test_what_there_is_may_be_named_in_rego() -> None:
    rules = 'a if input.call.tool in {"crm.get", "kb#resource:x"}\nb if input.call.effect == "c"\n'
    assert not heard(rules)
    assert heard('a if input.call.tool == "no#resource:x"\n')


def test_a_tool_that_no_manifest_has_is_found_in_cedar() -> None:
    text = (
        '@id("a")\npermit (principal, action in [Action::"crm.get", Action::"reads"], resource);\n'
        '@id("b")\nforbid (principal, action == Action::"crm.gte", resource);\n'
        '@id("c")\nforbid (principal, action in Action::"effect:read", resource)\n'
        'when { resource == Tool::"kb.find" || action == Action::"crm.get" };\n'
    )
    header = read_header("name: test\nengine: cedar\n")
    rules = (RuleFile("rules/a.cedar", text),)
    made = Bundle(header=header, rules=rules, data="{}", digest="", schema=SCHEMA)
    found = [(one.file, one.line, one.sentence) for one in unheard(made, THERE)]
    assert found == [
        ("rules/a.cedar", 3, "this is about `crm.gte`, a tool that no manifest has"),
        ("rules/a.cedar", 5, "this is about `kb.find`, a tool that no manifest has"),
    ]


def test_rules_elsewhere_are_not_looked_into() -> None:
    header = read_header("name: a\nengine: authzen\nremote: {url: https://pdp.example}\n")
    assert not list(unheard(Bundle(header=header, rules=(), data="{}", digest=""), THERE))
