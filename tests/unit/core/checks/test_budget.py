from __future__ import annotations

import pytest

from safeconduct.core.checks.budget import CALLS, budget, spends
from safeconduct.core.manifest import Effect
from safeconduct.core.verdict import Deny
from tests.support.facts import call, gathered, task, tool


def test_a_call_spends_one_of_calls_and_one_of_each_scope() -> None:
    assert spends(gathered(tool=tool(scopes=("a:read", "b:read")))) == {
        CALLS: 1, "a:read": 1, "b:read": 1,
    }  # fmt: skip
    assert spends(gathered(tool=tool(manifest=None))) == {CALLS: 1}


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
