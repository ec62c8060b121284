from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit.committer import Append, Committer
from safeconduct.audit.faults import LogFault
from safeconduct.audit.payloads.blobs import Blobs
from safeconduct.audit.records import decode
from safeconduct.audit.tail import Tail
from safeconduct.audit.walk import Walk
from safeconduct.core.canonical import NotCanonical
from safeconduct.core.merkle import Tree
from safeconduct.ports import LedgerConflict, RecordTooLarge
from tests.support.logs import Memory

NO = {"conflict": "budget"}
BROKEN = {"crash": "no such table"}


class Room:
    """A committer, and what is in its log and its projection afterwards."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.tail = Tail(directory, "o", 0, 0)
        self.projection = Memory()
        self.committer = Committer(self.tail, Tree(), self.projection, Blobs(directory))

    def commit(self, *appends: list[dict[str, Any]]) -> list[int | Exception | None]:
        group = [Append(records) for records in appends]
        self.committer.commit(group)
        return [append.answer for append in group]

    def values(self) -> list[Any]:
        logged = [decode(data) for group in Walk(self.directory) for data in group.entries]
        assert logged == self.projection.records[: self.projection.applied()]
        assert self.projection.applied() == len(self.projection.records)
        assert [record["n"] for record in logged] == list(range(len(logged)))
        assert self.committer.head[0] == len(logged)
        return [record["v"] for record in logged]


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def v(value: int) -> dict[str, Any]:
    return {"v": value}


def codes(answers: list[int | Exception | None]) -> list[object]:
    return [answer.code if isinstance(answer, LogFault) else answer for answer in answers]


def test_a_group_is_numbered_in_the_order_it_came(room: Room) -> None:
    assert room.commit([v(1)], [v(2), v(3)], [v(4)]) == [0, 1, 3]
    assert room.commit([v(5)]) == [4]
    assert room.values() == [1, 2, 3, 4, 5]
    assert [len(group.entries) for group in Walk(room.directory)] == [4, 1]


def test_who_listens_is_told_what_is_durable_and_of_nothing_else(room: Room) -> None:
    told: list[tuple[int, list[Any]]] = []
    room.commit([v(1)])
    room.committer.heard = lambda first, entries: told.append(
        (first, [decode(data)["v"] for data in entries])
    )
    room.commit([v(2)], [v(3), NO], [v(4), v(5)])
    room.commit([NO])
    room.projection.failing.add("commit")
    room.commit([v(6)])
    assert told == [(1, [2, 4, 5])]


def test_the_head_is_the_root_of_what_is_durable(room: Room) -> None:
    room.commit([v(1)])
    (group,) = Walk(room.directory)
    assert room.committer.head == (1, group.root)


def test_a_conflict_refuses_its_own_append_only(room: Room) -> None:
    first, refused, last = room.commit([v(1)], [NO], [v(2)])
    assert (first, last) == (0, 1)
    assert isinstance(refused, LedgerConflict)
    assert refused.reason == "budget"
    assert room.values() == [1, 2]


def test_of_an_append_that_conflicts_half_way_nothing_stays(room: Room) -> None:
    answers = room.commit([v(1)], [v(2), v(3), NO], [v(4)], [v(5), NO], [v(6)])
    assert [answer for answer in answers if isinstance(answer, int)] == [0, 1, 2]
    assert room.values() == [1, 4, 6]


def test_a_group_of_conflicts_writes_nothing(room: Room) -> None:
    room.commit([NO], [v(1), NO])
    assert room.values() == []
    assert not list(room.directory.iterdir())


def test_a_projection_that_fails_refuses_that_append_only(room: Room) -> None:
    first, refused, last = room.commit([v(1)], [v(2), BROKEN], [v(3)])
    assert (first, last) == (0, 1)
    assert isinstance(refused, LogFault)
    assert refused.code == "projection"
    assert "no such table" in refused.sentence
    assert room.values() == [1, 3]


@pytest.mark.parametrize(
    ("record", "error"),
    [
        ({"v": 1.5}, NotCanonical),
        ({"v": 2**53}, NotCanonical),
        ({"v": "\ud800"}, NotCanonical),
        ({"v": "x" * 8192}, RecordTooLarge),
        ({"n": 1}, ValueError),
        (7, TypeError),
    ],
)
def test_a_record_without_exact_bytes_refuses_its_append_only(
    room: Room, record: dict[str, Any], error: type[Exception]
) -> None:
    first, refused, last = room.commit([v(1)], [v(2), record], [v(3)])
    assert (first, last) == (0, 1)
    assert isinstance(refused, error)
    assert room.values() == [1, 3]


def test_a_projection_that_cannot_begin_refuses_the_group_and_may_recover(room: Room) -> None:
    room.projection.failing = {"begin"}
    assert codes(room.commit([v(1)], [v(2)])) == ["projection", "projection"]
    room.projection.failing = set()
    assert room.commit([v(3)]) == [0]
    assert room.values() == [3]


@pytest.mark.parametrize("method", ["commit", "rollback"])
def test_a_projection_that_cannot_end_its_transaction_ends_the_log(room: Room, method: str) -> None:
    room.commit([v(1)])
    room.projection.failing = {method}
    assert codes(room.commit([v(2)], [v(3), NO]))[0] == "projection"
    room.projection.failing = set()
    assert codes(room.commit([v(4)])) == ["projection"]


def test_after_a_failed_commit_the_log_holds_what_the_projection_must_replay(room: Room) -> None:
    room.projection.failing = {"commit"}
    room.commit([v(1)])
    assert [group.size for group in Walk(room.directory)] == [1]
    assert room.projection.applied() == 0


def test_a_projection_that_changes_its_mind_ends_the_log(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    apply = room.projection.apply
    seen: list[int] = []

    def once(seq: int, record: dict[str, Any], *, replay: bool) -> str | None:
        seen.append(record.get("v", 0))
        return "again" if seen.count(1) > 1 else apply(seq, record, replay=replay)

    monkeypatch.setattr(room.projection, "apply", once)
    answers = room.commit([v(1)], [v(2), NO])
    assert codes(answers)[0] == "projection"
    assert isinstance(answers[1], LedgerConflict)
    assert codes(room.commit([v(3)])) == ["projection"]


def test_a_full_disk_refuses_the_group_and_the_next_may_pass(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.commit([v(1)])
    with monkeypatch.context() as patch:
        patch.setattr(room.tail, "append", _raise(LogFault("full", "no space")))
        assert codes(room.commit([v(2)], [v(3)])) == ["full", "full"]
    assert room.commit([v(4)]) == [1]
    assert room.values() == [1, 4]


@pytest.mark.parametrize("error", [LogFault("io", "gone"), MemoryError()])
def test_any_other_failure_to_write_ends_the_log(
    room: Room, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(room.tail, "append", _raise(error))
        (answer,) = room.commit([v(1)])
    assert isinstance(answer, LogFault)
    (later,) = room.commit([v(2)])
    assert isinstance(later, LogFault)
    assert not list(room.directory.iterdir())


def test_an_interrupt_ends_the_log_and_goes_on(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    room.commit([v(1)])
    group = [Append([v(2)])]
    with monkeypatch.context() as patch:
        patch.setattr(room.tail, "append", _raise(KeyboardInterrupt()))
        with pytest.raises(KeyboardInterrupt):
            room.committer.commit(group)
    assert codes([group[0].answer]) == ["projection"]
    assert codes(room.commit([v(3)])) == ["projection"]
    assert room.values() == [1]


def _raise(error: BaseException) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail
