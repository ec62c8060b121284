from __future__ import annotations

import pytest

from safeconduct.core.checks.budget import budget
from safeconduct.core.limits import CALLS, moving, touches
from safeconduct.core.manifest import Effect
from safeconduct.core.model import Reach
from safeconduct.core.verdict import Deny
from tests.support.facts import call, gathered, task, tool

DEALS = moving("deal:update")


@pytest.mark.parametrize("name", [CALLS, "deal:update"])
def test_the_last_of_a_budget_may_be_spent_and_no_more(name: str) -> None:
    last = gathered(task=task(budgets={name: 2}, counts={name: 1}))
    spent = gathered(task=task(budgets={name: 2}, counts={name: 2}))
    assert budget(call(), last) is None
    assert budget(call(), spent) == Deny("budget-exhausted")


def test_a_budget_that_is_overspent_already_stays_closed() -> None:
    known = gathered(task=task(budgets={CALLS: 2}, counts={CALLS: 7}))
    assert budget(call(), known) == Deny("budget-exhausted")


def test_a_budget_of_nothing_permits_nothing() -> None:
    assert budget(call(), gathered(task=task(budgets={CALLS: 0}))) == Deny("budget-exhausted")


def test_the_budget_of_another_scope_does_not_count() -> None:
    known = gathered(task=task(budgets={"mail:send": 0}, counts={"mail:send": 5}))
    assert budget(call(), known) is None


def test_what_has_no_budget_is_not_bounded() -> None:
    assert budget(call(), gathered(task=task(budgets={}, counts={CALLS: 10**9}))) is None


def test_a_refusal_loop_ends_before_anything_else_is_told() -> None:
    known = gathered(task=task(refusals=3, budgets={CALLS: 0}), outcome_unknown=True)
    assert budget(call(), known) == Deny("refusals-exhausted")
    assert budget(call(), gathered(task=task(refusals=2))) is None


def test_a_change_whose_fate_is_unknown_is_not_repeated() -> None:
    assert budget(call(), gathered(outcome_unknown=True)) == Deny("outcome-unknown")


def test_a_read_may_be_repeated() -> None:
    known = gathered(outcome_unknown=True, tool=tool(effect=Effect.read))
    assert budget(call(), known) is None


def test_an_agent_shows_itself_again_after_so_many_calls() -> None:
    due = gathered(task=task(reattest_every=3, unattested=3))
    assert budget(call(), due) == Deny("reattestation-needed")
    assert budget(call(), gathered(task=task(reattest_every=3, unattested=2))) is None
    assert budget(call(), gathered(task=task(unattested=10**6))) is None


def test_an_agent_shows_itself_again_after_so_many_refusals() -> None:
    due = gathered(task=task(reattest_on_refusals=2, suspect=2))
    assert budget(call(), due) == Deny("reattestation-needed")
    assert budget(call(), gathered(task=task(reattest_on_refusals=2, suspect=1))) is None
    assert budget(call(), gathered(task=task(suspect=10**6))) is None


def test_a_reply_waits_for_no_attestation() -> None:
    known = gathered(task=task(reattest_every=3, unattested=3), reply=True)
    assert budget(call(), known) is None


@pytest.mark.parametrize(
    ("amount", "said"),
    [(40, None), (41, Deny("amount-exhausted")), (-41, Deny("amount-exhausted"))],
)
def test_an_amount_may_be_what_is_left_and_no_more(amount: int, said: Deny | None) -> None:
    known = gathered(task=task(budgets={DEALS: 100}, counts={DEALS: 60}))
    assert budget(call({"id": "D-7", "amount_minor": amount}), known) == said


def test_what_cannot_be_counted_is_refused() -> None:
    known = gathered(task=task(budgets={DEALS: 100}))
    assert budget(call({"id": "D-7", "amount_minor": "40"}), known) == Deny("limit-uncountable")
    assert budget(call({"id": "D-7", "amount_minor": "40"}), gathered()) is None


def test_only_so_many_objects_are_touched() -> None:
    first = gathered(task=task(reaches={"deal:update": (Reach(1),)}))
    assert budget(call({"id": "D-7"}), first) is None
    assert budget(call({"id": "D-7", "to": "x@y.example"}), first) == Deny("objects-exhausted")


def test_an_object_that_was_touched_may_be_touched_again() -> None:
    (known,) = touches(
        call({"id": "D-7"}), gathered(task=task(reaches={"deal:update": (Reach(1),)}))
    ).values()
    full = gathered(task=task(reaches={"deal:update": (Reach(9), Reach(1, frozenset(known)))}))
    assert budget(call({"id": "D-7"}), full) is None
    assert budget(call({"id": "D-8"}), full) == Deny("objects-exhausted")


def test_a_call_that_goes_in_circles_is_stopped_unless_all_refusals_are_used_up() -> None:
    assert budget(call(), gathered(circles=True)) == Deny("loop-stopped")
    held = gathered(circles=True, task=task(refusals=3, max_refusals=3))
    assert budget(call(), held) == Deny("refusals-exhausted")
    due = gathered(circles=True, task=task(reattest_every=3, unattested=3))
    assert budget(call(), due) == Deny("loop-stopped")
