from __future__ import annotations

from typing import Any

from safeconduct.tasks import kin
from safeconduct.tasks.kin import Bound, Kin
from safeconduct.tasks.rows import TaskRow, start_row
from tests.support.tasks import started


def one(row: TaskRow | None = None, **changed: Any) -> Kin:
    return Kin(start_row(started(**changed)), row or TaskRow())


def test_a_bound_counts_what_it_names() -> None:
    bound = Bound({"calls": 2}, {"calls": 1, "other": 9}, {}, {})
    assert bound.holds({"calls": 1, "other": 5}, {})
    assert not bound.holds({"calls": 2}, {})
    assert Bound({}, {}, {}, {}).holds({"calls": 10**9}, {})


def test_a_task_lives_while_all_above_it_do() -> None:
    assert kin.state_of([one(), one()]) == "active"
    assert kin.state_of([one(), one(TaskRow(state="revoked"))]) == "revoked"


def test_scopes_are_those_of_the_whole_line() -> None:
    assert kin.scopes_of([one(scopes=["a", "b"]), one(scopes=["b", "c"])]) == {"b"}


def test_a_version_follows_the_plans_above_and_not_their_calls() -> None:
    own, busy, changed = TaskRow(version=3), TaskRow(version=9), TaskRow(version=9, changes=1)
    assert kin.version_of([one(own), one(busy)]) == 3
    assert kin.version_of([one(own), one(changed)]) == 4


def test_the_strictest_of_a_line_says_when_to_attest_again() -> None:
    assert kin.strictest([None, None]) is None
    assert kin.strictest([None, 5, 3]) == 3


def test_patience_is_the_least_of_the_line() -> None:
    own = one(TaskRow(refusals=1), max_refusals=9)
    assert kin.patience([own]) == 9
    assert kin.patience([own, one(TaskRow(refusals=4), max_refusals=5)]) == 2
    assert kin.patience([own, one(TaskRow(refusals=5), max_refusals=5)]) == 1


def test_budgets_are_what_every_bound_has_left() -> None:
    bounds = [
        Bound({"calls": 5}, {"calls": 1}, {}, {}),
        Bound({"calls": 3, "send": 1}, {"calls": 2}, {}, {}),
        Bound({"send": 1}, {"send": 4}, {}, {}),
    ]
    assert kin.budgets_of({"calls": 1}, bounds) == {"calls": 2, "send": -3}
    assert kin.budgets_of({}, []) == {}
