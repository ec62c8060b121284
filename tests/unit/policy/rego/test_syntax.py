import pytest

from safeconduct.policy.rego.evaluator import Evaluator
from safeconduct.policy.rego.syntax import (
    Node,
    Path,
    Rule,
    decode,
    depth,
    dotted,
    nodes,
    references,
    resolve,
    rules,
    static,
    string,
)
from tests.support.bundles import PACKAGE, bundle


def modules(*texts: str) -> list[Node]:
    return Evaluator(bundle(*texts)).modules


def only(text: str) -> Rule:
    (rule,) = rules(modules(PACKAGE + text))
    return rule


@pytest.mark.parametrize(
    ("text", "kind", "path"),
    [
        ('permit contains {"id": "x"} if true', "set", ("permit",)),
        ("a := 1", "value", ("a",)),
        ("a.b.c := 1", "value", ("a", "b", "c")),
        ('a["b"] := 1', "value", ("a", "b")),
        ("a[`b`] := 1", "value", ("a", "b")),
        ("a[x] := 1 if some x in [1]", "value", ("a", None)),
        ("f(x) := x", "function", ("f",)),
        ("default a := 1", "default", ("a",)),
    ],
)
def test_rules_are_known_by_kind_and_absolute_path(text: str, kind: str, path: Path) -> None:
    rule = only(text)
    assert (rule.kind, rule.path) == (kind, ("agent", "tools", *path))
    assert (rule.file, rule.line) == ("0.rego", 5)


def test_rules_come_in_the_order_of_their_text() -> None:
    found = rules(modules(PACKAGE + "a := 1\nb := 2", "package lib\n\nc := 3"))
    assert [(rule.path[-1], rule.file, rule.line) for rule in found] == [
        ("a", "0.rego", 5),
        ("b", "0.rego", 6),
        ("c", "1.rego", 3),
    ]


def test_references_are_whole_and_their_indices_are_references_too() -> None:
    rule = only('a := 1 if data.lib.x[input.y["z"]][f(g.h).i] == {"k": [j]}')
    assert set(references(rule.parts)) == {
        ("data", "lib", "x", None, None),
        ("input", "y", "z"),
        (None,),
        ("f",),
        ("g", "h"),
        ("j",),
    }


def test_the_name_of_a_rule_is_no_reference_of_it() -> None:
    assert set(references(only("a.b := c").parts)) == {("c",)}


@pytest.mark.parametrize(
    ("path", "where"),
    [
        (("input", "x"), None),
        ((None, "x"), None),
        (("data", "a", "b"), ("a", "b")),
        (("lib", "f"), ("some", "lib", "f")),
        (("l", "f"), ("other", "f")),
        (("local",), ("agent", "tools", "local")),
    ],
)
def test_references_lead_through_imports_and_the_own_package(
    path: Path, where: Path | None
) -> None:
    text = "import data.some.lib\nimport data.other as l\nimport input.x as y\n\na := 1"
    assert resolve(path, only(text)) == where


def test_the_part_before_a_dynamic_one_is_known() -> None:
    assert static(("a", "b", None, "c")) == ("a", "b")
    assert static((None, "a")) == ()


def test_literal_strings_are_told_from_everything_else() -> None:
    assert string({"String": {"value": "a"}}) == "a"
    assert string({"RawString": {"value": "b"}}) == "b"
    assert string({"Number": {"value": 1}}) is None


def test_a_dynamic_part_is_shown_as_one() -> None:
    assert dotted(("a", None, "b")) == "a.[…].b"


def test_depth_counts_every_level() -> None:
    assert depth([]) == 1
    assert depth({"a": [{"b": 1}, 2]}) == 4


def test_nodes_carry_the_key_that_they_stand_under() -> None:
    found = [(key, node.get("n")) for key, node in nodes({"n": 0, "a": [{"n": 1}], "b": {"n": 2}})]
    assert sorted(found) == [("", 0), ("a", 1), ("b", 2)]


def test_a_tree_that_is_nested_too_deep_is_not_read() -> None:
    with pytest.raises(RecursionError):
        decode('[{"a":' + "[" * 100_000)
