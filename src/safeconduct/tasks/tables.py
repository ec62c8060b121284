"""Tables: state that is read from memory, changed in groups, and kept in a SQLite file.

Exactly one process has the log open, so what its writer has committed is the authoritative state
and a read of it is a look into a dictionary. The file exists so that a start does not have to
replay the whole log.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final, Generic, TypeVar

import msgspec

V = TypeVar("V")

GROUPS_PER_WRITE: Final = 64
"""How many groups of records gather before they are written; a start replays at most so many."""


class Table(Generic[V]):
    """Keys and immutable values. Changes are seen by the writer at once, by readers on commit."""

    def __init__(self, name: str, kind: type[V]) -> None:
        self.name = name
        self._decoder = msgspec.json.Decoder(kind)
        self._committed: dict[str, V] = {}
        self._staged: dict[str, V | None] = {}
        self._unwritten: dict[str, V | None] = {}
        self.get: Final[Callable[[str], V | None]] = self._committed.get
        """The committed value: for readers, from any thread. A dictionary's own look-up, since one
        call looks up a dozen."""

    @property
    def empty(self) -> bool:
        """Whether nothing is committed."""
        return not self._committed

    def items(self) -> Iterator[tuple[str, V]]:
        """A copy of everything committed."""
        return iter(self._committed.copy().items())

    def peek(self, key: str) -> V | None:
        """The value with the changes of this group: for the writer."""
        return self._staged[key] if key in self._staged else self._committed.get(key)

    def current(self) -> Iterator[tuple[str, V]]:
        """Everything, with the changes of this group so far: for the writer.

        One after the other, as a list of so many pairs keeps the collector of garbage busy.
        """
        merged = {**self._committed, **self._staged}
        return ((key, value) for key, value in merged.items() if value is not None)

    def put(self, key: str, value: V | None) -> None:
        """Changes a value, or removes it (None), within this group."""
        self._staged[key] = value

    def load(self, key: str, value: str) -> None:
        """Takes over a stored row. Raises msgspec.DecodeError."""
        self._committed[key] = self._decoder.decode(value)

    def publish(self) -> None:
        """Lets readers see the changes of this group."""
        if not self._staged:
            return
        for key, value in self._staged.items():
            if value is None:
                self._committed.pop(key, None)
            else:
                self._committed[key] = value
        self._unwritten.update(self._staged)
        self._staged.clear()

    def take(self) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
        """The rows to write and the rows to remove since it was last asked."""
        kept = [
            (self.name, key, msgspec.json.encode(value).decode())
            for key, value in self._unwritten.items()
            if value is not None
        ]
        gone = [(self.name, key) for key, value in self._unwritten.items() if value is None]
        return kept, gone

    def written(self) -> None:
        """What was taken is durable."""
        self._unwritten.clear()

    def forget(self) -> None:
        """Drops the changes of this group."""
        self._staged.clear()


class Tables:
    """Several tables in one file, changed together."""

    def __init__(self, path: Path, tables: Sequence[Table[object]]) -> None:
        """Opens the file and reads it. Raises sqlite3.Error, msgspec.DecodeError."""
        self._tables = tables
        self._groups = 0
        # Used by the thread that opens the log and then by the log's writer; never by both at once.
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self._db.execute("PRAGMA journal_mode = WAL")
        # What a power loss takes from the file is applied again from the log, which is the truth.
        self._db.execute("PRAGMA synchronous = NORMAL")
        # What is forgotten leaves no bytes behind.
        self._db.execute("PRAGMA secure_delete = ON")
        self._db.execute(
            "CREATE TABLE IF NOT EXISTS state (name TEXT, key TEXT, value TEXT NOT NULL,"
            " PRIMARY KEY (name, key)) WITHOUT ROWID"
        )
        by_name = {table.name: table for table in tables}
        for name, key, value in self._db.execute("SELECT name, key, value FROM state"):
            if name in by_name:
                by_name[name].load(key, value)

    def commit(self) -> None:
        """Shows the group to readers, and writes what has gathered every so often.

        Raises sqlite3.Error.
        """
        for table in self._tables:
            table.publish()
        self._groups += 1
        if self._groups % GROUPS_PER_WRITE == 0:
            self._write()

    def rollback(self) -> None:
        """Forgets the group."""
        for table in self._tables:
            table.forget()

    def _write(self) -> None:
        with self._db:
            self._db.execute("BEGIN IMMEDIATE")
            for table in self._tables:
                kept, gone = table.take()
                self._db.executemany("REPLACE INTO state VALUES (?, ?, ?)", kept)
                self._db.executemany("DELETE FROM state WHERE name = ? AND key = ?", gone)
        for table in self._tables:
            table.written()

    def close(self) -> None:
        """Writes what has gathered and closes the file. Raises sqlite3.Error."""
        self._write()
        self._db.close()
