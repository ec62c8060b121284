from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import msgspec
import pytest

from safeconduct.tasks.tables import GROUPS_PER_WRITE, Table, Tables


def opened(path: Path, *tables: Table[Any]) -> Tables:
    return Tables(path / "state.sqlite3", tables)


def on_disk(path: Path) -> list[tuple[str, str, str]]:
    database = sqlite3.connect(path / "state.sqlite3")
    try:
        return list(database.execute("SELECT name, key, value FROM state ORDER BY name, key"))
    finally:
        database.close()


def test_the_writer_sees_a_change_at_once_and_a_reader_on_commit(tmp_path: Path) -> None:
    table = Table("numbers", int)
    tables = opened(tmp_path, table)
    table.put("a", 1)
    assert (table.peek("a"), table.get("a"), list(table.items())) == (1, None, [])
    tables.commit()
    assert (table.peek("a"), table.get("a"), list(table.items())) == (1, 1, [("a", 1)])
    tables.close()


def test_a_removal_is_a_change(tmp_path: Path) -> None:
    table = Table("numbers", int)
    tables = opened(tmp_path, table)
    table.put("a", 1)
    table.put("b", 2)
    tables.commit()
    table.put("a", None)
    table.put("never", None)
    assert (table.peek("a"), table.get("a")) == (None, 1)
    assert list(table.current()) == [("b", 2)]
    tables.commit()
    assert (table.get("a"), table.get("b")) == (None, 2)
    tables.close()
    assert on_disk(tmp_path) == [("numbers", "b", "2")]


def test_a_rollback_forgets_the_group_and_nothing_else(tmp_path: Path) -> None:
    table = Table("numbers", int)
    tables = opened(tmp_path, table)
    table.put("a", 1)
    tables.commit()
    table.put("a", 2)
    table.put("b", 3)
    tables.rollback()
    tables.commit()
    assert list(table.items()) == [("a", 1)]
    assert list(table.current()) == [("a", 1)]
    tables.close()


def test_what_was_committed_is_there_after_closing(tmp_path: Path) -> None:
    tables = opened(tmp_path, numbers := Table("numbers", int), texts := Table("texts", str))
    numbers.put("a", 1)
    texts.put("a", "one")
    tables.commit()
    tables.close()
    again = opened(tmp_path, numbers := Table("numbers", int), texts := Table("texts", str))
    assert (numbers.get("a"), texts.get("a")) == (1, "one")
    again.close()


def test_what_was_not_committed_is_not(tmp_path: Path) -> None:
    table = Table("numbers", int)
    tables = opened(tmp_path, table)
    table.put("a", 1)
    tables.close()
    assert on_disk(tmp_path) == []


def test_groups_are_written_together(tmp_path: Path) -> None:
    table = Table("numbers", int)
    tables = opened(tmp_path, table)
    for number in range(GROUPS_PER_WRITE):
        assert on_disk(tmp_path) == []
        table.put("last", number)
        tables.commit()
    assert on_disk(tmp_path) == [("numbers", "last", str(GROUPS_PER_WRITE - 1))]
    tables.close()


def test_a_write_that_fails_changes_nothing_and_is_made_up_for(tmp_path: Path) -> None:
    numbers, texts = Table("numbers", int), Table("texts", str)
    tables = opened(tmp_path, numbers, texts)
    numbers.put("a", 1)
    texts.put("a", "one")
    tables.commit()
    database = sqlite3.connect(tmp_path / "state.sqlite3", isolation_level=None)
    database.execute(
        "CREATE TRIGGER full BEFORE INSERT ON state WHEN NEW.name = 'texts'"
        " BEGIN SELECT RAISE(ABORT, 'full'); END"
    )
    with pytest.raises(sqlite3.Error, match="full"):
        tables.close()
    assert on_disk(tmp_path) == []
    database.execute("DROP TRIGGER full")
    database.close()
    tables.close()
    assert on_disk(tmp_path) == [("numbers", "a", "1"), ("texts", "a", '"one"')]


def test_a_row_of_an_unknown_table_is_left_alone(tmp_path: Path) -> None:
    tables = opened(tmp_path, table := Table("old", int))
    table.put("a", 1)
    tables.commit()
    tables.close()
    opened(tmp_path, Table("new", int)).close()
    assert on_disk(tmp_path) == [("old", "a", "1")]


def test_a_row_that_cannot_be_read_stops_the_start(tmp_path: Path) -> None:
    tables = opened(tmp_path, table := Table("rows", str))
    table.put("a", "text")
    tables.commit()
    tables.close()
    with pytest.raises(msgspec.DecodeError):
        opened(tmp_path, Table("rows", int))


def test_a_file_that_is_no_database_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite3").write_bytes(b"no database at all" * 100)
    with pytest.raises(sqlite3.DatabaseError):
        opened(tmp_path, Table("rows", int))
