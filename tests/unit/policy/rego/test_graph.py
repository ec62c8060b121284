import pytest

from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.evaluator import Evaluator
from safeconduct.policy.rego.graph import MAX_CHAIN, check_graph
from safeconduct.policy.rego.syntax import rules
from tests.support.bundles import PACKAGE, bundle


def check(*texts: str) -> None:
    check_graph(rules(Evaluator(bundle(*texts)).modules))


@pytest.mark.parametrize(
    "text",
    [
        "f(x) := f(x)",
        "f(x) := g(x)\ng(x) := h(x)\nh(x) := f(x)",
        "f(x) := data.agent.tools.f(x)",
        "a := b\nb := a",
        "a := f(1)\nf(x) := a",
        "a if { not b }\nb if { every x in [1] { a } }",
        "a := [x | x := b]\nb := {y: 1 | y := a[_]}",
        'a := input.x[b]\nb := {"k": a}',
        "a if true else := b if false\nb := a",
        "default a := 1\na := 2 if a == 1",
        "a := data.agent.tools",
        "a := data.agent[input.x]",
        "a := data",
        "a[x] := 1 if { some x in [1]; a.b == 1 }",
    ],
)
def test_a_circle_is_refused(text: str) -> None:
    with pytest.raises(PolicyRefused) as caught:
        check(PACKAGE + text)
    assert "needs it in turn" in caught.value.sentence
    assert caught.value.line in {5, 6, 7}


def test_a_circle_through_packages_and_imports_is_refused() -> None:
    first = "package a\nimport rego.v1\nimport data.b as other\n\nx := other.y"
    with pytest.raises(PolicyRefused, match="needs it in turn"):
        check(first, "package b\nimport rego.v1\nimport data.a\n\ny := a.x")


def test_rules_may_share_what_they_need() -> None:
    check(
        PACKAGE + "a := b + c\nb := d\nc := d\nd := data.lib.f(input.x)\nd := data.lib.f(input.y)",
        "package lib\n\nf(x) := x",
    )


def test_data_is_no_rule() -> None:
    check(PACKAGE + "a := data.crm.tiers[input.agent.tier]\nb := data.crm")


def test_parts_of_a_value_are_no_rules() -> None:
    check(PACKAGE + 'a := [1, 2][0]\nb := f(1).x\nc := {"k": 1}[input.x]\nf(x) := {"x": x}')


def chain(length: int) -> str:
    links = [f"f{number}(x) := f{number + 1}(x)" for number in range(length - 1)]
    return PACKAGE + "\n".join([*links, f"f{length - 1}(x) := x"])


def test_a_chain_is_bounded() -> None:
    check(chain(MAX_CHAIN))
    with pytest.raises(PolicyRefused, match="a chain of more than 16 rules"):
        check(chain(MAX_CHAIN + 1))
    with pytest.raises(PolicyRefused, match="a chain of more than 16 rules"):
        check(chain(5000))
