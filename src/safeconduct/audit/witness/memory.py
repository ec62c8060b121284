"""What a witness remembers: how far each log had come when it cosigned last, and contradictions.

A witness that forgets can be shown a second history, so each step is durable before anybody is told
of it (SQLite, write-ahead log, every commit flushed), and it is one step with the look at what was
there: two requests at a time cannot take a log back.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final

import msgspec

_SCHEMA: Final = """
create table if not exists latest (
  origin text primary key, size integer not null, root blob not null, note blob not null
) strict;
create table if not exists contradictions (
  origin text not null, size integer not null, root blob not null, note blob not null,
  primary key (origin, size, root)
) strict;
"""


class Latest(msgspec.Struct, frozen=True):
    """The last checkpoint of a log that was cosigned; `note` with all signatures it got here."""

    size: int
    root: bytes
    note: bytes


NEVER: Final = Latest(0, b"", b"")
"""Of a log that was never cosigned."""


class Memory:
    """One file. For one thread at a time; other processes may use the same file."""

    def __init__(self, path: Path) -> None:
        """Opens or makes the file.

        Raises:
            OSError, sqlite3.Error: it cannot be used.
        """
        path.touch(mode=0o600, exist_ok=True)
        self._database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._database.execute("pragma journal_mode = wal")
            self._database.execute("pragma synchronous = full")
            self._database.executescript(_SCHEMA)
        except BaseException:
            self._database.close()
            raise

    def latest(self, origin: str) -> Latest:
        """The last checkpoint cosigned of a log. Raises sqlite3.Error."""
        with closing(
            self._database.execute(
                "select size, root, note from latest where origin = ?", (origin,)
            )
        ) as rows:
            found = rows.fetchone()
        return NEVER if found is None else Latest(*found)

    def advance(self, origin: str, old: int, new: Latest) -> bool:
        """Remembers a checkpoint in place of the one of size `old`; False: that is not the last one
        any more, and nothing was changed. Raises sqlite3.Error.
        """
        self._database.execute("begin immediate")
        try:
            if self.latest(origin).size != old:
                self._database.execute("rollback")
                return False
            self._database.execute(
                "insert or replace into latest values (?, ?, ?, ?)",
                (origin, new.size, new.root, new.note),
            )
            self._database.execute("commit")
        except BaseException:
            if self._database.in_transaction:
                self._database.execute("rollback")
            raise
        return True

    def keep(self, origin: str, seen: Latest) -> None:
        """Keeps a signed checkpoint that contradicts another one: evidence against its log.

        Raises sqlite3.Error.
        """
        self._database.execute(
            "insert or ignore into contradictions values (?, ?, ?, ?)",
            (origin, seen.size, seen.root, seen.note),
        )

    def contradictions(self, origin: str) -> list[Latest]:
        """The signed checkpoints of a log that contradict others. Raises sqlite3.Error."""
        with closing(
            self._database.execute(
                "select size, root, note from contradictions where origin = ? order by size",
                (origin,),
            )
        ) as rows:
            return [Latest(*row) for row in rows]

    def close(self) -> None:
        """Closes the file."""
        self._database.close()
