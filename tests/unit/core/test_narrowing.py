"""What is less for certain, and what only looks like it."""

from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.manifest import Argument
from safeconduct.core.narrowing import narrower
from tests.support.facts import manifest

ASKED: dict[str, Any] = {"id": "D-7", "amount_minor": 500, "to": ["a@x", "b@x"], "next_step": "go"}


@pytest.mark.parametrize(
    "changed",
    [
        {"amount_minor": 499},
        {"amount_minor": 0},
        {"amount_minor": 99.5},
        {"to": ["b@x"]},
        {"amount_minor": 1, "to": ["a@x"]},
    ],
)
def test_less_money_or_fewer_people_is_less(changed: dict[str, Any]) -> None:
    assert narrower(ASKED, {**ASKED, **changed}, manifest())


@pytest.mark.parametrize(
    "changed",
    [
        {},
        {"amount_minor": 501},
        {"amount_minor": -1},
        {"amount_minor": "499"},
        {"amount_minor": True},
        {"amount_minor": None},
        {"id": "D-8"},
        {"id": []},
        {"to": []},
        {"to": ["b@x", "a@x"]},
        {"to": ["a@x", "a@x"]},
        {"to": ["c@x"]},
        {"to": "a@x"},
        {"next_step": "g"},
        {"next_step": None},
        {"more": 1},
    ],
)
def test_anything_else_is_another_call(changed: dict[str, Any]) -> None:
    assert not narrower(ASKED, {**ASKED, **changed}, manifest())


def test_what_is_left_out_may_be_more() -> None:
    assert not narrower(
        ASKED, {name: ASKED[name] for name in ("id", "to", "next_step")}, manifest()
    )


def test_an_amount_that_is_taken_away_gets_nearer_to_nothing_too() -> None:
    for asked, proposed, expected in ((-500, -400, True), (-500, -501, False), (-500, 1, False)):
        assert narrower({"amount_minor": asked}, {"amount_minor": proposed}, manifest()) is expected


@pytest.mark.parametrize(
    ("asked", "proposed", "expected"),
    [("12.50", "12.49", True), ("12.50", "13", False), ("x", "12", False), ("12", "x", False)],
)
def test_amounts_may_be_written_as_texts(asked: str, proposed: str, expected: bool) -> None:
    assert narrower({"amount_minor": asked}, {"amount_minor": proposed}, manifest()) is expected


def test_what_has_no_form_is_no_amount() -> None:
    assert not narrower({"amount_minor": [5]}, {"amount_minor": [4]}, manifest())


def test_a_number_that_nobody_declared_an_amount_stays() -> None:
    declared = manifest(arguments={"limit": Argument(role="content")})
    assert not narrower({"limit": 10}, {"limit": 5}, declared)
    assert not narrower({"other": 10}, {"other": 5}, declared)


def test_numbers_of_objects_are_told_apart_by_their_kind() -> None:
    declared = manifest(arguments={"ids": Argument(role="object-id")})
    assert narrower({"ids": [1, True, 2]}, {"ids": [1, 2]}, declared)
    assert not narrower({"ids": [1, 2]}, {"ids": [True]}, declared)
