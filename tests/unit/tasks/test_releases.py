"""Releases in task state: given in a task that lives, used up with the decision."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.core.release import MAX_RELEASES, Release
from safeconduct.tasks.state import TaskState
from tests.support.tasks import Record, child, permit, revoked, started

UNTIL_MS = 5_000


@pytest.fixture
def state(tmp_path: Path) -> Iterator[TaskState]:
    made = TaskState(tmp_path / "state.sqlite3")
    yield made
    made.close()


def add(state: TaskState, record: Record) -> str | None:
    said = state.apply(state.applied(), record, replay=False)
    state.commit() if said is None else state.rollback()
    return said


def given(name: str = "r_1", **changed: Any) -> Record:
    return {
        "kind": "release",
        "release": name,
        "task": "t_1",
        "tool": "crm.update_deal",
        "calls": 2,
        "until_ms": UNTIL_MS,
        "at_ms": 1_500,
        "by": "uid:1000",
        "why": "because",
        "of": "d_0",
        **changed,
    }


def releases(state: TaskState, task: str = "t_1") -> tuple[Release, ...]:
    facts = state.task(task)
    assert facts is not None
    return facts.releases


def using(state: TaskState, decision: str, *names: str, **changed: Any) -> str | None:
    facts = state.task("t_1")
    assert facts is not None
    record = permit(decision, facts.version, digest=decision, releases=[*names], at_ms=2_000)
    return add(state, {**record, **changed})


def begin(state: TaskState, *records: Record) -> None:
    assert [add(state, one) for one in (started(budgets={}), *records)] == [None] * (
        len(records) + 1
    )


def test_a_call_of_it_is_taken_with_the_decision(state: TaskState) -> None:
    begin(state, given(), given("r_2", of="", key="recipient", value="x", calls=1))
    assert using(state, "d_1", "r_1", "r_2") is None
    assert [one.left for one in releases(state)] == [1, 0]
    assert using(state, "d_2", "r_1", "r_2") == "release"
    assert [one.left for one in releases(state)] == [1, 0]
    assert using(state, "d_3", "r_1") is None
    assert using(state, "d_4", "r_1") == "release"
    assert using(state, "d_5", "r_9") == "release"
    assert using(state, "d_6") is None


def test_it_is_for_one_tool_and_until_a_time(state: TaskState) -> None:
    begin(state, given())
    assert using(state, "d_1", "r_1", tool="mail.send") == "release"
    assert using(state, "d_2", "r_1", at_ms=UNTIL_MS) == "release"
    assert using(state, "d_3", "r_1", at_ms=UNTIL_MS - 1) is None


def test_a_decision_of_before_it_is_taken_again(state: TaskState) -> None:
    begin(state)
    before = permit("d_1", 0)
    assert add(state, given()) is None
    assert add(state, before) == "version"


def test_it_is_given_to_a_task_that_lives(state: TaskState) -> None:
    assert add(state, given()) == "task-unknown"
    begin(state)
    assert add(state, given(until_ms=1_500)) == "release"
    assert add(state, revoked("task", "t_1")) is None
    assert add(state, given()) == "task-unknown"


def test_a_child_has_none_of_it(state: TaskState) -> None:
    begin(state, child(), given())
    assert releases(state, "t_2") == ()
    assert add(state, revoked("task", "t_1")) is None
    assert add(state, given(task="t_2")) == "task-unknown"


def test_only_so_many_are_given(state: TaskState) -> None:
    begin(state, *[given(f"r_{number}") for number in range(MAX_RELEASES)])
    assert add(state, given("r_more")) == "release"


def test_the_log_alone_tells_what_is_left(state: TaskState, tmp_path: Path) -> None:
    records = [
        started(budgets={}),
        given(),
        {**permit("d_1", 1), "releases": ["r_1"], "at_ms": 2_000},
        given("r_2", of="", key="account", value="x"),
    ]
    for record in records:
        assert add(state, record) is None
    again = TaskState(tmp_path / "again.sqlite3")
    for seq, record in enumerate(records):
        assert again.apply(seq, record, replay=True) is None
        again.commit()
        again.close()
        again = TaskState(tmp_path / "again.sqlite3")
    assert releases(again) == releases(state)
    assert [(one.id, one.left) for one in releases(again)] == [("r_1", 1), ("r_2", 2)]
    again.close()
