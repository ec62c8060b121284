"""Erasure and legal hold, as they reach the state of tasks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from safeconduct.tasks.state import TaskState
from tests.support.tasks import Record, outcome, permit, started

TENANT = "crm.example"
USER = "jane@crm.example"
OTHER = "bob@crm.example"
NAME = "u_0123456789ab"


def erasure(user: str = USER, name: str = NAME) -> Record:
    return {
        "kind": "erasure",
        "tenant": TENANT,
        "user": user,
        "pseudonym": name,
        "kids": ["k_1"],
        "by": "uid:0",
        "at_ms": 9_000,
    }


def begun(task: str, user: str) -> Record:
    """A task of another user."""
    record = started(task)
    return {**record, "user": {**record["user"], "id": user}}


def hold(what: str, name: str, phase: str = "placed") -> Record:
    return {"kind": "hold", "phase": phase, "what": what, "id": name, "reason": "case 7"}


@pytest.fixture
def state(tmp_path: Path) -> Iterator[TaskState]:
    state = TaskState(tmp_path / "state.sqlite3")
    yield state
    state.close()


def take(state: TaskState, *records: Record) -> list[str | None]:
    said: list[str | None] = []
    for record in records:
        state.begin()
        conflict = state.apply(state.applied(), {**record, **state.counters(record)}, replay=False)
        state.rollback() if conflict else state.commit()
        said.append(conflict)
    return said


def test_an_erased_user_s_tasks_end_and_name_a_pseudonym(state: TaskState) -> None:
    take(state, started("t_1"), begun("t_2", OTHER))
    assert take(state, erasure()) == [None]
    assert not state.active("t_1")
    assert state.active("t_2")
    assert state.parties("t_1")[1].id == NAME
    facts = state.task("t_1")
    assert facts is not None
    assert facts.purpose == ""
    assert state.parties("t_2")[1].id == OTHER
    assert state.erased() == [(NAME, TENANT)]


def test_whose_tasks_are_forgotten_is_known(state: TaskState) -> None:
    take(state, started("t_1"), begun("t_2", OTHER), erasure())
    assert [state.forgotten(task) for task in ("t_1", "t_2", "t_3")] == [True, False, False]


def test_nothing_of_the_user_is_left_in_the_file(tmp_path: Path) -> None:
    state = TaskState(tmp_path / "state.sqlite3")
    take(state, started("t_1"), permit(), outcome(), erasure())
    state.close()
    files = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert USER.encode() not in files
    assert NAME.encode() in files


def test_counters_go_on_under_the_pseudonym_and_begin_anew_for_the_user(state: TaskState) -> None:
    take(state, started("t_1"), erasure())
    running = state.counters({"kind": "outcome", "task": "t_1"})
    assert running == {"task_n": 2, "pair_n": 2}
    assert state.counters(started("t_3")) == {"task_n": 1, "pair_n": 1}


def test_a_replay_with_nobody_to_tell_who_it_was_comes_to_the_same(
    state: TaskState, tmp_path: Path
) -> None:
    take(state, started("t_1"), erasure(), started("t_3"))
    again = TaskState(tmp_path / "again.sqlite3")
    take(again, begun("t_1", NAME), erasure(user=NAME), started("t_3"))
    for task in ("t_1", "t_3"):
        assert again.parties(task) == state.parties(task)
        assert again.active(task) == state.active(task)
        record = {"kind": "outcome", "task": task}
        assert again.counters(record) == state.counters(record)
    again.close()


@pytest.mark.parametrize(("what", "name"), [("user", USER), ("log", "*")])
def test_what_is_held_is_not_erased(state: TaskState, what: str, name: str) -> None:
    take(state, started("t_1"), hold(what, name))
    assert state.held() == {f"{what} {name}": "case 7"}
    assert take(state, erasure()) == ["held"]
    assert state.active("t_1")
    assert take(state, hold(what, name, "released"), erasure()) == [None, None]
    assert state.held() == {}


def test_a_hold_of_one_of_the_user_s_tasks_counts_too(state: TaskState) -> None:
    take(state, started("t_1"), begun("t_2", OTHER), hold("task", "t_1"))
    assert take(state, erasure(OTHER, "u_other"), erasure()) == [None, "held"]


def test_holds_are_placed_once_and_released_once(state: TaskState) -> None:
    assert take(state, hold("task", "t_1"), hold("task", "t_1")) == [None, "held"]
    released = hold("task", "t_1", "released")
    assert take(state, released, released) == [None, "not-held"]
