"""Withheld results in task state: of tasks that live, one for each call, and so many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.core.release import MAX_RELEASES
from safeconduct.tasks.state import TaskState
from tests.support.tasks import Record, outcome, permit, revoked, started


@pytest.fixture
def state(tmp_path: Path) -> Iterator[TaskState]:
    made = TaskState(tmp_path / "state.sqlite3")
    add(made, started("t_1", budgets={"calls": 100}))
    add(made, started("t_2", expires_ms=3_000))
    yield made
    made.close()


def add(state: TaskState, record: Record) -> str | None:
    said = state.apply(state.applied(), record, replay=False)
    state.commit() if said is None else state.rollback()
    return said


def withheld(
    state: TaskState, decision: str, task: str = "t_1", *, digest: str = "", at_ms: int = 2_000
) -> str | None:
    facts = state.task(task)
    assert facts is not None
    call = {"digest": digest or decision, "changes_state": False, "at_ms": at_ms}
    assert add(state, permit(decision, facts.version, task=task, **call)) is None
    ends: dict[str, Any] = {
        "task": task,
        "at_ms": at_ms,
        "status": "withheld",
        "reason": "result-quarantined",
        "result": f"sha256:{decision}",
        "payload": {"kid": "k_1", "at": [0, 0]},
    }
    return add(state, {**outcome(decision), **ends})


def known(state: TaskState, task: str = "t_1") -> list[str]:
    return [one.decision for one in state.kept(task)]


def test_the_last_answer_of_each_call_is_kept(state: TaskState) -> None:
    for decision, digest in (("d_1", "x"), ("d_2", "y"), ("d_3", "x")):
        assert withheld(state, decision, digest=digest) is None
    assert known(state) == ["d_2", "d_3"]
    assert known(state, "t_2") == []
    (_, (task, one)) = state.withheld()
    assert (task, one.decision, one.digest, one.content) == ("t_1", "d_3", "x", "sha256:d_3")


def test_no_more_are_kept_than_can_be_released(state: TaskState) -> None:
    for number in range(MAX_RELEASES):
        assert withheld(state, f"d_{number}") is None
    assert withheld(state, "d_more") == "kept"
    assert [decision for decision, _ in state.open_calls()] == ["d_more"]
    assert withheld(state, "d_again", digest="d_0") is None
    assert len(state.kept("t_1")) == MAX_RELEASES


def test_what_ended_tasks_had_is_kept_no_more(state: TaskState) -> None:
    assert withheld(state, "d_1", "t_2") is None
    assert withheld(state, "d_2", at_ms=2_999) is None
    assert known(state, "t_2") == ["d_1"]
    assert withheld(state, "d_3", at_ms=3_000) is None
    assert known(state, "t_2") == []
    assert add(state, revoked("task", "t_1")) is None
    assert state.withheld() == []
