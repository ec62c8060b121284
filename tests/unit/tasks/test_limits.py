"""Limits on amounts and objects: reserved with the decision, shared by a line, held by a window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.core.limits import moving
from safeconduct.core.model import Reach, TaskFacts
from safeconduct.tasks.state import TaskState
from tests.support.tasks import Record, child, permit, started

PAY = "bank:pay"
PAID = moving(PAY)


@pytest.fixture
def state(tmp_path: Path) -> Iterator[TaskState]:
    made = TaskState(tmp_path / "state.sqlite3")
    yield made
    made.close()


def add(state: TaskState, record: Record) -> str | None:
    said = state.apply(state.applied(), record, replay=False)
    state.commit() if said is None else state.rollback()
    return said


def known(state: TaskState, task: str = "t_1") -> TaskFacts:
    facts = state.task(task)
    assert facts is not None
    return facts


def paid(state: TaskState, decision: str, units: int, task: str = "t_1") -> str | None:
    spends = {"calls": 1, PAID: units}
    record = permit(decision, known(state, task).version, task=task, digest=decision, spends=spends)
    return add(state, record)


def touching(state: TaskState, decision: str, *objects: str, task: str = "t_1") -> str | None:
    record = permit(decision, known(state, task).version, task=task, digest=decision)
    return add(state, {**record, "touches": {PAY: list(objects)}})


def begin(state: TaskState, *records: Record) -> None:
    assert [add(state, record) for record in records] == [None] * len(records)


def limited(task: str = "t_1", **limits: Any) -> Record:
    return started(task, budgets={}, **limits)


def test_an_amount_is_not_moved_in_pieces_either(state: TaskState) -> None:
    begin(state, limited(amounts={PAY: 100}))
    assert paid(state, "d_1", 60) is None
    assert paid(state, "d_2", 41) == "budget"
    assert paid(state, "d_3", 40) is None
    assert known(state).budgets == {PAID: 100}
    assert known(state).counts == {"calls": 2, PAID: 100}


def test_a_child_moves_what_its_parent_has_left(state: TaskState) -> None:
    begin(state, limited(amounts={PAY: 100}), child(budgets={}))
    assert paid(state, "d_1", 60) is None
    assert known(state, "t_2").budgets == {PAID: 40}
    assert paid(state, "d_2", 41, task="t_2") == "budget"
    assert paid(state, "d_3", 40, task="t_2") is None
    assert paid(state, "d_4", 1) == "budget"


def test_a_new_task_moves_what_the_window_has_left(state: TaskState) -> None:
    window = {"seconds": 60, "budgets": {}, "amounts": {PAY: 100}, "objects": {PAY: 2}}
    begin(state, limited(window=window))
    assert paid(state, "d_1", 60) is None
    assert touching(state, "d_2", "a") is None
    begin(state, limited("t_2", window=window))
    assert known(state, "t_2").reaches == {PAY: (Reach(2, frozenset({"a"})),)}
    assert paid(state, "d_3", 41, task="t_2") == "budget"
    assert touching(state, "d_4", "a", "b", task="t_2") is None
    assert touching(state, "d_5", "c", task="t_2") == "budget"
    assert touching(state, "d_6", "c") == "budget"


def test_a_window_of_objects_alone_is_one(state: TaskState) -> None:
    begin(state, limited(window={"seconds": 60, "budgets": {}, "objects": {PAY: 1}}))
    assert touching(state, "d_1", "a") is None
    assert touching(state, "d_2", "b") == "budget"


def test_an_object_counts_once(state: TaskState) -> None:
    begin(state, limited(objects={PAY: 2}))
    assert touching(state, "d_1", "a", "b") is None
    assert touching(state, "d_2", "b", "a") is None
    assert touching(state, "d_3", "c") == "budget"
    assert known(state).reaches == {PAY: (Reach(2, frozenset({"a", "b"})),)}


def test_a_child_touches_what_its_line_may(state: TaskState) -> None:
    begin(state, limited(objects={PAY: 2}), child(budgets={}, objects={PAY: 1}))
    assert touching(state, "d_1", "a") is None
    # What the parent touched is new to the child, which may touch one.
    assert touching(state, "d_2", "b", task="t_2") is None
    assert touching(state, "d_3", "a", task="t_2") == "budget"
    assert touching(state, "d_4", "b") is None
    assert touching(state, "d_5", "c") == "budget"
    both = frozenset({"a", "b"})
    assert known(state, "t_2").reaches == {PAY: (Reach(1, frozenset({"b"})), Reach(2, both))}


def test_two_that_were_decided_at_once_never_both_take_the_last(state: TaskState) -> None:
    begin(state, limited(amounts={PAY: 100}, objects={PAY: 1}), child(), child("t_3"))
    one = permit("d_1", known(state, "t_2").version, task="t_2", spends={PAID: 100})
    other = permit("d_2", known(state, "t_3").version, task="t_3", spends={PAID: 1})
    assert [add(state, one), add(state, other)] == [None, "budget"]
    one = {**permit("d_3", known(state, "t_2").version, task="t_2"), "touches": {PAY: ["a"]}}
    other = {**permit("d_4", known(state, "t_3").version, task="t_3"), "touches": {PAY: ["b"]}}
    assert [add(state, one), add(state, other)] == [None, "budget"]


def test_the_log_alone_tells_what_was_moved_and_touched(state: TaskState, tmp_path: Path) -> None:
    limits: dict[str, Any] = {"amounts": {PAY: 100}, "objects": {PAY: 3}}
    window = {"seconds": 60, "budgets": {}, **limits}
    records = [
        limited(**limits, window=window),
        child(),
        {**permit("d_1", task="t_2", spends={PAID: 70}), "touches": {PAY: ["a", "b"]}},
        {**permit("d_2", 0, spends={PAID: 30}), "touches": {PAY: ["b", "c"]}},
    ]
    begin(state, *records)
    again = TaskState(tmp_path / "again.sqlite3")
    for seq, record in enumerate(records):
        assert again.apply(seq, record, replay=True) is None
        again.commit()
        again.close()
        again = TaskState(tmp_path / "again.sqlite3")
    assert [again.task(task) for task in ("t_1", "t_2")] == [known(state), known(state, "t_2")]
    assert paid(again, "d_3", 1) == "budget"
    assert touching(again, "d_4", "d") == "budget"
    again.close()


def test_a_child_has_no_baseline_of_its_own(state: TaskState) -> None:
    """Small changes add up, whichever task of a line makes them."""
    begin(state, limited(), child(budgets={}), child("t_3", parent="t_2", budgets={}))
    begin(state, permit(task="t_3", digest="a", baselines={"k": 100}))
    version = known(state).version
    begin(state, permit("d_2", version, digest="b", baselines={"k": 100, "m": 5}))
    for task in ("t_1", "t_2", "t_3"):
        assert (state.baseline(task, "k"), state.baseline(task, "m")) == (100, 5)
    begin(state, started("t_4", budgets={}))
    assert state.baseline("t_4", "k") is None


# --- calls that nobody is asked about -------------------------------------------------------------


def counted(state: TaskState, decision: str, task: str, version: int | None = None) -> str | None:
    """A call that nobody is asked about, up to the second of its scope."""
    version = known(state, task).version if version is None else version
    record = permit(
        decision, version, task=task, digest=decision, spends={"calls": 1, PAY: 1},
        unasked={PAY: 2},
    )  # fmt: skip
    return add(state, record)


def test_a_child_knows_what_its_line_has_done(tmp_path: Path) -> None:
    """Also after a restart."""
    state = TaskState(tmp_path / "state.sqlite3")
    begin(state, limited(), child(budgets={}), child("t_3", budgets={}))
    assert (counted(state, "d_1", "t_2"), counted(state, "d_2", "t_1")) == (None, None)
    for _ in range(2):
        all_of_it = {"calls": 2, PAY: 2}
        assert known(state).counts == all_of_it
        assert (known(state, "t_2").counts[PAY], known(state, "t_2").family) == (1, all_of_it)
        assert (known(state, "t_3").counts, known(state, "t_3").family) == ({}, all_of_it)
        state.close()
        state = TaskState(tmp_path / "state.sqlite3")
    assert counted(state, "d_3", "t_3") == "version"
    state.close()


@pytest.mark.parametrize("last", ["t_1", "t_2", "t_3"])
def test_tasks_of_a_line_that_decide_at_once_do_not_both_make_the_last_call(
    state: TaskState, last: str
) -> None:
    """Each has seen that one was left; none of them moves the others' version."""
    begin(state, limited(), child(budgets={}), child("t_3", budgets={}))
    assert counted(state, "d_1", "t_3") is None
    version = known(state, last).version
    assert counted(state, "d_2", "t_2" if last == "t_1" else "t_1") is None
    assert known(state, last).version == version
    assert counted(state, "d_3", last, version) == "version"
    # Once a person has said yes the record bounds it no more.
    spends = {"calls": 1, PAY: 1}
    record = permit("d_4", version, task=last, digest="d_4", spends=spends)
    assert add(state, record) is None
