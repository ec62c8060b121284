"""The index of files: whatever becomes of them, the answer is that of the log."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

import msgspec
import pytest

from safeconduct.audit.index.entry import Entry, Facet, Party, week, week_start_ms
from safeconduct.audit.index.following import catch_up
from safeconduct.audit.index.port import Index, IndexDamaged
from safeconduct.audit.index.sqlite import WeeklyIndex
from safeconduct.audit.index.weeks import Week
from tests.support.searching import Conformance, asking, by_reading, trail
from tests.support.trails import DAY_MS, HOUR_MS, START_MS


class TestFiles(Conformance):
    def opened(self, directory: Path) -> Index:
        return WeeklyIndex(directory / "index")


found = TestFiles().found


def written(path: Path, change: str, *, unnoticed: bool = False) -> None:
    """Has somebody else write to a week, who may know how not to be noticed."""
    with sqlite3.connect(path) as db:
        db.execute(change)
        if unnoticed:
            db.execute("update through set writes = writes + 1")
    db.close()


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
            written(path, "update through set size = 1")
        case "format":
            written(path, "pragma user_version = 99")
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
        written(path, change.replace("update", "update or ignore"), unnoticed=True)
    for asked in ({"agent": "writer"}, {"since_ms": START_MS + DAY_MS}, {}):
        assert found(tmp_path, **asked) == by_reading(made, **asked)


@pytest.mark.parametrize(
    "change",
    [
        "delete from rows where n in (3, 4)",
        "delete from rows",
        "delete from parties where agent = 'triage'",
        "delete from facets where tool = 'mail.send'",
        "delete from tasks where name = 't_1'",
        "delete from marks",
        "update rows set party = 1, at = at + 1",
        "update rows set at = at + 100000000 where n > 2",
        "update parties set agent = agent || '!'",
        "update facets set said = 'permit'",
        "update tasks set party = party + 1",
        "update marks set key = key + 1",
        "update through set size = size + 1000",
        "drop index by_facet",
    ],
)
@pytest.mark.parametrize(
    "asked",
    [{"agent": "triage"}, {"verdict": "deny"}, {"task": "t_1"}, {"decision": "d_crm.example_1"}],
    ids=str,
)
def test_index_row_deleted_or_altered_by_somebody_else_is_no_lost_answer(
    asked: dict[str, str], change: str, tmp_path: Path
) -> None:
    made = trail()
    made.write(tmp_path)
    wanted = by_reading(made, **asked)
    with TestFiles().search(tmp_path) as search:
        assert [hit.entry.n for hit in search.find(asking(**asked))] == wanted
        path = min((tmp_path / "index").glob("*.sqlite3"))
        written(path, change)
        # by a search that had it open, as by one that comes to it
        assert [hit.entry.n for hit in search.find(asking(**asked))] == wanted
        assert search.rebuilt == f"{path.name} is not as it was written"
    written(path, change)
    with TestFiles().search(tmp_path) as search:
        assert [hit.entry.n for hit in search.find(asking(**asked))] == wanted
        assert search.rebuilt == f"{path.name} is not as it was written"


def test_what_was_written_from_here_is_no_damage(tmp_path: Path) -> None:
    """By whoever has it open, in however many steps, and after a step that failed."""
    made = trail()
    one, other = WeeklyIndex(tmp_path / "index"), WeeklyIndex(tmp_path / "index")
    for index in (one, other, one, one, other):
        made.call("t_1")
        made.write(tmp_path, group=1)
        assert catch_up(tmp_path, index) == len(made.records)
        unfit = Entry(99, made.at_ms, "nowhere", Party("", "", ""), "", Facet(*[""] * 5), ())  # type: ignore[arg-type]
        position = index.position()
        assert position is not None
        with pytest.raises(IndexDamaged):
            index.add([unfit], position)
        for each in (one, other):
            assert [n for n, _ in each.find(asking())] == by_reading(made)
    one.close()
    other.close()


@pytest.mark.parametrize("first", [False, True])
def test_a_week_that_nothing_tells_of_any_more_is_missed(first: bool, tmp_path: Path) -> None:
    made = trail()
    made.write(tmp_path)
    found(tmp_path)
    path = tmp_path / "index" / "progress.json"
    progress = msgspec.json.decode(path.read_bytes())
    week_ = (min if first else max)(progress["weeks"])
    del progress["weeks"][week_]
    path.write_bytes(msgspec.json.encode(progress))
    with TestFiles().search(tmp_path) as search:
        assert [hit.entry.n for hit in search.find(asking())] == by_reading(made)
        assert search.rebuilt == "progress.json lacks a week that records were added to"


def test_whose_a_record_is_is_what_the_start_of_its_task_says(tmp_path: Path) -> None:
    """Not what the index says: an outcome names neither agent nor user."""
    made = trail()
    made.write(tmp_path)
    found(tmp_path)
    for path in (tmp_path / "index").glob("*.sqlite3"):
        written(
            path,
            "update or ignore rows set party = (select id from parties where agent = 'writer') "
            "where facet in (select id from facets where kind = 'outcome')",
            unnoticed=True,
        )
        written(
            path,
            "update or ignore tasks set party = (select id from parties where agent = 'writer')",
            unnoticed=True,
        )
    with TestFiles().search(tmp_path) as search:
        answer = [hit.entry.n for hit in search.find(asking(agent="writer"))]
        assert answer == by_reading(made, agent="writer")
        assert search.rebuilt == "it found a record that does not fit what was asked"


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
