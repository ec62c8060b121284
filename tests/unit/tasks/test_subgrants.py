"""Sub-grants in task state: given by who speaks for the user, used up with the decision."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.core.subgrants import MAX_SUBGRANTS, Given
from safeconduct.tasks.state import TaskState
from tests.support.tasks import Record, child, continued, permit, started

FOLLOW = {
    "source": "crm.get_case",
    "object": "C-1",
    "tools": ["mail.send"],
    "count": 2,
    "minutes": 1,
}
END_MS = 1_000 + 60_000


@pytest.fixture
def state(tmp_path: Path) -> Iterator[TaskState]:
    made = TaskState(tmp_path / "state.sqlite3")
    yield made
    made.close()


def add(state: TaskState, record: Record) -> str | None:
    said = state.apply(state.applied(), record, replay=False)
    state.commit() if said is None else state.rollback()
    return said


def given(state: TaskState, task: str = "t_1") -> tuple[Given, ...]:
    facts = state.task(task)
    assert facts is not None
    return facts.subgrants


def following(state: TaskState, decision: str, *numbers: int, at_ms: int = 2_000) -> str | None:
    facts = state.task("t_1")
    assert facts is not None
    record = permit(decision, facts.version, digest=decision, subgrants=[*numbers], at_ms=at_ms)
    return add(state, record)


def begun(state: TaskState, *follow: Any, **changed: Any) -> str | None:
    return add(state, started(follow=[*follow], budgets={}, **changed))


def test_a_call_of_it_is_taken_with_the_decision(state: TaskState) -> None:
    assert begun(state, FOLLOW, {**FOLLOW, "count": 1}) is None
    assert following(state, "d_1", 0, 1) is None
    assert [one.left for one in given(state)] == [1, 0]
    assert following(state, "d_2", 0, 1) == "sub-grant"
    assert [one.left for one in given(state)] == [1, 0]
    assert following(state, "d_3", 0) is None
    assert following(state, "d_4", 0) == "sub-grant"
    assert following(state, "d_5", 2) == "sub-grant"
    assert following(state, "d_6") is None


def test_it_ends(state: TaskState) -> None:
    assert begun(state, FOLLOW) is None
    assert following(state, "d_1", 0, at_ms=END_MS - 1) is None
    assert following(state, "d_2", 0, at_ms=END_MS) == "sub-grant"
    assert [one.until_ms for one in given(state)] == [END_MS]


def test_an_agent_gives_itself_nothing(state: TaskState) -> None:
    assert begun(state, FOLLOW, purpose_source="agent") == "plan"
    assert begun(state, purpose_source="agent") is None


def test_only_so_many_are_given(state: TaskState) -> None:
    assert begun(state, *[FOLLOW] * (MAX_SUBGRANTS + 1)) == "plan"
    assert begun(state, *[FOLLOW] * (MAX_SUBGRANTS - 1)) is None
    amended = continued("amended", purpose="x")
    assert add(state, {**amended, "follow": [FOLLOW, FOLLOW]}) == "plan"
    assert add(state, {**amended, "follow": [FOLLOW]}) is None
    assert given(state)[-1] == Given(7, given(state)[0].grant, 2, 2_000 + 60_000)
    assert add(state, {**amended, "follow": [FOLLOW]}) == "plan"


def test_a_renewal_gives_none_and_a_child_has_none(state: TaskState) -> None:
    assert begun(state, FOLLOW) is None
    assert add(state, continued("renewed", follow=[FOLLOW])) == "plan"
    assert add(state, child(follow=[FOLLOW])) == "plan"
    assert add(state, child()) is None
    assert given(state, "t_2") == ()
    assert add(state, continued("renewed")) is None
    assert len(given(state)) == 1


def test_who_is_forgotten_has_nothing_followed(state: TaskState) -> None:
    assert begun(state, FOLLOW) is None
    erasure = {
        "kind": "erasure", "user": "jane@crm.example", "pseudonym": "p", "tenant": "crm.example",
        "at_ms": 3_000,
    }  # fmt: skip
    assert add(state, erasure) is None
    assert given(state) == ()


def test_the_log_alone_tells_what_is_left(state: TaskState, tmp_path: Path) -> None:
    records = [
        started(follow=[FOLLOW], budgets={}),
        {**permit("d_1"), "subgrants": [0], "at_ms": 2_000},
        {**continued("amended", purpose="x"), "follow": [FOLLOW]},
        {**permit("d_2", 2), "subgrants": [0, 1], "at_ms": 3_000},
    ]
    for record in records:
        assert add(state, record) is None
    again = TaskState(tmp_path / "again.sqlite3")
    for seq, record in enumerate(records):
        assert again.apply(seq, record, replay=True) is None
        again.commit()
        again.close()
        again = TaskState(tmp_path / "again.sqlite3")
    assert given(again) == given(state)
    assert [one.left for one in given(again)] == [0, 1]
    again.close()
