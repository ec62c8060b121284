"""The index of files: whatever becomes of them, the answer is that of the log."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import msgspec
import pytest

from safeconduct.audit.index.entry import week, week_start_ms
from safeconduct.audit.index.port import Index, IndexDamaged
from safeconduct.audit.index.sqlite import WeeklyIndex
from safeconduct.audit.index.weeks import Week
from tests.support.searching import Conformance, by_reading, trail
from tests.support.trails import DAY_MS, HOUR_MS, START_MS


class TestFiles(Conformance):
    def opened(self, directory: Path) -> Index:
        return WeeklyIndex(directory / "index")


found = TestFiles().found


def test_each_week_has_a_file(tmp_path: Path) -> None:
    trail().write(tmp_path)
    found(tmp_path)
    names = sorted(path.name for path in (tmp_path / "index").glob("*.sqlite3"))
    assert names == ["2026-W47.sqlite3", "2026-W48.sqlite3"]


def test_adding_twice_changes_nothing(tmp_path: Path) -> None:
    """What a crash leaves between the files of weeks and how far they have come."""
    made = trail()
    made.write(tmp_path)
    before = found(tmp_path)
    (tmp_path / "index" / "progress.json").unlink()
    assert found(tmp_path) == before


@pytest.mark.parametrize(
    "harm",
    ["gone", "garbage", "empty", "older", "format", "progress", "position", "deleted-directory"],
)
def test_a_damaged_index_is_built_anew(harm: str, tmp_path: Path) -> None:
    made = trail()
    made.write(tmp_path)
    assert found(tmp_path) == by_reading(made)
    index = tmp_path / "index"
    path = min(index.glob("*.sqlite3"))
    match harm:
        case "gone":
            path.unlink()
        case "garbage":
            path.write_bytes(os.urandom(path.stat().st_size))
        case "empty":
            path.write_bytes(b"")
        case "older":
            with sqlite3.connect(path) as db:
                db.execute("update through set size = 1")
            db.close()
        case "format":
            with sqlite3.connect(path) as db:
                db.execute("pragma user_version = 99")
            db.close()
        case "progress":
            (index / "progress.json").write_bytes(b"{")
        case "position":
            progress = msgspec.json.decode((index / "progress.json").read_bytes())
            progress["position"]["nodes"] = []
            (index / "progress.json").write_bytes(msgspec.json.encode(progress))
        case _:
            for one in index.iterdir():
                one.unlink()
            index.rmdir()
    assert found(tmp_path) == by_reading(made)
    assert found(tmp_path, agent="writer") == by_reading(made, agent="writer")


@pytest.mark.parametrize(
    "change",
    [
        "update rows set place = place + 1",
        "update rows set n = n + 1000",
        "update rows set place = place | (7 << 27)",
        "update parties set agent = 'writer' where agent = 'triage'",
        "update rows set at = at + 400000000 where n = 1",
        "update parties set tenant = 'crm.example', agent = 'writer'",
        "update rows set place = -place",
    ],
)
def test_an_index_that_says_what_the_log_does_not_is_found_out(change: str, tmp_path: Path) -> None:
    made = trail()
    made.write(tmp_path)
    found(tmp_path)
    for path in (tmp_path / "index").glob("*.sqlite3"):
        with sqlite3.connect(path) as db:
            db.execute(change.replace("update", "update or ignore"))
        db.close()
    for asked in ({"agent": "writer"}, {"since_ms": START_MS + DAY_MS}, {}):
        assert found(tmp_path, **asked) == by_reading(made, **asked)


def test_an_index_that_cannot_be_built_is_no_empty_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail().write(tmp_path)
    (tmp_path / "index").mkdir()

    def fails(*_: object) -> None:
        raise IndexDamaged("disk")

    monkeypatch.setattr(Week, "add", fails)
    with pytest.raises(IndexDamaged):
        found(tmp_path)


def test_weeks_are_those_of_iso_8601() -> None:
    assert week_start_ms(week(START_MS)) == 1_794_787_200_000  # Monday 2026-11-16
    assert week(week_start_ms(100)) == 100
    assert week(week_start_ms(100) - 1) == 99
    assert week(START_MS + HOUR_MS) == week(START_MS)
