"""The writing half of task state: each record of the log, applied in order, once.

A record that the state refuses (a version that moved on, a budget that would overspend, a token
that was consumed) is not written to the log either: decision and reservation are one step.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

from safeconduct.core.record import label_value
from safeconduct.tasks.values import label_of

JSON = Mapping[str, Any]


class StateProjection:
    """Applies records to a SQLite file (`safeconduct.ports.Projection`).

    The file is written with `synchronous=NORMAL`: what a power loss takes from it is applied again
    from the log, which is the truth.
    """

    def __init__(self, path: Path) -> None:
        self._db = connect(path)
        script = resources.files("safeconduct.tasks").joinpath("schema.sql")
        self._db.executescript(script.read_text(encoding="utf-8"))

    def applied(self) -> int:
        """How many records are in the state."""
        return int(self._db.execute("SELECT size FROM applied").fetchone()[0])

    def begin(self) -> None:
        """Opens the transaction of one group of records."""
        self._db.execute("BEGIN IMMEDIATE")

    def apply(self, seq: int, record: JSON, *, replay: bool) -> str | None:
        """Applies one record, or says why not and changes nothing.

        On replay nothing is refused: what stands in the log has happened.
        """
        handler = HANDLERS.get(record["kind"])
        if handler is not None:
            self._db.execute("SAVEPOINT record")
            conflict = handler(self._db, record)
            if conflict is not None and not replay:
                self._db.execute("ROLLBACK TO record")
                self._db.execute("RELEASE record")
                return conflict
            self._db.execute("RELEASE record")
        self._db.execute("UPDATE applied SET size = ?", (seq + 1,))
        return None

    def commit(self) -> None:
        """Ends the group."""
        self._db.execute("COMMIT")

    def rollback(self) -> None:
        """Forgets the group."""
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")

    def close(self) -> None:
        """Closes the file."""
        self._db.close()


def connect(path: Path) -> sqlite3.Connection:
    """A connection whose transactions are ours to open and close.

    It may be handed to the log's writer thread; it is never used by two threads at once.
    """
    db = sqlite3.connect(path, isolation_level=None, check_same_thread=False, timeout=5.0)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    return db


def _task(db: sqlite3.Connection, record: JSON) -> str | None:
    if record["phase"] == "ended":
        db.execute(
            "UPDATE tasks SET state = 'ended', version = version + 1"
            " WHERE id = ? AND state = 'active'",
            (record["task"],),
        )
        return None
    for key in record["consumes"]:
        if not _inserted(db, "INSERT OR IGNORE INTO consumed VALUES (?)", key):
            return "consumed"
    agent = record["agent"]
    memory = record["task"] if agent["stateless"] else f"{record['tenant']} {agent['id']}"
    stored = _inserted(
        db,
        "INSERT OR IGNORE INTO tasks (id, start, memory) VALUES (?, ?, ?)",
        record["task"],
        json.dumps(record),
        memory,
    )
    return None if stored else "task-exists"


def _decision(db: sqlite3.Connection, record: JSON) -> str | None:
    task = record["task"]
    if record["verdict"] == "deny":
        db.execute("UPDATE tasks SET refusals = refusals + 1 WHERE id = ?", (task,))
        return None
    if record["verdict"] != "permit":
        return None
    row = db.execute(
        "SELECT t.version + coalesce(l.version, 0), t.counts, t.start, t.state FROM tasks t"
        " LEFT JOIN labels l ON l.memory = t.memory WHERE t.id = ?",
        (task,),
    ).fetchone()
    if row is None:
        return "task-unknown"
    version, counts_text, start, state = row
    if version != record["version"] or state != "active":
        return "version"
    counts: dict[str, int] = json.loads(counts_text)
    budgets: dict[str, int] = json.loads(start)["budgets"]
    for name, amount in record["spends"].items():
        counts[name] = counts.get(name, 0) + amount
        if name in budgets and counts[name] > budgets[name]:
            return "budget"
    if "approval" in record:
        used = db.execute(
            "UPDATE approvals SET state = 'used' WHERE id = ? AND state = 'granted'",
            (record["approval"],),
        )
        if used.rowcount != 1:
            return "approval"
    for key, value in record.get("baselines", {}).items():
        db.execute("INSERT OR IGNORE INTO baselines VALUES (?, ?, ?)", (task, key, value))
    db.execute(
        "UPDATE tasks SET version = version + 1, counts = ? WHERE id = ?",
        (json.dumps(counts), task),
    )
    db.execute(
        "INSERT INTO open_calls VALUES (?, ?, ?, ?, ?)",
        (record["decision"], task, record["digest"], record["changes_state"], record["tool"]),
    )
    return None


def _outcome(db: sqlite3.Connection, record: JSON) -> str | None:
    locked = record["may_have_happened"] and record["status"] not in ("ok", "error", "withheld")
    db.execute(
        "DELETE FROM open_calls WHERE decision = ? AND NOT (? AND changes_state)",
        (record["decision"], locked),
    )
    return None


def _memory(db: sqlite3.Connection, record: JSON) -> str | None:
    task = record["task"]
    row = db.execute(
        "SELECT t.memory, l.label FROM tasks t LEFT JOIN labels l ON l.memory = t.memory"
        " WHERE t.id = ?",
        (task,),
    ).fetchone()
    if row is None:
        return "task-unknown"
    memory, text = row
    before = label_of(json.loads(text)) if text is not None else None
    raised = label_of(record["labels"])
    after = raised if before is None else before.join(raised)
    if after != before:
        db.execute(
            "INSERT INTO labels VALUES (?, ?, 1) ON CONFLICT (memory)"
            " DO UPDATE SET label = excluded.label, version = version + 1",
            (memory, json.dumps(label_value(after))),
        )
    db.executemany(
        "INSERT OR IGNORE INTO vouched VALUES (?, ?, ?, ?)",
        [(task, one["role"], one["value"], one["where"]) for one in record["vouched"]],
    )
    return None


def _approval(db: sqlite3.Connection, record: JSON) -> str | None:
    if record["phase"] == "requested":
        stored = _inserted(
            db,
            "INSERT OR IGNORE INTO approvals (id, task, digest, state, requested)"
            " VALUES (?, ?, ?, 'pending', ?)",
            record["approval"],
            record["task"],
            record["digest"],
            json.dumps(record),
        )
        return None if stored else "approval"
    changed = db.execute(
        "UPDATE approvals SET state = ?, granted_ms = ? WHERE id = ? AND state = 'pending'",
        (record["phase"], record["at_ms"], record["approval"]),
    )
    return None if changed.rowcount == 1 else "approval"


def _revocation(db: sqlite3.Connection, record: JSON) -> str | None:
    what, identifier = record["what"], record["id"]
    db.execute("INSERT OR IGNORE INTO revocations VALUES (?, ?)", (what, identifier))
    if what == "task":
        db.execute(
            "UPDATE tasks SET state = 'revoked', version = version + 1 WHERE id = ?", (identifier,)
        )
    return None


def _pin(db: sqlite3.Connection, record: JSON) -> str | None:
    db.execute("INSERT OR IGNORE INTO pins VALUES (?, ?)", (record["target"], record["pin"]))
    return None


HANDLERS: Final[dict[str, Callable[[sqlite3.Connection, JSON], str | None]]] = {
    "task": _task,
    "decision": _decision,
    "outcome": _outcome,
    "memory": _memory,
    "approval": _approval,
    "revocation": _revocation,
    "pin": _pin,
}


def _inserted(db: sqlite3.Connection, statement: str, *values: object) -> bool:
    return db.execute(statement, values).rowcount == 1
