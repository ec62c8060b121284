import pytest

from safeconduct.policy.rego.evaluator import Evaluator
from safeconduct.policy.rego.guards import Guard, Guards, excludes
from safeconduct.policy.rego.syntax import rules
from tests.support.bundles import PACKAGE, bundle

ANY: Guard = {}


def guard(text: str, name: str = "p") -> Guard:
    found = rules(Evaluator(bundle(PACKAGE + text)).modules)
    return Guards(found).of(next(rule for rule in found if rule.path[-1] == name))


def tools(*names: str) -> Guard:
    return {"tool": frozenset(names)}


@pytest.mark.parametrize(
    ("condition", "guarded"),
    [
        ('input.call.tool == "a"', tools("a")),
        ('"a" == input.call.tool', tools("a")),
        ('input.call.tool = "a"', tools("a")),
        ('input["call"].tool == `a`', tools("a")),
        ('input.call.tool in {"a", "b"}', tools("a", "b")),
        ('input.call.tool in ["a"]', tools("a")),
        ('input.call.upstream == "crm"', {"upstream": frozenset({"crm"})}),
        ('input.call.effect == "read"', {"effect": frozenset({"read"})}),
        ('input.x; input.call.tool == "a"; 1 / input.y == 1', tools("a")),
        ('input.call.tool == "a"; input.call.tool in {"a", "b"}', tools("a")),
        ('input.call.tool == "a"; input.call.tool == "b"', tools()),
        (
            'input.call.tool == "a"; input.call.effect == "read"',
            {**tools("a"), "effect": frozenset({"read"})},
        ),
        ('every x in input.xs { x == 1 }; input.call.tool == "a"', tools("a")),
        ('some x in input.xs; input.call.tool == "a"; x == 1', tools("a")),
        ("input.call.tool in constants", tools("a", "b")),
        ("input.call.tool in data.agent.tools.constants", tools("a", "b")),
        ("helper", tools("a", "b")),
        ("data.agent.tools.helper", tools("a", "b")),
        ("false_by_default", tools("a")),
        ("otherwise", tools("a", "b")),
        ("outer", tools("a", "b")),
    ],
)
def test_a_condition_on_what_a_call_is_of_guards_a_rule(condition: str, guarded: Guard) -> None:
    assert guard(f"p if {{ {condition} }}" + HELPERS) == guarded


HELPERS = """
helper if input.call.tool == "a"
helper if { input.call.tool == "b"; input.x }
default false_by_default := false
false_by_default if input.call.tool == "a"
default true_by_default := true
true_by_default := false if input.call.tool == "a"
otherwise if { input.call.tool == "a" } else := true if { input.call.tool == "b" }
outer if helper
half if input.call.tool == "a"
half if input.x
constant := true
constants := {"a", "b"}
two_ways := {"a"} if input.x
two_ways := {"b"} if input.y
if_asked := {"a"} if input.x
default by_default := {"a"}
by_default := {"b"} if input.x
mixed := ["a", 1]
inside := {"k": {"a"}}
members contains "a"
f(x) if input.call.tool == x
member contains x if { input.call.tool == "a"; some x in input.xs }
inner.x if input.call.tool == "a"
around if input.call.tool == "a"
around.x[y] if { input.call.tool == "a"; some y in input.xs }
circle if { input.call.tool == "a"; circle2 }
circle2 if circle
"""


@pytest.mark.parametrize(
    "condition",
    [
        "input.x",
        'input.call.tool != "a"',
        'not input.call.tool == "a"',
        "not helper",
        "input.call.tool == input.x",
        "input.call.tool == 1",
        'input.call.digest == "a"',
        'input.other.tool == "a"',
        'input.call.tool[0] == "a"',
        'input.call.tool in {"a", input.x}',
        'input.call.tool in {"a", 1}',
        'input.call.tool in {"k": "a"}',
        'some k, "a" in [input.call.tool]',
        "input.call.tool in data.tools",
        "input.call.tool in two_ways",
        "input.call.tool in if_asked",
        "input.call.tool in by_default",
        "input.call.tool in mixed",
        "input.call.tool in inside",
        "input.call.tool in inside.k",
        "input.call.tool in members",
        "input.call.tool in missing",
        "some constants in input.xs; input.call.tool in constants",
        'startswith(input.call.tool, "a")',
        'input.call.tool == "a" with input.call as {"tool": "a"}',
        'helper with input.call as {"tool": "a"}',
        'some x; input.call.tool == "a"; x = 1',
        "helper := input.x; helper",
        "[helper, x] := input.xs; helper; x",
        "some helper in input.xs; helper",
        "true_by_default",
        "half",
        "constant",
        'f("a")',
        "member",
        "inner",
        "around",
        "around.x",
        "missing",
        "input.xs[helper]",
        'x := input.call.tool == "a"; x == false',
    ],
)
def test_what_does_not_tie_a_rule_to_a_call_guards_nothing(condition: str) -> None:
    assert guard(f"p if {{ {condition} }}" + HELPERS) == ANY


def test_a_rule_without_conditions_has_no_guard() -> None:
    assert guard("p := 1") == ANY


def test_a_circle_says_only_what_it_says_itself() -> None:
    assert guard("p if circle" + HELPERS) == tools("a")


def test_an_import_that_hides_the_input_hides_the_guard() -> None:
    text = 'import data.x as input\np if input.call.tool == "a"'
    assert guard(text) == ANY


def test_a_guard_excludes_calls_of_other_facts() -> None:
    facts = {"tool": "a", "upstream": None, "effect": "read"}
    assert not excludes(ANY, facts)
    assert not excludes(tools("a"), facts)
    assert excludes(tools("b"), facts)
    assert excludes(tools(), facts)
    assert excludes({"upstream": frozenset({"crm"})}, facts)
    assert excludes({**tools("a"), "effect": frozenset({"write"})}, facts)
