"""A log with keys and state, as a gateway has it, in files so small that some of them can go."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit import tail
from safeconduct.audit.log import Log
from safeconduct.audit.payloads import blobs
from safeconduct.audit.payloads.boundary import Boundary
from safeconduct.audit.payloads.keystore import Keystore
from safeconduct.audit.payloads.sealing import PayloadSealer
from safeconduct.ports import About, PayloadOf
from safeconduct.tasks.state import TaskState
from tests.support.logs import ORIGIN
from tests.support.tasks import outcome, permit, started

TENANT = "crm.example"
JANE, BOB = "jane@crm.example", "bob@crm.example"
DAY_MS = 86_400_000
SECRET = "a secret of theirs"
NOW_MS = 1_800_000_000_000


class Kept:
    """What a gateway keeps, and calls that it makes at a time of its own."""

    def __init__(self, directory: Path) -> None:
        self.state_directory = directory
        self.directory = directory / "audit"
        self.now_ms = NOW_MS
        self._calls = 0
        self.state, self.keys, self.log = self._opened()

    def open(self) -> None:
        self.state, self.keys, self.log = self._opened()

    def _opened(self) -> tuple[TaskState, Keystore, Log]:
        state = TaskState(self.state_directory / "state.sqlite3")
        keys = Keystore(self.state_directory / "keys")
        boundary = Boundary(keys, TENANT, ())
        return state, keys, Log.open(self.directory, state, origin=ORIGIN, boundary=boundary)

    def close(self) -> None:
        self.log.close()
        self.keys.close()
        self.state.close()

    def append(self, *records: dict[str, Any]) -> None:
        asyncio.run(self.log.append(*records))

    def start(self, task: str, user: str = JANE) -> None:
        record = started(task)
        budgets = {"calls": 10**6}
        self.append(
            {
                **record,
                "user": {**record["user"], "id": user},
                "budgets": budgets,
                "started_ms": self.now_ms,
                "expires_ms": self.now_ms + DAY_MS,
            }
        )

    def call(self, task: str = "t_1", user: str = JANE, times: int = 1) -> None:
        """Permitted calls with their outcomes, all with payloads, in one flush."""
        facts = self.state.task(task)
        assert facts is not None
        records: list[dict[str, Any]] = []
        for version in range(facts.version, facts.version + times):
            self._calls += 1
            decision = f"d_{self._calls}"
            head = {"at_ms": self.now_ms, "task": task}
            asked = self._sealed("decision", decision, user)
            made = {"tenant": TENANT, "agent": "a", "user": user, "changes_state": False}
            records.append({**permit(decision, version), **head, **made, "payload": asked})
            came = self._sealed("outcome", decision, user)
            records.append({**outcome(decision), **head, "payload": came})
        self.append(*records)

    def _sealed(self, kind: PayloadOf, decision: str, user: str) -> Any:
        about = About(tenant=TENANT, user=user, kind=kind, decision=decision, at_ms=self.now_ms)
        return PayloadSealer(self.keys, ()).seal(
            about, {"of": decision, "text": "a secret of theirs " * 9}
        )


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Kept]:
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 40_000)
    monkeypatch.setattr(blobs, "FILE_BYTES", 10_000)
    kept = Kept(tmp_path)
    yield kept
    kept.close()
