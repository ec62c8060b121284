"""Following a log: what is passed on, once it is proven and durable, and where it goes on."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from safeconduct.audit import checkpoint, following, segments, tail
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.faults import LogFault
from safeconduct.audit.following import Cursor, Reader, lag
from safeconduct.core.merkle import Tree, leaf_hash
from tests.support.logs import ORIGIN, Memory, numbers, opened, written

MANY = 1000


def read(log: Path, place: Cursor | None = None) -> list[int]:
    return [copy.record["value"] for copy in Reader(log, place or Cursor()).read(MANY)]


def appended(log: Path, state: Memory, first: int, count: int = 1) -> None:
    """Opens a log again and adds to it; its checkpoint covers all when it is closed."""
    again = opened(log, state)

    async def append() -> None:
        for records in numbers(count, first):
            await again.append(*records)

    try:
        asyncio.run(append())
    finally:
        again.close()


def test_each_record_comes_with_what_holds_it_against_the_log(tmp_path: Path) -> None:
    written(tmp_path, *numbers(3))
    reader = Reader(tmp_path, Cursor())
    copies = reader.read(MANY)
    assert [copy.record for copy in copies] == [
        {"kind": "config", "value": n, "n": n} for n in range(3)
    ]
    last = copies[-1]
    assert last.data == b'{"kind":"config","n":2,"value":2}'
    assert last.id == f"{ORIGIN}:2"
    assert last.evidence == {
        "log": ORIGIN,
        "n": 2,
        "leaf_hash": leaf_hash(last.data).hex(),
        "checkpoint_size": 3,
    }
    assert last.place == Cursor(origin=ORIGIN, n=2, before=copies[1].leaf, segment=0)
    assert reader.place == Cursor(origin=ORIGIN, n=3, before=last.leaf, segment=0)
    assert reader.read(MANY) == []


def test_a_log_that_is_not_there_yet_has_nothing_new(tmp_path: Path) -> None:
    assert read(tmp_path / "none") == []
    assert lag(tmp_path / "none", Cursor(), 0) == (0, 0)


def test_groups_are_read_whole_and_no_more_of_them_than_wanted(tmp_path: Path) -> None:
    written(tmp_path, [{"kind": "config", "value": n} for n in range(3)], *numbers(2, 3))
    reader = Reader(tmp_path, Cursor())
    assert [len(reader.read(2)) for _ in range(3)] == [3, 2, 0]


def test_a_reader_goes_on_as_the_log_grows_over_segments(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 600)
    reader = Reader(tmp_path, Cursor())
    found: list[int] = []
    state = Memory()
    for first in range(0, 40, 4):
        appended(tmp_path, state, first, 4)
        found += [copy.record["value"] for copy in reader.read(MANY)]
    assert found == list(range(40))
    assert len(segments.listing(tmp_path)) > 3


def test_any_place_can_be_gone_on_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 600)
    written(tmp_path, *([{"kind": "config", "value": n}, {"kind": "config", "value": n + 1}]
                        for n in range(0, 20, 2)))  # fmt: skip
    for copy in Reader(tmp_path, Cursor()).read(MANY):
        assert read(tmp_path, copy.place) == list(range(copy.place.n, 20))


def test_a_cursor_whose_record_is_not_where_it_says_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 300)
    written(tmp_path, *numbers(9))
    place = Reader(tmp_path, Cursor()).read(MANY)[1].place
    for wrong in (replace(place, segment=2), replace(place, segment=2, n=0, before="")):
        with pytest.raises(LogFault, match="segment 2 begins after the cursor"):
            read(tmp_path, wrong)


def test_nothing_is_passed_on_that_no_checkpoint_covers(tmp_path: Path) -> None:
    state = written(tmp_path, *numbers(2))
    covered = checkpoint.load(tmp_path)
    assert covered is not None
    appended(tmp_path, state, 2)
    checkpoint.store(tmp_path, covered)
    assert read(tmp_path) == [0, 1]


def test_another_log_a_shorter_and_a_changed_one_are_found_out(tmp_path: Path) -> None:
    written(tmp_path, *numbers(3))
    reader = Reader(tmp_path, Cursor())
    reader.read(MANY)
    place = reader.place

    def refused(of: Cursor) -> str:
        with pytest.raises(LogFault) as caught:
            Reader(tmp_path, of).read(MANY)
        return caught.value.code

    assert refused(replace(place, origin="other/audit")) == "edited"
    assert refused(replace(place, n=4)) == "truncated"
    assert refused(replace(place, n=2)) == "edited"  # another record stands before it
    assert refused(replace(place, n=1, before="00")) == "edited"


def test_a_record_that_was_changed_ends_the_reading(tmp_path: Path) -> None:
    written(tmp_path, *numbers(3))
    where = segments.path(tmp_path, 0)
    data = where.read_bytes()
    where.write_bytes(data.replace(b'"value":1', b'"value":7'))
    with pytest.raises(LogFault, match="record 1 or one soon after it"):
        read(tmp_path)


def test_a_checkpoint_of_another_tree_is_a_fork(tmp_path: Path) -> None:
    written(tmp_path, *numbers(3))
    checkpoint.store(tmp_path, Checkpoint(ORIGIN, 3, b"\1" * 32))
    with pytest.raises(LogFault) as caught:
        read(tmp_path)
    assert caught.value.code == "forked"


def test_a_segment_without_a_header_ends_the_reading(tmp_path: Path) -> None:
    written(tmp_path, *numbers(3))
    segments.path(tmp_path, 0).write_bytes(b"")
    with pytest.raises(LogFault, match="does not open with a header"):
        read(tmp_path)


def test_a_cursor_is_stored_whole(tmp_path: Path) -> None:
    path = tmp_path / "cursors" / "siem.json"
    assert following.load(path) == Cursor()
    cursor = Cursor(origin=ORIGIN, n=3, before="ab", segment=1)
    following.store(path, cursor)
    assert following.load(path) == cursor
    assert path.stat().st_mode & 0o777 == 0o600
    path.write_text("{}x")
    with pytest.raises(LogFault, match="remove it to begin anew"):
        following.load(path)


def test_how_far_behind_a_cursor_is(tmp_path: Path) -> None:
    written(tmp_path, *([{"kind": "config", "at_ms": 1000 * n}] for n in range(4)))
    first = Reader(tmp_path, Cursor()).read(MANY)[1].place
    assert lag(tmp_path, first, 5000) == (3, 4000)
    assert lag(tmp_path, first, 500) == (3, 0)
    reader = Reader(tmp_path, first)
    reader.read(MANY)
    assert lag(tmp_path, reader.place, 5000) == (0, 0)


def _frames(*, size: int | None = None, nodes: tuple[str, ...] = ()) -> bytes:
    """A segment 0 whose header says another tree, or whose only group another root."""
    if size is not None:
        said = segments.Header(nodes=nodes, origin=ORIGIN, segment=0, size=size)
        return segments.frame(segments.HEADER, msgspec.json.encode(said, order="sorted"))
    entry = b'{"kind":"config","n":0,"value":0}'
    return segments.header(ORIGIN, 0, Tree()) + segments.group([entry], 1, b"\1" * 32)


@pytest.mark.parametrize(
    ("made", "sentence"),
    [
        ({"size": 1}, "the header of segment 0: a tree of 1 leaves does not have 0 nodes"),
        ({"size": 1, "nodes": ("00" * 32,)}, "segment 0 does not continue the one before it"),
        ({}, "records 0 to 0 do not give their root"),
    ],
)
def test_what_does_not_fit_together_ends_the_reading(
    tmp_path: Path, made: dict[str, Any], sentence: str
) -> None:
    written(tmp_path, *numbers(3))
    segments.path(tmp_path, 0).write_bytes(_frames(**made))
    with pytest.raises(LogFault, match=sentence):
        read(tmp_path)


def test_a_segment_that_does_not_continue_the_one_before_ends_the_reading(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 300)
    written(tmp_path, *numbers(9))
    reader = Reader(tmp_path, Cursor())
    reader.read(1)
    tree = Tree(1, [b"\1" * 32])
    segments.path(tmp_path, 1).write_bytes(segments.header(ORIGIN, 1, tree))
    with pytest.raises(LogFault, match="segment 1 does not continue the one before it"):
        reader.read(MANY)
