from __future__ import annotations

from typing import Any

import pytest

from safeconduct.core.screen import screen
from safeconduct.core.verdict import Answer, Decision, Deny
from tests.support.facts import agent, call, gathered, task

NAMES = (
    "delegation", "tool", "zone", "budget", "flow", "sink", "content", "review",
    "policy", "elevation",
)  # fmt: skip


def test_what_the_first_four_checks_let_pass_goes_on() -> None:
    assert screen(call(), gathered()) is None


@pytest.mark.parametrize(
    ("at", "changed", "code"),
    [
        (0, {"agent": agent(registered=False)}, "agent-unregistered"),
        (1, {"task": task(scopes=frozenset())}, "scope-missing"),
        (2, {"zone": None}, "zone-denied"),
        (3, {"task": task(refusals=3)}, "refusals-exhausted"),
    ],
)
def test_it_stops_at_the_first_refusal_and_says_what_it_did_not_ask(
    at: int, changed: dict[str, Any], code: str
) -> None:
    decision = screen(call(), gathered(**changed))
    assert decision is not None
    assert decision.verdict == Deny(code)
    assert tuple(answer.check for answer in decision.answers) == NAMES
    assert [answer.said for answer in decision.answers] == [
        Deny(code) if place == at else None for place in range(10)
    ]
    assert [answer.evaluated for answer in decision.answers] == [place <= at for place in range(10)]


def test_a_call_outside_the_delegation_learns_nothing_of_zones_or_budgets() -> None:
    known = gathered(task=task(scopes=frozenset(), refusals=3), zone=None)
    assert screen(call(), known) == Decision(
        Deny("scope-missing"),
        (
            Answer("delegation", None),
            Answer("tool", Deny("scope-missing")),
            *(
                Answer(name, None, evaluated=False)
                for name in (
                    "zone", "budget", "flow", "sink", "content", "review",
    "policy", "elevation",
                )
            ),
        ),
    )  # fmt: skip
