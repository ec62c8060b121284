import pytest

from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.evaluator import Evaluator
from safeconduct.policy.rego.lint import findings
from tests.support.bundles import GUARDED, PACKAGE, bundle

HELPERS = """
f(x) := x
closed if input.call.effect == "read"
names := input.call.fields
"""


def found(body: str, more: str = "") -> list[PolicyRefused]:
    text = PACKAGE + f'deny contains {{"id": "x"}} if {{\n{body}\n}}\n{HELPERS}{more}'
    modules = Evaluator(bundle(GUARDED, text)).modules
    return [one for one in findings(modules, "agent.tools") if "`not`" in one.sentence]


@pytest.mark.parametrize(
    "body",
    [
        "not f(input.call.tool)",
        'not input.call.tool in {"a"}',
        'not startswith(input.call.tool, "a")',
        "not input.agent.tier < 1",
        "not input.agent.tier != 1",
        "not count(input.call.fields) == 1",
        "not input.agent.tier + 1 == 2",
        "not {1} & input.x == set()",
        "not f(closed)",
        "not f(data.agent.tools.closed)",
        'not "a" in names',
        "not input.call.fields[_] in {1}",
        "some name in input.call.fields\nnot f([name, input.agent.tier])",
        "every name in input.call.fields { not f(input.agent.tier) }",
        "count([1 | not f(input.agent.tier)]) == 1",
        "count([1 | input.agent.tier]) == 0\nnot f(input.agent.tier)",
        "not input.agent.tier\nnot f(input.agent.tier)",
        "input.agent\nnot f(input.agent.tier)",
        "not f(input.agent.tier)\ninput.agent.tier == 1",
    ],
)
def test_what_may_be_missing_is_looked_at_before_it_is_negated(body: str) -> None:
    (refused, *_) = found(body)
    assert refused.line >= 6
    assert refused.fix.startswith("look at it in a line before")


@pytest.mark.parametrize(
    "body",
    [
        "not input.call.tool",
        'not input.call.tool == "a"',
        "not input.call.tool == input.call.upstream",
        "not closed",
        "tier := input.agent.tier\nnot tier in {1, 2}",
        "is_number(input.agent.tier)\nnot input.agent.tier < 1",
        "some name in input.call.fields\nnot f(name)",
        "every name in input.call.fields { not f(name) }",
        "input.agent.tier == 1\nevery name in input.call.fields { not f(input.agent.tier) }",
        "input.agent.tier.x == 1\nnot f(input.agent.tier)",
        "closed\nnot f(closed)",
        "tier := input.agent.tier\nnot tier in data.crm.tiers",
        "not object.get(input, [1], 0) == 1",
    ],
)
def test_what_is_there_may_be_negated(body: str) -> None:
    assert found(body) == []


def test_the_line_is_that_of_the_negation() -> None:
    (refused,) = found("input.call\nnot f(input.call.tool)")
    assert (refused.file, refused.line) == ("1.rego", 7)
    assert "`input.call.tool`" in refused.sentence
    (inside,) = found("true", "g(x) if { not f(x.y) }\n")
    assert "`x.y`" in inside.sentence
