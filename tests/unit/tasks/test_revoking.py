"""What the state knows of what was revoked, and which tasks would end with what."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from safeconduct.tasks.revoking import Stop, Told
from safeconduct.tasks.state import TaskState
from tests.support.tasks import AGENT, Record, child, revoked, started

HELPER = "spiffe://crm.example/agents/helper"
OTHER = "spiffe://crm.example/agents/other"
USER = "jane@crm.example"
NOW_MS = 4_000


@pytest.fixture
def state(tmp_path: Path) -> Iterator[TaskState]:
    made = TaskState(tmp_path / "state.sqlite3")
    yield made
    made.close()


def fine(state: TaskState, *records: Record) -> None:
    for record in records:
        state.begin()
        assert state.apply(state.applied(), record, replay=False) is None
        state.commit()


def living(state: TaskState, what: str = "", name: str = "") -> list[str]:
    return sorted(one.task for one in state.living(NOW_MS, what, name))


@pytest.fixture
def busy(state: TaskState) -> TaskState:
    """A task with a child of another agent, one of a third with a key, and one that is over."""
    fine(
        state,
        started(),
        child("t_2", agent=HELPER),
        started("t_3", agent=OTHER, jkt="thumbprint"),
        started("t_4", expires_ms=NOW_MS),
    )
    return state


def test_tasks_that_go_on_are_the_newest_first_with_those_above_them(state: TaskState) -> None:
    fine(state, started(), child("t_2", agent=HELPER, started_ms=2_000))
    assert [(one.task, one.parent) for one in state.living(NOW_MS)] == [("t_2", "t_1"), ("t_1", "")]


@pytest.mark.parametrize(
    ("what", "name", "ends"),
    [
        ("", "", ["t_1", "t_2", "t_3"]),
        ("agent", AGENT, ["t_1", "t_2"]),
        ("agent", HELPER, ["t_2"]),
        ("agent", "nobody", []),
        ("user", USER, ["t_1", "t_2", "t_3"]),
        ("task", "t_1", ["t_1", "t_2"]),
        ("task", "t_2", ["t_2"]),
        ("key", "thumbprint", ["t_3"]),
        ("jti", "j_1", []),
    ],
)
def test_what_is_said_to_end_is_what_ends(
    busy: TaskState, what: str, name: str, ends: list[str]
) -> None:
    before = living(busy)
    assert living(busy, what, name) == ends
    if what:
        fine(busy, revoked(what, name))
        assert living(busy) == [one for one in before if one not in ends]
        assert living(busy, what, name) == []


def test_who_stopped_what_when_and_why_is_known_also_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "state.sqlite3"
    state = TaskState(path)
    fine(
        state,
        {**revoked("agent", AGENT), "by": "ole", "why": "it loops"},
        {**revoked("task", "t 9"), "by": "uid:0", "at_ms": 5_000},
        {**revoked("task", "t_1"), "by": AGENT},
    )
    expected = [
        Stop("task", "t 9", Told(5_000, "uid:0")),
        Stop("agent", AGENT, Told(4_000, "ole", "it loops")),
    ]
    assert state.stops() == expected
    state.close()
    state = TaskState(path)
    assert state.stops() == expected
    assert len(state.revocations()) == 3
    state.close()
