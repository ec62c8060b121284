"""What a durable record costs: encoding, counters, tree, group commit, acknowledgement.

Each of 128 callers has a task of its own and calls a tool over and over: a decision is recorded, a
permit as large as a gateway with the shipped rules writes it, then the outcome, with a kilobyte of
result. All of it is as in a gateway: task state, payloads sealed with the key of their user,
pseudonyms, inspectors that know credentials; the process that signs is not counted. The log is on
the disk that holds the temporary directory.

`slow` is that disk with 2 ms more for every flush, `lone` and `few` are one caller and sixteen.
`uninspected` is all but the inspectors, `sealed` has nothing but counters behind the log besides,
so that it is what the log itself takes, and `bare` no payloads and pseudonyms either.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import statistics
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Generator, Mapping
from enum import IntEnum, auto
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
from safeconduct.audit.signer.apart import Apart
from safeconduct.cli.serve import spare_the_collector
from safeconduct.core.recorded_input import parted
from safeconduct.inspectors.held import HeldSecrets
from safeconduct.inspectors.secrets import SecretInspector
from safeconduct.policy.loading import load
from safeconduct.ports import About, PayloadOf, Projection
from safeconduct.tasks.state import TaskState

IN_FLIGHT: Final = 128
FEW: Final = 16
CALLS: Final = 6_400  # in a round
ROUNDS: Final = 5
SLOWER_S: Final = 0.002

RESULT: Final[dict[str, Any]] = {
    "result": {
        "content": [{"type": "text", "text": "What the customer wrote is in the case. " * 20}],
        "structuredContent": {"id": "O-1", "stage": "won", "amount_minor": 4_900_000},
        "isError": False,
    }
}


class Extent(IntEnum):
    """What stands around the log: each has all that those before it have."""

    bare = auto()
    sealed = auto()
    stateful = auto()
    whole = auto()


class Round(NamedTuple):
    """One log, filled. `cpu_us` is for one record, and holds what the callers take."""

    cpu_us: float
    acks_ms: list[float]
    record_bytes: float
    payload_bytes: float


class Mix(NamedTuple):
    """What is recorded of each call: the decision, what of it is sealed, and the outcome."""

    decision: dict[str, Any]
    content: dict[str, Any]
    outcome: dict[str, Any]


class Counts:
    """A projection that counts by task and by pair, and refuses nothing."""

    def __init__(self) -> None:
        self._tasks: Counter[str] = Counter()
        self._pairs: Counter[str] = Counter()

    def applied(self) -> int:
        """Nothing: each log is new."""
        return 0

    def begin(self) -> None:
        """There is nothing to begin."""

    def counters(self, record: Mapping[str, Any]) -> dict[str, int]:
        """The next numbers."""
        task = record["task"]
        return {"task_n": self._tasks[task] + 1, "pair_n": self._pairs["pair"] + 1}

    def apply(self, seq: int, record: Mapping[str, Any], *, replay: bool) -> str | None:
        """Counts."""
        del seq, replay
        self._tasks[record["task"]] = record["task_n"]
        self._pairs["pair"] = record["pair_n"]
        return None

    def commit(self) -> None:
        """There is nothing to keep."""

    def rollback(self) -> None:
        """There is nothing to forget."""


def measure(rows: int) -> dict[str, float]:
    """The figures; they do not depend on how many rows an index has."""
    del rows
    spare_the_collector()
    found = records(load(POLICIES / "cedar"))
    decision, content = parted(next(found))
    mix = Mix(decision, {"arguments": {"id": "O-1"}, **content}, next(found))
    kinds: dict[str, Callable[[], Round]] = {
        "": lambda: _round(mix),
        "slow": lambda: _round(mix, slower_s=SLOWER_S),
        "few": lambda: _round(mix, in_flight=FEW),
        "lone": lambda: _round(mix, in_flight=1),
        "uninspected": lambda: _round(mix, extent=Extent.stateful),
        "sealed": lambda: _round(mix, extent=Extent.sealed),
        "bare": lambda: _round(mix, extent=Extent.bare),
    }
    rounds: dict[str, list[Round]] = {name: [] for name in kinds}
    for _ in range(ROUNDS):
        for name, measured in kinds.items():
            rounds[name].append(measured())
    whole = rounds[""]
    figures = {
        "append_record_bytes": whole[0].record_bytes,
        "append_payload_bytes": whole[0].payload_bytes,
    }
    for name, those in rounds.items():
        infix = f"_{name}" if name else ""
        figures[f"append{infix}_cpu_us"] = statistics.median(one.cpu_us for one in those)
        if name not in {"bare", "uninspected"}:
            for percent in (50, 99):
                figures[f"ack{infix}_p{percent}_ms"] = statistics.median(
                    statistics.quantiles(one.acks_ms, n=100)[percent - 1] for one in those
                )
    return figures


def _round(
    mix: Mix,
    *,
    in_flight: int = IN_FLIGHT,
    slower_s: float = 0.0,
    extent: Extent = Extent.whole,
) -> Round:
    def flushed(fd: int) -> None:
        if slower_s:
            time.sleep(slower_s)
        flush(fd)

    with tempfile.TemporaryDirectory() as place, patch("safeconduct.audit.tail.flush", flushed):
        directory = Path(place)
        tenant = mix.decision["tenant"]
        with _opened(directory, tenant, extent) as (log, sealer):
            if extent >= Extent.stateful:
                uvloop.run(_started(log, mix.decision, in_flight))
            before = log.size
            cpu_us, acks_ms = uvloop.run(_filled(log, mix, sealer, in_flight))
            added = log.size - before
        sizes = [
            sum(path.stat().st_size for path in directory.glob(f"audit/{name}-*"))
            / (before + added)
            for name in ("segment", "payload")
        ]
    return Round(cpu_us, acks_ms, *sizes)


@contextlib.contextmanager
def _opened(
    directory: Path, tenant: str, extent: Extent
) -> Generator[tuple[Log, PayloadSealer | None]]:
    with contextlib.ExitStack() as held:
        projection: Projection = Counts()
        boundary = sealer = None
        if extent >= Extent.stateful:
            projection = TaskState(directory / "state.sqlite3")
            held.callback(projection.close)
        if extent >= Extent.sealed:
            keys = Keystore(directory / "keys")
            held.callback(keys.close)
            known = HeldSecrets()
            known.note("Bearer a-credential-of-this-gateway")
            inspectors = (SecretInspector(), known) if extent >= Extent.whole else ()
            boundary = Boundary(keys, tenant, inspectors)
            sealer = PayloadSealer(keys, inspectors)
        log = Log.open(
            directory / "audit",
            projection,
            origin="bench/audit",
            boundary=boundary,
            signer=lambda log, origin: Apart(log, directory, origin),
        )
        held.callback(log.close)
        yield log, sealer


async def _started(log: Log, decision: dict[str, Any], in_flight: int) -> None:
    await asyncio.gather(*(log.append(_start(number, decision)) for number in range(in_flight)))


async def _filled(
    log: Log, mix: Mix, sealer: PayloadSealer | None, in_flight: int
) -> tuple[float, list[float]]:
    acks_ms: list[float] = []
    tenant, user = mix.decision["tenant"], mix.decision["user"]

    async def append(record: dict[str, Any], kind: PayloadOf, content: dict[str, Any]) -> None:
        started_s = time.perf_counter()
        if sealer is not None:
            about = About(kind, record["decision"], tenant, user, NOW_MS)
            record["payload"] = sealer.seal(about, content)
        await log.append(record)
        acks_ms.append((time.perf_counter() - started_s) * 1000)

    async def caller(number: int) -> None:
        task = f"t_{number:024x}"
        for call in range(CALLS // in_flight):
            names = {"decision": f"d_{number:012x}{call:012x}", "task": task}
            await append({**mix.decision, **names, "version": call}, "decision", mix.content)
            await append({**mix.outcome, **names}, "outcome", RESULT)

    gc.collect()
    before_ns = time.process_time_ns()
    await asyncio.gather(*(caller(number) for number in range(in_flight)))
    return (time.process_time_ns() - before_ns) / 1000 / len(acks_ms), acks_ms


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
