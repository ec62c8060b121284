"""Fingerprints of confidential texts that agents have read, by memory, in a file of their own.

They are not in the log, which nobody can make forget: what a user's tasks have read goes with the
user. The log counts the results whose fingerprints are in the file, so that those which are missing
are missed. A fingerprint says nothing without the key, and the key lies beside the file.
"""

from __future__ import annotations

import sqlite3
from array import array
from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from hashlib import blake2b
from pathlib import Path
from threading import Lock
from typing import Final

from safeconduct.core.copying import Held
from safeconduct.core.fingerprints import Fingerprints, fingerprint
from safeconduct.core.labels import Confidentiality

MAX_MEMORIES: Final = 64
"""Of how many memories fingerprints are kept at hand; with half a megabyte each, 32 MB at worst."""

_TABLES: Final = (
    "key (mark BLOB NOT NULL)",
    "prints (memory TEXT NOT NULL, task TEXT NOT NULL, level INTEGER NOT NULL, numbers BLOB)",
    "memories (memory TEXT PRIMARY KEY, results INTEGER, highest INTEGER, full INTEGER)",
)


class PrintsUnusable(OSError):
    """The file is damaged, or was written with another key."""


class Prints:
    """The fingerprints of all memories (`safeconduct.ports.Copied`). For any thread."""

    def __init__(self, path: Path, key: bytes) -> None:
        """Opens the file. Raises PrintsUnusable."""
        self.key = key
        self._lock = Lock()
        self._held: OrderedDict[str, Held] = OrderedDict()
        self._db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            self._db.execute("PRAGMA journal_mode = WAL")
            self._db.execute("PRAGMA synchronous = NORMAL")
            # What is forgotten leaves no bytes behind.
            self._db.execute("PRAGMA secure_delete = ON")
            with self._db:
                self._db.execute("BEGIN IMMEDIATE")
                for table in _TABLES:
                    self._db.execute(f"CREATE TABLE IF NOT EXISTS {table}")
                self._db.execute("CREATE INDEX IF NOT EXISTS by_memory ON prints (memory)")
                self._marked()
            # From now on what is written has to survive a loss of power.
            self._db.execute("PRAGMA synchronous = FULL")
        except (sqlite3.Error, PrintsUnusable) as error:
            self._db.close()
            raise PrintsUnusable(
                f"{path.name} cannot be used: {error} (fix: restore it and its key; without them"
                " every longer text counts as a copy)"
            ) from error

    def _marked(self) -> None:
        mark = blake2b(b"fingerprints", key=self.key, digest_size=16).digest()
        row = self._db.execute("SELECT mark FROM key").fetchone()
        if row is None:
            self._db.execute("INSERT INTO key VALUES (?)", (mark,))
        elif row[0] != mark:
            raise PrintsUnusable("it was written with another key")

    def held(self, memory: str) -> Held:
        """What is known of the texts that a memory has read. Raises PrintsUnusable."""
        with self._lock:
            return self._load(memory)

    def add(
        self, memories: Iterable[str], task: str, texts: Mapping[Confidentiality, str]
    ) -> tuple[str, ...]:
        """Adds the texts of one result, durably; the memories to which they were news.

        Raises PrintsUnusable.
        """
        new = {level: fingerprint(text, self.key) for level, text in texts.items()}
        with self._lock:
            known = {memory: self._load(memory) for memory in memories}
            after = {
                memory: held
                for memory, before in known.items()
                if (held := _with(before, new)) != before
            }
            if not after:
                return ()
            try:
                with self._db:
                    self._db.execute("BEGIN IMMEDIATE")
                    for memory, held in after.items():
                        more = held.prints.entries != known[memory].prints.entries
                        self._write(memory, task, held, new if more else {})
            except sqlite3.Error as error:
                raise PrintsUnusable(str(error)) from error
            self._held.update(after)
        return tuple(after)

    def forget(self, forgotten: Callable[[str], bool]) -> None:
        """Forgets what was read by tasks. Raises PrintsUnusable."""
        with self._lock:
            try:
                with self._db:
                    self._db.execute("BEGIN IMMEDIATE")
                    tasks = self._db.execute("SELECT DISTINCT task FROM prints").fetchall()
                    gone = [row for row in tasks if forgotten(row[0])]
                    self._db.executemany("DELETE FROM prints WHERE task = ?", gone)
                if gone:
                    # The log of changes holds them too.
                    self._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            except sqlite3.Error as error:
                raise PrintsUnusable(str(error)) from error
            self._held.clear()

    def close(self) -> None:
        """Closes the file."""
        self._db.close()

    def _write(
        self, memory: str, task: str, held: Held, new: Mapping[Confidentiality, frozenset[int]]
    ) -> None:
        rows = [
            (memory, task, level, array("Q", sorted(numbers)).tobytes())
            for level, numbers in new.items()
        ]
        self._db.executemany("INSERT INTO prints VALUES (?, ?, ?, ?)", rows)
        row = (memory, held.results, held.highest, held.prints.full)
        self._db.execute("REPLACE INTO memories VALUES (?, ?, ?, ?)", row)

    def _load(self, memory: str) -> Held:
        known = self._held.get(memory)
        if known is None:
            try:
                known = self._held[memory] = self._read(memory)
            except (sqlite3.Error, ValueError) as error:
                raise PrintsUnusable(str(error)) from error
        self._held.move_to_end(memory)
        while len(self._held) > MAX_MEMORIES:
            self._held.popitem(last=False)
        return known

    def _read(self, memory: str) -> Held:
        row = self._db.execute(
            "SELECT results, highest, full FROM memories WHERE memory = ?", (memory,)
        ).fetchone()
        if row is None:
            return Held()
        by_level: dict[int, set[int]] = {}
        for level, numbers in self._db.execute(
            "SELECT level, numbers FROM prints WHERE memory = ? ORDER BY rowid", (memory,)
        ):
            by_level.setdefault(level, set()).update(array("Q", numbers))
        prints = Fingerprints()
        for level, numbers in by_level.items():
            prints = prints.added(Confidentiality(level).name, numbers)
        full = prints.full or bool(row[2])
        prints = Fingerprints(prints.sources, prints.entries, full)
        return Held(prints, row[0], Confidentiality(row[1]))


def _with(held: Held, new: Mapping[Confidentiality, frozenset[int]]) -> Held:
    """Together with what one more result holds; the same if that is nothing new."""
    prints, highest = held.prints, max((held.highest, *new))
    for level, numbers in new.items():
        prints = prints.added(level.name, numbers)
    more = Held(prints, held.results, highest)
    return held if more == held else Held(prints, held.results + 1, highest)
