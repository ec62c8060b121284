"""What a task does again and again, as its records tell."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.tasks.state import TaskState
from tests.support.tasks import (
    Record,
    child,
    continued,
    deny,
    outcome,
    permit,
    resumed,
    revoked,
    started,
)

LOOPS = {"same": 2, "changes": 2}
TOOL = "crm.update_deal"


@pytest.fixture
def state(tmp_path: Path) -> Iterator[TaskState]:
    made = TaskState(tmp_path / "state.sqlite3")
    yield made
    made.close()


def add(state: TaskState, record: Record) -> str | None:
    state.begin()
    said = state.apply(state.applied(), record, replay=False)
    state.commit() if said is None else state.rollback()
    return said


def fine(state: TaskState, *records: Record) -> None:
    assert [add(state, record) for record in records] == [None] * len(records)


def begun(**changed: Any) -> Record:
    return started(loops=LOOPS, max_refusals=9, budgets={}, **changed)


def no(
    digest: str = "x", tool: str = TOOL, reason: str = "policy-denied", task: str = "t_1"
) -> Record:
    return {**deny(reason, task), "tool": tool, "digest": digest}


def yes(decision: str, version: int, digest: str, *, changes: bool = True) -> Record:
    return permit(decision, version, digest=digest, changes_state=changes)


def released() -> Record:
    record = {"kind": "release", "release": "r_1", "task": "t_1", "tool": TOOL, "calls": 1}
    return {**record, "at_ms": 1_000, "until_ms": 2_000, "of": "d_1"}


def version(state: TaskState, task: str = "t_1") -> int:
    known = state.task(task)
    assert known is not None
    return known.version


def test_equal_refusals_stop_a_tool_and_no_other(state: TaskState) -> None:
    fine(state, begun(), no("a"))
    assert not state.circles("t_1", TOOL, "c")
    fine(state, no("b"))
    assert state.circles("t_1", TOOL, "c")
    assert not state.circles("t_1", "crm.get_deal", "c")
    assert not state.circles("t_2", TOOL, "c")


def test_a_call_that_is_refused_for_this_and_that_is_stopped_and_no_other(state: TaskState) -> None:
    fine(state, begun(), no("a"), no("a", reason="zone-denied"))
    assert state.circles("t_1", TOOL, "a")
    assert not state.circles("t_1", TOOL, "b")


def test_a_decision_that_did_not_know_is_made_again(state: TaskState) -> None:
    fine(state, begun(), no(), no())
    assert add(state, no()) == "loop"
    assert add(state, yes("d_1", 0, "y")) == "loop"
    fine(state, no(reason="loop-stopped"), no(reason="loop-stopped"))
    known = state.task("t_1")
    assert known is not None
    assert known.refusals == 4


def test_what_passes_by_itself_is_not_counted(state: TaskState) -> None:
    fine(state, begun(), *[no(reason="facts-unavailable")] * 3, *[no(reason="busy")] * 3)
    fine(state, *[{**no(), "verdict": "elevate"}] * 3)
    assert not state.circles("t_1", TOOL, "x")


def test_a_permit_of_the_tool_is_progress(state: TaskState) -> None:
    fine(state, begun(), no("a"), yes("d_1", 0, "b", changes=False), no("c"))
    assert not state.circles("t_1", TOOL, "d")


def test_the_same_change_is_made_so_often_and_no_more(state: TaskState) -> None:
    fine(state, begun(), yes("d_1", 0, "a"), outcome(), yes("d_2", 1, "a"), outcome("d_2"))
    assert state.circles("t_1", TOOL, "a")
    assert not state.circles("t_1", TOOL, "b")
    assert add(state, yes("d_3", 2, "a")) == "loop"
    fine(state, yes("d_3", 2, "b"))


def test_a_read_may_be_repeated(state: TaskState) -> None:
    fine(state, begun())
    fine(state, *[yes(f"d_{n}", n, "a", changes=False) for n in range(9)])
    assert not state.circles("t_1", TOOL, "a")


def test_an_operator_lets_it_go_on(state: TaskState) -> None:
    fine(state, begun(), no(), no(), *[no(tool="crm.get_deal", reason="tool-unknown")] * 7)
    assert add(state, no()) == "refusals"
    before = version(state)
    fine(state, resumed())
    known = state.task("t_1")
    assert known is not None
    assert (known.refusals, known.version) == (0, before + 1)
    assert not state.circles("t_1", TOOL, "x")
    fine(state, no(), no())
    assert state.circles("t_1", TOOL, "x")


def test_the_user_lets_it_go_on_and_the_agent_does_not(state: TaskState) -> None:
    fine(state, begun(), no(), no(), continued("renewed"))
    assert state.circles("t_1", TOOL, "x")
    fine(state, continued("amended", purpose="And now?"))
    assert not state.circles("t_1", TOOL, "x")


def test_a_release_is_somebody_who_looked(state: TaskState) -> None:
    fine(state, begun(), no(), no())
    assert state.circles("t_1", TOOL, "x")
    fine(state, released())
    assert not state.circles("t_1", TOOL, "x")
    known = state.task("t_1")
    assert known is not None
    assert known.refusals == 2


def test_only_a_task_that_lives_goes_on(state: TaskState) -> None:
    fine(state, begun(), begun(task="t_2", consumes=[]), revoked("task", "t_1"))
    assert [add(state, resumed(task)) for task in ("t_1", "t_2", "t_3")] == [
        "task-unknown", None, "task-unknown",
    ]  # fmt: skip


def test_a_child_goes_in_circles_of_its_own(state: TaskState) -> None:
    fine(state, begun(), child(loops=LOOPS, max_refusals=9), no(task="t_2"), no(task="t_2"))
    assert state.circles("t_2", TOOL, "x")
    assert not state.circles("t_1", TOOL, "x")


def test_a_task_of_an_older_log_has_no_such_limit(state: TaskState) -> None:
    fine(state, started(max_refusals=9), *[no()] * 5)
    assert not state.circles("t_1", TOOL, "x")


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    first = TaskState(path)
    fine(first, begun(), no(), no())
    first.close()
    again = TaskState(path)
    assert again.circles("t_1", TOOL, "x")
    assert add(again, no()) == "loop"
    again.close()
