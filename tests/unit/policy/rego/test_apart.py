"""Rules and data of one name, and rules that read the answer, are refused."""

import pytest

from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.apart import findings
from safeconduct.policy.rego.engine import RegoEngine
from safeconduct.policy.rego.evaluator import Evaluator
from safeconduct.policy.rego.judging import judge
from tests.support.bundles import GUARDED, PACKAGE, bundle

LIB = "package lib.shared\n\nimport rego.v1\n\nfrozen if false\n"


def found(*texts: str) -> list[PolicyRefused]:
    return list(findings(Evaluator(bundle(*texts)).modules, "agent.tools", ()))


@pytest.mark.parametrize(
    "data", ['{"lib": {"shared": {"frozen": true}}}', '{"lib": 1}', '{"lib": {"other": 1}}']
)
def test_data_does_not_stand_in_for_rules(data: str) -> None:
    rules = GUARDED + 'deny contains {"id": "no"} if data.lib.shared.frozen\n'
    judge(bundle(rules, LIB, data='{"library": true}'))
    with pytest.raises(PolicyRefused) as caught:
        judge(bundle(rules, LIB, data=data))
    assert "`data.lib` is data too" in caught.value.sentence
    assert (caught.value.file, caught.value.line) == ("1.rego", 1)
    assert "another name" in caught.value.fix


def test_what_the_engine_would_make_of_such_data() -> None:
    """Why: the rule is false, and its name is true."""
    rules = GUARDED + 'permit contains {"id": "open"} if data.lib.shared.frozen\n'
    given = bundle(rules, LIB, data='{"lib": {"shared": {"frozen": true}}}')
    assert RegoEngine(given).evaluate(b"{}", 0).permit == ("open",)


@pytest.mark.parametrize(
    "text",
    [
        'permit contains {"id": "x"} if { some one in deny; one.id == "trial" }',
        'deny contains {"id": "x"} if count(permit) == 0',
        'deny contains {"id": "x"} if not elevate[{"id": "y"}]',
        "a := {one.id | some one in data.agent.tools.permit}",
        'a := data["agent"][`tools`].deny',
        'a := data["agent"][concat("", ["to", "ols"])].deny',
        "a := data.agent.tools[input.set]",
        "a := data.agent[x].deny if some x in [1]",
        "a := data[x] if some x in [1]",
        "a := object.get(data, input.path, 1)",
        "a := data.agent",
        "a[permit] := 1",
        "f(x) := count(deny)",
        "a if every x in deny { x.id }",
    ],
)
def test_no_rule_reads_the_answer(text: str) -> None:
    (one,) = found(GUARDED + text)
    assert "which is part of the answer" in one.sentence
    assert (one.file, one.line) == ("0.rego", 6)
    with pytest.raises(PolicyRefused):
        judge(bundle(GUARDED + text))


@pytest.mark.parametrize(
    ("package", "imported", "text"),
    [
        ("lib", "data.agent", "a := agent.tools.deny"),
        ("lib", "data.agent.tools.deny as no", "a := no"),
        ("lib", "data.agent.tools as t", 'a := t["permit"]'),
        ("agent", "data.x", "a := tools.permit"),
        ("agent.tools.inner", "data.x", "a := data.agent.tools.deny"),
    ],
)
def test_nor_from_another_package(package: str, imported: str, text: str) -> None:
    (one,) = found(GUARDED, f"package {package}\n\nimport {imported}\nimport rego.v1\n\n{text}")
    assert one.file == "1.rego"


def test_what_only_looks_alike_is_no_set_of_the_answer() -> None:
    assert not found(
        PACKAGE + "import data.agent.tools as t\n"
        'permit contains {"id": "x"} if { input.deny; input[deny_list]; data.crm.permit }\n'
        "deny_list := data.agent.tools.names[input.x]\n"
        "a := t.names\n"
        'names := {"permit": {"deny": 1}}.permit',
        "package lib\n\nimport rego.v1\n\ndeny := {1}\n\na := deny",
    )


@pytest.mark.parametrize(
    "imported",
    ["data.lib.shared.frozen", "data.lib.shared as frozen", "input.call.tool as frozen"],
)
def test_an_import_has_no_name_of_a_rule(imported: str) -> None:
    importing = f"package agent.tools\n\nimport {imported}\nimport rego.v1\n\na := frozen\n"
    rule = 'frozen if input.call.tool == "a"\n'
    for texts in ((importing + rule,), (importing, PACKAGE + rule)):
        (one,) = found(*texts)
        assert "`frozen` too" in one.sentence
        assert (one.file, one.line) == ("0.rego", 3)
    assert not found(importing, "package other\n\nimport rego.v1\n\n" + rule)
