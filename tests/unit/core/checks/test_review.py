from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.checks.review import REVIEW_SOURCE, review
from safeconduct.core.decide import decide
from safeconduct.core.review import Reviewed
from safeconduct.core.verdict import Deny, Elevate, Permit
from tests.support.facts import approval, call, facts


def reviewed(answer: Any, otherwise: Any = "refuse") -> Reviewed:
    return Reviewed(answer, "because", otherwise)


def test_a_call_that_nobody_had_to_review_passes() -> None:
    assert review(call(), facts()) is None


@pytest.mark.parametrize("otherwise", ["refuse", "elevate"])
def test_a_call_that_is_consistent_passes(otherwise: str) -> None:
    assert review(call(), facts(review=reviewed("consistent", otherwise))) is None


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        ("inconsistent", "review-inconsistent"),
        ("unsure", "review-inconsistent"),
        ("failed", "review-unavailable"),
    ],
)
def test_anything_else_is_refused_or_asks_a_person(answer: str, reason: str) -> None:
    assert review(call(), facts(review=reviewed(answer))) == Deny(reason)
    said = review(call(), facts(review=reviewed(answer, "elevate")))
    assert isinstance(said, Elevate)
    assert said.requirement.sources == (REVIEW_SOURCE,)


def test_a_person_who_was_asked_for_this_has_the_last_word() -> None:
    known = facts(review=reviewed("inconsistent", "elevate"), approval=approval())
    assert isinstance(decide(call(), known).verdict, Elevate)
    known = facts(
        review=reviewed("inconsistent", "elevate"), approval=approval(sources=(REVIEW_SOURCE,))
    )
    assert isinstance(decide(call(), known).verdict, Permit)
