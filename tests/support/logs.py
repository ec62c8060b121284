"""A projection in memory, and logs of small records, for tests of the audit room."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from safeconduct.audit import checkpoint, notes, segments
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.checkpointing import OpenSigner
from safeconduct.audit.log import Log
from safeconduct.audit.signer import keys
from safeconduct.audit.signer.notary import CLOSED, MEMORY, PUBLIC, beside
from safeconduct.core.merkle import EMPTY_ROOT

ORIGIN = "crm.example/audit"


class Memory:
    """Keeps the records it is given, and like a database undoes what was not committed.

    A record with a `conflict` is refused with that text, one with a `crash` makes `apply` fail.
    `failing` names methods that fail.
    """

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.replayed: list[int] = []
        self.failing: set[str] = set()
        self._committed = 0

    def applied(self) -> int:
        return self._committed

    def begin(self) -> None:
        self._work("begin")
        assert len(self.records) == self._committed, "begun twice"

    def counters(self, record: Mapping[str, Any]) -> dict[str, int]:
        """A record with a `task` is counted under it; its pair is everybody."""
        self._work("counters")
        if "task" not in record:
            return {}
        counted = [one for one in self.records if "task_n" in one]
        own = sum(one["task"] == record["task"] for one in counted)
        return {"task_n": own + 1, "pair_n": len(counted) + 1}

    def apply(self, seq: int, record: Mapping[str, Any], *, replay: bool) -> str | None:
        self._work("apply")
        if "crash" in record:
            self.records.append({"half": "done"})
            raise RuntimeError(record["crash"])
        if "conflict" in record:
            return str(record["conflict"])
        assert seq == len(self.records) == record["n"]
        self.records.append(dict(record))
        if replay:
            self.replayed.append(seq)
        return None

    def commit(self) -> None:
        self._work("commit")
        self._committed = len(self.records)

    def rollback(self) -> None:
        self._work("rollback")
        del self.records[self._committed :]

    def _work(self, method: str) -> None:
        if method in self.failing:
            raise RuntimeError(f"{method} failed")


def opened(directory: Path, projection: Memory | None = None, signer: OpenSigner = beside) -> Log:
    """An open log; the caller closes it."""
    return Log.open(directory, projection or Memory(), origin=ORIGIN, signer=signer)


def written(
    directory: Path, *groups: Iterable[Mapping[str, Any]], signer: OpenSigner = beside
) -> Memory:
    """Writes a log with these groups of records and closes it; what was applied."""
    projection = Memory()
    log = opened(directory, projection, signer)

    async def append() -> None:
        for group in groups:
            await log.append(*group)

    try:
        asyncio.run(append())
    finally:
        log.close()
    return projection


def numbers(count: int, first: int = 0) -> list[list[dict[str, Any]]]:
    """Groups of one small record each."""
    return [[{"kind": "config", "value": value}] for value in range(first, first + count)]


def permit(decision: str, task: str = "t_1") -> dict[str, Any]:
    return {"kind": "decision", "decision": decision, "task": task, "verdict": "permit"}


def outcome(decision: str, status: str = "ok") -> dict[str, Any]:
    return {"kind": "outcome", "decision": decision, "status": status}


def rewind(directory: Path, tree: Checkpoint) -> None:
    """Checkpoint and signer's memory as they were when that was the newest, and a crash came."""
    held = keys.hold(directory / keys.NAME, ORIGIN)
    os.close(held.fd)
    line = str(notes.sign(tree.text(), held.signer))
    checkpoint.store(directory, tree, line)
    (directory / MEMORY).write_text(f"{tree.text()}\n{line}")
    (directory / CLOSED).unlink(missing_ok=True)


def restart(directory: Path) -> None:
    """Makes room for another log under the same key, as who has it and its memory could."""
    (directory / MEMORY).touch()
    rewind(directory, Checkpoint(ORIGIN, 0, EMPTY_ROOT))
    for path in (*segments.listing(directory), directory / checkpoint.NAME, directory / PUBLIC):
        path.unlink(missing_ok=True)


def sign(directory: Path, tree: Checkpoint) -> None:
    """A checkpoint of whatever tree, signed by the log's key, which is made if there is none."""
    path = directory / keys.NAME
    if not path.exists():
        keys.create(path)
    held = keys.hold(path, tree.origin)
    os.close(held.fd)
    checkpoint.store(directory, tree, str(notes.sign(tree.text(), held.signer)))
    (directory / PUBLIC).write_text(f"{held.signer.key}\n")


def forget(directory: Path) -> None:
    """Removes what remembers a log: its checkpoint, and all that is its signer's."""
    for name in (checkpoint.NAME, PUBLIC, MEMORY, CLOSED, keys.NAME):
        (directory / name).unlink()
