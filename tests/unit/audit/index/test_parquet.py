"""Weeks that have passed, in Parquet: the same answers, and others can read them."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import duckdb
import pytest

from safeconduct.audit.index.parquet import listed
from safeconduct.audit.index.port import Index, IndexUnavailable
from safeconduct.audit.index.sqlite import WeeklyIndex, week_of
from tests.support.searching import Conformance, by_reading, trail
from tests.support.trails import DAY_MS, START_MS, TENANT, Trail

WEEK = "2026-W47"


class TestArchived(Conformance):
    """Each week that is there is archived before anything is asked."""

    def opened(self, directory: Path) -> Index:
        index = WeeklyIndex(directory / "index")
        if index.position() is not None:
            archived(directory)
        return index


def archived(directory: Path) -> None:
    index = WeeklyIndex(directory / "index")
    index.archive(week_of(WEEK))
    index.close()


class Files(Conformance):
    def opened(self, directory: Path) -> Index:
        return WeeklyIndex(directory / "index")


found = Files().found


def selected(sql: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as db:
        return db.execute(sql).fetchall()


@pytest.fixture
def log(tmp_path: Path) -> Path:
    trail().write(tmp_path)
    found(tmp_path)
    archived(tmp_path)
    return tmp_path


def test_a_week_is_one_file_that_duckdb_reads(log: Path) -> None:
    names = {path.name for path in (log / "index").iterdir()}
    assert f"{WEEK}.parquet" in names
    assert not [name for name in names if name.startswith(f"{WEEK}.sqlite3")]
    source = f"from '{log}/index/{WEEK}.parquet'"
    rows = selected(f'select n, tenant, agent, "user", at_ms, tool, said {source}')
    assert (2, TENANT, "triage", "jane", START_MS + 2000, "crm.get_case", "permit") in rows
    order = selected(f'select tenant, "user", agent, at_ms {source}')
    assert order == sorted(order)


def test_what_is_asked_of_an_archived_week_is_answered_from_it(log: Path) -> None:
    made = trail()
    for asked in ({}, {"agent": "triage"}, {"decision": f"d_{TENANT}_1"}, {"label": "pii"}):
        assert found(log, **asked) == by_reading(made, **asked)
    assert not list((log / "index").glob(f"{WEEK}.sqlite3*"))


@pytest.mark.parametrize("harm", ["edited", "gone", "manifest"])
def test_an_archive_that_is_damaged_is_built_anew(harm: str, log: Path) -> None:
    path = log / "index" / f"{WEEK}.parquet"
    match harm:
        case "edited":
            data = bytearray(path.read_bytes())
            data[len(data) // 2] ^= 1
            path.write_bytes(data)
        case "gone":
            path.unlink()
        case _:
            (log / "index" / "archive.json").write_bytes(b"{")
    assert found(log) == by_reading(trail())


def test_what_comes_late_for_an_archived_week_is_found(log: Path) -> None:
    made = trail()
    made.at_ms = START_MS
    made.call("t_1")
    made.write(log)
    assert found(log) == by_reading(made)


def test_archiving_again_changes_nothing(log: Path) -> None:
    before = listed(log / "index")
    archived(log)
    assert listed(log / "index") == before
    (said,) = before.values()
    assert (said.file, said.rows) == (
        f"{WEEK}.parquet",
        len(by_reading(trail(), until_ms=START_MS + 400_000_000)),
    )


def test_a_week_that_is_not_there_is_none(log: Path) -> None:
    assert WeeklyIndex(log / "index").archive(week_of("2020-W01")) is None


@pytest.mark.parametrize("text", ["2026", "2026-W54", "W47", "2026-47", ""])
def test_what_is_no_week(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        week_of(text)


def test_without_the_extra_it_is_said_which_one(log: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> Any:
        raise ImportError(name)

    monkeypatch.setattr(importlib, "import_module", fails)
    with pytest.raises(IndexUnavailable, match=r"safeconduct\[archive\]"):
        found(log)


ASKS = """
import sys, threading, time
from pathlib import Path
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.sqlite import WeeklyIndex

index = WeeklyIndex(Path(sys.argv[1]) / "index")
asked = threading.Event()

def ask():
    mine = index
    found = mine.find(Query(tenant=sys.argv[2]))
    print(len(found))
    asked.set()
    time.sleep(600)

threading.Thread(target=ask, daemon=True).start()
asked.wait()
"""


def test_who_asks_an_archive_ends_without_a_word_also_with_a_thread_left_behind(log: Path) -> None:
    program = [sys.executable, "-c", ASKS, str(log), TENANT]
    ended = subprocess.run(program, capture_output=True, check=True, timeout=60)
    assert (int(ended.stdout) > 0, ended.stderr) == (True, b"")


def test_the_verbs_end_without_a_word(tmp_path: Path) -> None:
    past = Trail(at_ms=START_MS - 365 * DAY_MS)
    past.start("t_1")
    past.write(tmp_path / "log")
    for verb, said in (
        (("archive", "--week", "2025-W47"), b""),
        (
            ("query",),
            b"safeconduct: this reading is not on record: a copy of a log takes no records\n",
        ),
    ):
        program = [sys.executable, "-m", "safeconduct", "audit", *verb, str(tmp_path / "log")]
        ended = subprocess.run(program, capture_output=True, check=True, timeout=60)
        assert ended.stderr == said
