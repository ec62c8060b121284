import pytest

from safeconduct.policy.rego.evaluator import Evaluator
from safeconduct.policy.rego.members import looks, members
from tests.support.bundles import PACKAGE, bundle


def named(*texts: str) -> frozenset[str] | None:
    return members(looked(*texts))


def looked(*texts: str) -> frozenset[tuple[str, ...]]:
    return looks(Evaluator(bundle(*texts)).modules)


@pytest.mark.parametrize(
    ("rule", "names"),
    [
        ("a := 1", set()),
        ("a if input.call.tool == `x`", {"call"}),
        ('a if input["call"].tool == input.agent[input.user]', {"call", "agent", "user"}),
        ("a := {x | some x in input.call.fields}", {"call"}),
        ("a := [input.task | true]", {"task"}),
        ("a[input.task.id] := 1", {"task"}),
        ("f(x) := x\na := f(input.labels)", {"labels"}),
        ("default a := 1\na := 2 if { not input.labels }", {"labels"}),
        ("a := 1 if { every x in input.call.scopes { x == input.facts.y } }", {"call", "facts"}),
        ("a := 1 if { true } else := input.user.acr", {"user"}),
        ("a if {\n\tsome i\n\tinput.call.fields[i] == `x`\n}", {"call"}),
        ("a if data.input.call", set()),
        ('a if input["ca\\u006cl"]', {"call"}),
    ],
)
def test_what_rules_name_is_what_they_can_see(rule: str, names: set[str]) -> None:
    assert named(PACKAGE + rule) == frozenset(names)


@pytest.mark.parametrize(
    "rule",
    [
        "a := input",
        "a if { some k; input[k] == 1 }",
        "a if { some v in input; v == 1 }",
        "a := {k | some k, _ in input}",
        "f(x) := x.call\na := f(input)",
        'a := object.get(input, "call", 1)',
        "a if walk(input, [_, 1])",
        'a if {"call": {"tool": "x"}} == input',
        "a := input[input.call.tool]",
        "a := [input][0].call",
        'a if { {"call": c} := input; c.tool == "x" }',
        'a if input["x y"]',
    ],
)
def test_rules_may_look_at_all_of_an_input_that_they_hand_on(rule: str) -> None:
    assert named(PACKAGE + rule) is None


def test_imports_name_members_too_and_every_file_counts() -> None:
    one = "package one\n\nimport rego.v1\nimport input.call as c\n\na if c.tool\n"
    two = "package two\n\nimport rego.v1\n\na if input.user\n"
    assert named(one, two) == frozenset({"call", "user"})
    assert named(one, "package two\n\nimport rego.v1\nimport input as i\n\na if i.x\n") is None


@pytest.mark.parametrize(
    ("rule", "paths"),
    [
        ('a if input.facts.owner == "Dana"', {("facts", "owner")}),
        ("a if not input.facts.deal.owner", {("facts", "deal")}),
        ('a if input.facts["the owner"]', {("facts", "the owner")}),
        ("a if input.facts[input.user.kind]", {("facts",), ("user", "kind")}),
        ("a if { f := input.facts; f.owner }", {("facts",)}),
        ('a if object.get(input.facts, "owner", 1)', {("facts",)}),
        ("a if { some k; input[k].owner }", {()}),
        ("f(x) := x.owner\na if f(input)", {()}),
        ("a if count(input.user.groups) > 1", {("user", "groups")}),
    ],
)
def test_how_deep_rules_look_is_known_to_the_second_name(
    rule: str, paths: set[tuple[str, ...]]
) -> None:
    assert looked(PACKAGE + rule) == paths


def test_an_import_looks_at_all_that_it_names() -> None:
    text = "package one\n\nimport rego.v1\nimport input.facts as f\n\na if f.owner\n"
    assert looked(text) == {("facts",)}
