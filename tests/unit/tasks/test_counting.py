"""Counters of a task and of a pair: from 1, without a gap, whatever is refused in between."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit import segments
from safeconduct.audit.faults import LogFault
from safeconduct.audit.log import Log
from safeconduct.audit.reading import read
from safeconduct.audit.records import encode, numbered
from safeconduct.audit.signer.notary import CLOSED
from safeconduct.audit.tail import Tail
from safeconduct.core.canonical import NotCanonical
from safeconduct.core.merkle import Tree
from safeconduct.ports import LedgerConflict
from safeconduct.tasks.state import TaskState
from tests.support.logs import ORIGIN, Memory
from tests.support.tasks import Record, child, deny, memory, outcome, permit, revoked, started

HELPER = "spiffe://crm.example/agents/helper"


class Room:
    """A log with its real state, which can be closed and opened again."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.state = TaskState(directory / "state.sqlite3")
        self.log = Log.open(directory / "audit", self.state, origin=ORIGIN)

    def open(self, state: str) -> None:
        self.state = TaskState(self.directory / state)
        self.log = Log.open(self.directory / "audit", self.state, origin=ORIGIN)

    def close(self) -> None:
        self.log.close()
        self.state.close()

    def append(self, *records: Record) -> None:
        asyncio.run(self.append_all([records]))

    async def append_all(self, group: list[tuple[Record, ...]]) -> list[object]:
        """What each append of one group was answered."""
        return await asyncio.gather(
            *(self.log.append(*records) for records in group), return_exceptions=True
        )

    def records(self) -> list[dict[str, Any]]:
        return list(read(self.directory / "audit"))

    def counted(self) -> list[tuple[int, int] | None]:
        return [
            (record["task_n"], record["pair_n"]) if "task_n" in record else None
            for record in self.records()
        ]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[Room]:
    made = Room(tmp_path)
    yield made
    made.close()


def contiguous(records: list[dict[str, Any]]) -> None:
    """Every task's numbers, and every pair's, are 1, 2, 3 and so on."""
    tasks: dict[str, list[int]] = defaultdict(list)
    pairs: dict[tuple[str, ...], list[int]] = defaultdict(list)
    whose: dict[str, tuple[str, ...]] = {}
    for record in records:
        if record["kind"] == "task" and record["phase"] == "started":
            whose[record["task"]] = (record["tenant"], record["agent"]["id"], record["user"]["id"])
        if record.get("task") in whose:
            tasks[record["task"]].append(record["task_n"])
            pairs[whose[record["task"]]].append(record["pair_n"])
    for numbers in (*tasks.values(), *pairs.values()):
        assert numbers == list(range(1, len(numbers) + 1))


def ended(decision: str, task: str = "t_1") -> Record:
    return {**outcome(decision), "task": task}


def test_a_record_that_names_a_task_has_its_number_in_the_task_and_in_the_pair(room: Room) -> None:
    room.append({"kind": "config", "phase": "loaded"})
    room.append(started())
    room.append(permit())
    room.append(memory(), ended("d_1"))
    room.append(started("t_2"), deny(task="t_2"))
    room.append(deny())
    room.append(revoked("agent", "somebody"))
    assert room.counted() == [
        None, (1, 1), (2, 2), (3, 3), (4, 4), (1, 5), (2, 6), (5, 7), None,
    ]  # fmt: skip


def test_another_agent_or_user_is_another_pair(room: Room) -> None:
    jane = started()["user"]
    room.append(started())
    room.append(started("t_2", agent=HELPER))
    room.append(started("t_3", user={**jane, "id": "joe@crm.example"}))
    room.append(started("t_4", tenant="other.example"))
    room.append(child("t_5"))
    assert room.counted() == [(1, 1), (1, 1), (1, 1), (1, 1), (1, 2)]


def test_a_task_that_is_not_known_is_not_counted(room: Room) -> None:
    room.append({"kind": "something-new", "task": "t_9"})
    assert room.counted() == [None]


def test_a_refused_append_takes_no_number(room: Room) -> None:
    room.append(started())
    group: list[tuple[Record, ...]] = [
        (deny(),),
        (deny(), started()),  # refused half way
        (deny(task="t_9"),),
        (started("t_2"), permit("d_1", 7, task="t_2")),
        ({**deny(), "reason": 1.5},),
        (started("t_2", consumes=["another"]),),
        (deny(),),
    ]
    answers = asyncio.run(room.append_all(group))
    assert [type(answer) for answer in answers] == [
        int, LedgerConflict, LedgerConflict, LedgerConflict, NotCanonical, int, int,
    ]  # fmt: skip
    assert room.counted() == [(1, 1), (2, 2), (1, 3), (3, 4)]
    contiguous(room.records())


def test_the_numbers_go_on_after_a_restart_and_after_a_replay_into_an_empty_state(
    room: Room,
) -> None:
    room.append(started())
    room.append(deny())
    for state in ("state.sqlite3", "lost.sqlite3", "lost.sqlite3"):
        room.close()
        room.open(state)
        room.append(started(f"t_{state}{room.log.size}"))
        room.append({**deny("busy"), "decision": "d_9"})
    contiguous(room.records())
    assert room.counted()[-1] == (5, 8)


def test_a_log_from_before_there_were_counters_opens_and_is_counted_from_then_on(
    tmp_path: Path,
) -> None:
    rewrite(tmp_path, [started(), deny()])
    room = Room(tmp_path)
    room.append(deny())
    room.close()
    room.open("lost.sqlite3")
    room.append(deny("busy"))
    assert room.counted() == [None, None, (1, 1), (2, 2)]
    room.close()


@pytest.mark.parametrize(
    "counters", [{"task_n": 1, "pair_n": 2}, {"task_n": 2, "pair_n": 3}, {"task_n": 2}]
)
def test_a_log_whose_numbers_do_not_follow_does_not_open(
    tmp_path: Path, counters: dict[str, int]
) -> None:
    rewrite(tmp_path, [{**started()}, deny()], [{"task_n": 1, "pair_n": 1}, counters])
    with pytest.raises(LogFault, match="record 1 contradicts what was applied: counters"):
        Room(tmp_path)


@pytest.mark.parametrize("key", ["n", "task_n", "pair_n"])
def test_nobody_else_gives_out_numbers(room: Room, key: str) -> None:
    room.append(started())
    (answer,) = asyncio.run(room.append_all([({**deny(), key: 2},)]))
    assert isinstance(answer, ValueError)
    assert str(answer) == f"the key {key!r} belongs to the log"


def rewrite(
    directory: Path, records: list[Record], counters: list[dict[str, int]] | None = None
) -> None:
    """A log of records with these counters, or with none, of which no state knows."""
    Log.open(directory / "audit", Memory(), origin=ORIGIN).close()
    said = counters or [{} for _ in records]
    entries = [
        encode(numbered(record, n, one))
        for n, (record, one) in enumerate(zip(records, said, strict=True))
    ]
    tree = Tree()
    tree.extend(entries)
    (directory / "audit" / CLOSED).unlink()  # as after a crash: what follows was acknowledged
    tail = Tail(directory / "audit", ORIGIN, 0, 0)
    tail.append(segments.group(entries, tree.size, tree.root()), Tree())
    tail.close()
