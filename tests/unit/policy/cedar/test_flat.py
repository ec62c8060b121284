from typing import Any

import pytest
from cedarpy import PolicySet, pst

from safeconduct.policy.cedar.flat import lifted, name_of, opened, rewritten
from safeconduct.policy.cedar.schema import Field, Record, Scalar

LONG = Field(Scalar("Long"), required=True)
CONTEXT = Record(
    {
        "a": Field(
            Record({"b": LONG, "c": Field(Record({"d": LONG, "d.e": LONG}), required=True)}),
            required=True,
        ),
        "maybe": Field(Record({"f": LONG}), required=False),
    }
)
OPEN = {("a",), ("a", "c")}


def clauses(condition: str) -> Any:
    text = f"permit (principal, action, resource) when {{ {condition} }};"
    (policy,) = PolicySet.from_str(text).to_pst().static_policies.values()
    return policy.clauses


def test_only_records_that_are_there_and_that_nobody_reads_as_a_whole_are_lifted() -> None:
    assert opened(CONTEXT, [("a", "b")]) == OPEN
    assert opened(CONTEXT, [("a", "c")]) == {("a",)}
    assert opened(CONTEXT, [("a",)]) == frozenset()
    assert opened(CONTEXT, [()]) == frozenset()


def test_members_have_names_of_their_own_in_one_level() -> None:
    paths = [("a", "b"), ("a", "c", "d"), ("a", "c", "d.e"), ("maybe",)]
    assert list(lifted(CONTEXT, OPEN)) == paths
    assert [name_of(path) for path in paths] == ["a.b", "a.c.d", "a.c.d.e", "maybe"]


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        ("context.a.b == 1", 'context["a.b"] == 1'),
        ("context.a has b && context.a.c has d", 'context has "a.b" && context has "a.c.d"'),
        ("context has maybe.f", "context has maybe && context.maybe has f"),
        ("{x: context.a.c.d} == {x: 1}", '{x: context["a.c.d"]} == {x: 1}'),
        ("[context.a.b].contains(principal.a.b)", '[context["a.b"]].contains(principal.a.b)'),
        ("if context.a.b > 0 then true else false", 'if context["a.b"] > 0 then true else false'),
        ("principal has a && resource == resource", "principal has a && resource == resource"),
    ],
)
def test_rules_take_them_from_there(condition: str, expected: str) -> None:
    assert rewritten(clauses(condition), OPEN) == clauses(expected)


def test_what_the_parser_never_makes_is_not_guessed() -> None:
    with pytest.raises(ValueError, match="several names"):
        rewritten(pst.HasAttr(pst.Var("context"), ("a", "b")), OPEN)
