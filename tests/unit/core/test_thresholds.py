"""From where on a person is asked, whoever vouches."""

from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.manifest import Argument, Effect, Threshold
from safeconduct.core.thresholds import named, passed, unasked
from tests.support.facts import call, facts, task, tool

AMOUNT = Threshold(template="refund", argument="amount_minor", above=50_000)
MANY = Threshold(template="mass", argument="to", items=2)
OFTEN = Threshold(template="often", calls=3)


def asked(one: Threshold, arguments: dict[str, Any], **changed: Any) -> bool:
    known = facts(tool=tool(asks=(one,), **changed.pop("declared", {})), **changed)
    return [*passed(call(arguments), known)] == [one]


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (50_000, False),
        (50_001, True),
        (-50_001, True),
        (0, False),
        ("60000", True),
        (12.5, True),
        (None, True),
        (True, True),
    ],
)
def test_an_amount_above_it_passes_and_so_does_what_cannot_be_read(
    value: object, expected: bool
) -> None:
    assert asked(AMOUNT, {"amount_minor": value}) is expected


def test_an_amount_counts_in_its_smallest_units() -> None:
    declared = {"arguments": {"amount_minor": Argument(role="amount", decimals=2)}}
    assert asked(AMOUNT, {"amount_minor": 500.01}, declared=declared)
    assert not asked(AMOUNT, {"amount_minor": 500}, declared=declared)
    undeclared = Threshold(template="x", argument="fee", above=5)
    assert asked(undeclared, {"fee": 6})
    assert not asked(undeclared, {"fee": 5})


@pytest.mark.parametrize(
    ("effect", "expected"),
    [
        (Effect.write, False),
        (Effect.send, False),
        (Effect.pay, True),
        (Effect.delete, True),
        (Effect.execute, True),
    ],
)
def test_no_amount_may_be_all_of_it_but_where_nothing_is_changed(
    effect: Effect, expected: bool
) -> None:
    assert asked(AMOUNT, {}, declared={"effect": effect}) is expected


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({"to": ["a", "b"]}, False),
        ({"to": ["a", "b", "c"]}, True),
        ({"to": []}, False),
        ({"to": "all"}, True),
        ({"to": None}, True),
        ({}, True),
    ],
)
def test_many_items_pass_and_so_may_all_that_there_are(
    arguments: dict[str, Any], expected: bool
) -> None:
    assert asked(MANY, arguments) is expected


@pytest.mark.parametrize(("made", "expected"), [(0, False), (2, False), (3, True)])
def test_calls_of_a_task_add_up(made: int, expected: bool) -> None:
    assert asked(OFTEN, {}, task=task(counts={"deal:update": made})) is expected


@pytest.mark.parametrize(("line", "expected"), [(2, False), (3, True)])
def test_calls_of_a_line_of_tasks_add_up(line: int, expected: bool) -> None:
    """What a child has made itself is part of what its line has."""
    child = task(counts={"deal:update": 1}, family={"deal:update": line, "calls": 9})
    assert asked(OFTEN, {}, task=child) is expected


def test_a_permit_says_up_to_how_many_calls_it_holds() -> None:
    later = Threshold(template="later", calls=5)
    declared = tool(asks=(AMOUNT, MANY, later, OFTEN), scopes=("deal:update", "case:read"))

    def most(made: int, **changed: Any) -> dict[str, int]:
        known = task(counts={"deal:update": 1}, family={"case:read": made})
        return unasked(facts(tool=declared, task=known, **changed).gathered)

    assert most(2) == {"deal:update": 3, "case:read": 3}
    # A person has been asked for the first one.
    assert most(3) == {"deal:update": 5, "case:read": 5}
    assert most(5) == {}
    for none in (tool(asks=(AMOUNT,)), tool(manifest=None)):
        assert unasked(facts(tool=none).gathered) == {}


def test_a_threshold_of_nothing_is_never_passed() -> None:
    assert not asked(Threshold(template="x"), {})
    assert [*passed(call(), facts(tool=tool(manifest=None)))] == []


def test_what_an_approval_was_asked_for_names_the_threshold() -> None:
    assert [named(one) for one in (AMOUNT, MANY, OFTEN)] == [
        "threshold:refund:amount_minor", "threshold:mass:to", "threshold:often:calls",
    ]  # fmt: skip


def test_each_call_passes_a_threshold_of_no_calls() -> None:
    assert asked(Threshold(template="confirmation", calls=0), {}, task=task(counts={}))
