"""What a durable record costs: encoding, counters, tree, group commit, acknowledgement.

Each of 128 callers has a task of its own and has decisions recorded, one after the other: permits,
as large as a gateway with the shipped rules writes them, on the disk that holds the temporary
directory. `slow` is that disk with 2 ms more for every flush; `state` has the real task state
behind the log, which budgets, labels and approvals live in, where the others only count; `sealed`
has a payload with each record, sealed by the key of its user, and a pseudonym for the user.
"""

from __future__ import annotations

import asyncio
import contextlib
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple
from unittest.mock import patch

import uvloop

from bench.replays import NOW_MS, POLICIES, records
from safeconduct.audit.flush import flush
from safeconduct.audit.log import Log
from safeconduct.audit.payloads.boundary import Boundary
from safeconduct.audit.payloads.keystore import Keystore
from safeconduct.audit.payloads.sealing import PayloadSealer
from safeconduct.policy.loading import load
from safeconduct.ports import About, Projection
from safeconduct.tasks.state import TaskState

IN_FLIGHT: Final = 128
DECISIONS: Final = 100  # of each caller, in a round
ROUNDS: Final = 5
SLOWER_S: Final = 0.002


class Round(NamedTuple):
    """One log, filled. `cpu_us` is for one record, and holds what the callers take."""

    cpu_us: float
    acks_ms: list[float]
    record_bytes: float


class Counts:
    """A projection that counts by task and by pair, and refuses nothing."""

    def __init__(self) -> None:
        self._tasks: Counter[str] = Counter()
        self._pairs: Counter[tuple[str, str, str]] = Counter()

    def applied(self) -> int:
        """Nothing: each log is new."""
        return 0

    def begin(self) -> None:
        """There is nothing to begin."""

    def counters(self, record: Mapping[str, Any]) -> dict[str, int]:
        """The next numbers."""
        pair = (record["tenant"], record["agent"], record["user"])
        return {"task_n": self._tasks[record["task"]] + 1, "pair_n": self._pairs[pair] + 1}

    def apply(self, seq: int, record: Mapping[str, Any], *, replay: bool) -> str | None:
        """Counts."""
        del seq, replay
        self._tasks[record["task"]] = record["task_n"]
        self._pairs[record["tenant"], record["agent"], record["user"]] = record["pair_n"]
        return None

    def commit(self) -> None:
        """There is nothing to keep."""

    def rollback(self) -> None:
        """There is nothing to forget."""


def measure(rows: int) -> dict[str, float]:
    """The figures; they do not depend on how many rows an index has."""
    del rows
    template = next(records(load(POLICIES / "cedar")))
    quick: list[Round] = []
    slow: list[Round] = []
    state: list[Round] = []
    sealed: list[Round] = []
    for _ in range(ROUNDS):
        quick.append(_round(template))
        slow.append(_round(template, slower_s=SLOWER_S))
        state.append(_round(template, state=True))
        sealed.append(_round(template, sealed=True))
    return {
        "append_record_bytes": quick[0].record_bytes,
        "append_cpu_us": statistics.median(one.cpu_us for one in quick),
        **_acknowledged("ack", quick),
        "append_slow_cpu_us": statistics.median(one.cpu_us for one in slow),
        **_acknowledged("ack_slow", slow),
        "append_state_cpu_us": statistics.median(one.cpu_us for one in state),
        "append_sealed_cpu_us": statistics.median(one.cpu_us for one in sealed),
    }


def _acknowledged(name: str, rounds: list[Round]) -> dict[str, float]:
    return {
        f"{name}_p{percent}_ms": statistics.median(
            statistics.quantiles(one.acks_ms, n=100)[percent - 1] for one in rounds
        )
        for percent in (50, 99)
    }


def _round(
    template: dict[str, Any],
    *,
    slower_s: float = 0.0,
    state: bool = False,
    sealed: bool = False,
) -> Round:
    def flushed(fd: int) -> None:
        if slower_s:
            time.sleep(slower_s)
        flush(fd)

    with tempfile.TemporaryDirectory() as place, patch("safeconduct.audit.tail.flush", flushed):
        directory = Path(place)
        keys = Keystore(directory / "keys") if sealed else None
        with _opened(directory, keys, template["tenant"], state=state) as log:
            if state:
                uvloop.run(_started(log, template))
            before = log.size
            sealer = None if keys is None else PayloadSealer(keys, ())
            cpu_us, acks_ms = uvloop.run(_filled(log, template, sealer))
            added = log.size - before
        written = sum(path.stat().st_size for path in directory.glob("audit/segment-*"))
    return Round(cpu_us, acks_ms, written / (before + added))


@contextlib.contextmanager
def _opened(directory: Path, keys: Keystore | None, tenant: str, *, state: bool) -> Generator[Log]:
    with contextlib.ExitStack() as held:
        projection: Projection = Counts()
        if state:
            projection = TaskState(directory / "state.sqlite3")
            held.callback(projection.close)
        boundary = None
        if keys is not None:
            held.callback(keys.close)
            boundary = Boundary(keys, tenant, ())
        log = Log.open(directory / "audit", projection, origin="bench/audit", boundary=boundary)
        held.callback(log.close)
        yield log


async def _started(log: Log, template: dict[str, Any]) -> None:
    await asyncio.gather(*(log.append(_start(number, template)) for number in range(IN_FLIGHT)))


async def _filled(
    log: Log, template: dict[str, Any], sealer: PayloadSealer | None
) -> tuple[float, list[float]]:
    content = {"arguments": {"id": "O-1"}, "input": template}
    acks_ms: list[float] = []

    async def caller(number: int) -> None:
        for call in range(DECISIONS):
            record: dict[str, Any] = {
                **template,
                "decision": f"d_{number:012x}{call:012x}",
                "task": f"t_{number:024x}",
                "version": call,
            }
            started_s = time.perf_counter()
            if sealer is not None:
                about = About(
                    "decision", record["decision"], record["tenant"], record["user"], NOW_MS
                )
                record["payload"] = sealer.seal(about, content)
            await log.append(record)
            acks_ms.append((time.perf_counter() - started_s) * 1000)

    before_ns = time.process_time_ns()
    await asyncio.gather(*(caller(number) for number in range(IN_FLIGHT)))
    return (time.process_time_ns() - before_ns) / 1000 / (IN_FLIGHT * DECISIONS), acks_ms


def _start(number: int, template: dict[str, Any]) -> dict[str, Any]:
    return {
        "kind": "task",
        "phase": "started",
        "task": f"t_{number:024x}",
        "tenant": template["tenant"],
        "profile": "triage-case",
        "purpose": "Look at opportunities",
        "purpose_source": "app",
        "scopes": ["opportunity"],
        "obtainable": ["opportunity"],
        "budgets": {},
        "max_refusals": 10,
        "started_ms": NOW_MS,
        "expires_ms": NOW_MS + 3_600_000,
        "agent": {
            "id": template["agent"],
            "tier": template["tier"],
            "zone": template["zone"],
            "attested_ms": NOW_MS,
            "stateless": True,
            "approval_scopes": [],
        },
        "user": {
            "id": template["user"],
            "kind": "person",
            "groups": ["sales"],
            "acr": None,
            "auth_time_s": NOW_MS // 1000,
        },
        "consumes": [],
    }
