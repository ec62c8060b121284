"""How many recorded decisions are made again in a second of one core: a log read with proof, what
the rules saw opened, the engine asked, and everything that follows compared with the record.

The log is that of `bench.replays`, with what the rules saw sealed beside it.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench.replays import DECISIONS, POLICIES, records, write
from safeconduct.audit.payloads.boundary import Boundary
from safeconduct.audit.payloads.keystore import Keystore
from safeconduct.audit.payloads.opening import Opener
from safeconduct.audit.payloads.sealing import PayloadSealer
from safeconduct.audit.reading import decisions
from safeconduct.inspectors.secrets import SecretInspector
from safeconduct.policy.loading import LocalEngine, load
from safeconduct.policy.replay.asked import Bundles
from safeconduct.policy.replay.checking import Check, Checked
from safeconduct.ports import About

ROUNDS: Final = 5


def measure(rows: int) -> dict[str, float]:
    """Decisions a second of processor time, of the slower of the two languages."""
    del rows
    figures: dict[str, float] = {}
    for name, cold in (("replay_decisions_s", False), ("replay_cold_decisions_s", True)):
        rates: list[float] = []
        for language in ("cedar", "rego"):
            with tempfile.TemporaryDirectory(prefix="safeconduct-bench-") as place:
                rates.append(_rate(Path(place), load(POLICIES / language), cold=cold))
        figures[name] = min(rates)
    return figures


def _rate(place: Path, engine: LocalEngine, *, cold: bool) -> float:
    keys = Keystore(place / "keys")
    try:
        boundary = Boundary(keys, "crm.example", ())
        write(place / "log", _sealed(engine, keys, cold=cold), boundary)
        opener, best = Opener(place / "log", keys), 0.0
        for _ in range(ROUNDS):
            start = time.process_time_ns()
            found = _replayed(place / "log", opener, engine)
            best = max(best, DECISIONS / (time.process_time_ns() - start) * 1e9)
            if (found.replayed, found.differing) != (DECISIONS, 0):
                raise RuntimeError(f"{found}")
        return best
    finally:
        keys.close()


def _replayed(directory: Path, opener: Opener, engine: LocalEngine) -> Checked:
    check = Check(Bundles([engine]))
    for record in decisions(directory):
        check.take(opener.whole(record))
    return check.checked()


def _sealed(engine: LocalEngine, keys: Keystore, *, cold: bool) -> Iterator[dict[str, Any]]:
    sealer = PayloadSealer(keys, (SecretInspector(),))
    for record in records(engine, cold=cold):
        if record["kind"] == "decision":
            about = About(
                kind="decision",
                decision=record["decision"],
                tenant=record["tenant"],
                user=record["user"],
                at_ms=record["at_ms"],
            )
            policy = dict(record["policy"])
            content: dict[str, Any] = {"arguments": {}, "input": policy.pop("input")}
            record = {**record, "policy": policy, "payload": sealer.seal(about, content)}  # noqa: PLW2901 the record with what was sealed
        yield record
