"""Numbers that compare alike with all constants are one to rules, and no others are."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.policy.cedar.engine import CedarEngine
from safeconduct.policy.intervals import alike
from safeconduct.policy.rego.compared import compared
from safeconduct.policy.rego.evaluator import Evaluator
from safeconduct.policy.replay.asked import Asked
from tests.support.bundles import PACKAGE, bundle, cedar

RULES = (
    "context.facts has delta_bps && context.facts.delta_bps > -3",
    "context.facts has delta_bps && 3 >= context.facts.delta_bps",
    "context.facts has delta_bps && context.facts.delta_bps == 0",
    "context.facts has delta_bps && context.facts.delta_bps != 5",
    "context.facts has delta_bps && context.facts.delta_bps + 1 < 3",
    "context.facts has delta_bps && context.facts.delta_bps < context.now_ms",
    "(if context.facts has delta_bps then context.facts.delta_bps else 0) < 2",
    "(if context.now_ms > 0 then context else context).now_ms < 4",
    "context.now_ms > 2",
    "(if context.now_ms > 3 then context.facts else context.facts) has delta_bps",
    "context.facts has delta_bps && (if true then context.facts else context.facts).delta_bps < 1",
    "[1, 2].contains(context.now_ms)",
)


@given(st.integers(-9, 9), st.sets(st.integers(-9, 9), min_size=1))
def test_what_stands_for_a_number_compares_as_it_does(value: int, constants: set[int]) -> None:
    found = alike(value, sorted(constants))
    for one in constants:
        assert (found < one, found == one) == (value < one, value == one)
    assert min(value, *constants) - 1 <= found <= max(value, *constants) + 1


@given(st.integers(-9, 9), st.integers(-9, 9), st.sets(st.integers(-9, 9), min_size=1))
def test_numbers_that_compare_alike_are_one(one: int, other: int, constants: set[int]) -> None:
    said = [[(value > at) - (value < at) for at in constants] for value in (one, other)]
    ordered = sorted(constants)
    assert (alike(one, ordered) == alike(other, ordered)) is (said[0] == said[1])


def question(delta: object, now_ms: int) -> dict[str, Any]:
    """An input of Cedar rules with these numbers."""
    return {
        "call": {
            "tool": "crm.update",
            "upstream": "crm",
            "effect": "write",
            "scopes": [],
            "digest": "d",
            "fields": [],
            "sizes": {"arguments": 1},
        },
        "agent": {"id": "a", "tier": 1, "zone": "z"},
        "labels": {"integrity": "trusted", "categories": []},
        "facts": {} if delta is None else {"delta_bps": delta},
        "now_ms": now_ms,
    }


@cache
def engine(conditions: frozenset[str]) -> CedarEngine:
    return CedarEngine(
        cedar(
            *(
                f'@id("r{at}")\npermit (principal, action, resource) when {{ {one} }};\n'
                for at, one in enumerate(sorted(conditions))
            )
        )
    )


@given(
    st.frozensets(st.sampled_from(RULES), min_size=1, max_size=4),
    st.lists(
        st.tuples(
            st.integers(-6, 6) | st.sampled_from((None, 2**63 - 1, -(2**63), 2**63, "1", 1.5)),
            st.integers(0, 6),
        ),
        min_size=2,
        max_size=8,
    ),
)
def test_cedar_tells_no_numbers_apart_that_count_as_one(
    conditions: frozenset[str], asked_for: list[tuple[object, int]]
) -> None:
    asked = Asked(engine(conditions))
    for delta, now_ms in asked_for:
        value = question(delta, now_ms)
        assert asked.evaluate(value, now_ms) == asked.engine.evaluate(orjson.dumps(value), now_ms)


def test_numbers_between_constants_are_one_question_to_cedar() -> None:
    asked = Asked(engine(frozenset(RULES[:4])))
    for delta in range(-100, 101):
        asked.evaluate(question(delta, 0), 0)
    assert (asked.answered, asked.put) == (201, len((-4, -3, -2, 0, 1, 3, 4, 5, 6)))


@pytest.mark.parametrize(
    ("rules", "expected"),
    [
        ("input.facts.a < 5", {("facts", "a"): (-5, 5)}),
        ("abs(input.facts.a) >= 5", {("facts", "a"): (-5, 5)}),
        ('{ is_number(input["now_ms"]); 5 == input.now_ms }', {("now_ms",): (-5, 5)}),
        ("{ input.facts.a < 5; input.facts.a > 7 }", {("facts", "a"): (-7, -5, 5, 7)}),
        ("{ input.facts.a < 5; x := input.facts }", {("facts", "a"): (-5, 5)}),
        ("{ input.facts.a < 5; x := input.facts.a }", {}),
        ("{ input.facts.a < 5; input.facts.a.b }", {}),
        ("{ input.facts.a < 5; count(input.facts.a) > 0 }", {}),
        ("input.facts.a < 5.5", {}),
        (f"input.facts.a < {2**53}", {}),
        ("input.facts.a < input.facts.b", {}),
        ("input.facts[input.now_ms] < 5", {}),
        ("input.now_ms - 1 < 5", {}),
        ("{ input.facts.a < 5 with input.facts.a as 3 }", {}),
        ("{ x := 3; x < 5 }", {}),
    ],
)
def test_what_rego_rules_only_compare_with_constants(
    rules: str, expected: dict[tuple[str, ...], tuple[int, ...]]
) -> None:
    text = f'permit contains {{"id": "a"}} if {rules}\n'
    assert compared(Evaluator(bundle(PACKAGE + text)).modules) == expected


def test_a_call_of_the_bundles_own_is_no_comparison() -> None:
    text = 'permit contains {"id": "a"} if abs(input.now_ms) < 5\nabs(x) := x % 3\n'
    assert compared(Evaluator(bundle(PACKAGE + text)).modules) == {}
