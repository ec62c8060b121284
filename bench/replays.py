"""How many decisions `policy diff` replays in a second of CPU: a log read with proof, both bundles
asked about each decision, the shipped rules.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

import safeconduct
from safeconduct.audit.log import Log
from safeconduct.audit.reading import decisions
from safeconduct.core.canonical import sha256
from safeconduct.core.decide import decide
from safeconduct.core.labels import Confidentiality, Label
from safeconduct.core.manifest import Argument, Effect, ToolManifest
from safeconduct.core.model import (
    AgentFacts,
    Call,
    Facts,
    Gathered,
    TaskFacts,
    ToolFacts,
    UserFacts,
    ZoneFacts,
)
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.policy_input import policy_input
from safeconduct.core.provenance import Origin
from safeconduct.core.record import decision_record, outcome_record
from safeconduct.policy.diff.report import Comparison
from safeconduct.policy.loading import LocalEngine, load
from safeconduct.policy.replay.asked import Bundles

POLICIES = Path(safeconduct.__file__).parent / "library" / "policies" / "opportunity"
NOW_MS = 1_762_000_000_000
DECISIONS = 5_000
ROUNDS = 7

WORDS = frozenset({"opportunity"})
READ = ToolManifest(
    effect=Effect.read, scopes=("opportunity",), arguments={"id": Argument("object-id")}
)
UPDATE = replace(
    READ,
    effect=Effect.write,
    arguments={
        **READ.arguments,
        "stage": Argument("content"),
        "amount_minor": Argument("amount"),
    },
)
CALLS: tuple[tuple[str, ToolManifest, dict[str, Any]], ...] = (
    ("get_opportunity", READ, {"id": "O-1"}),
    ("get_opportunity", READ, {"id": "O-2"}),
    ("update_opportunity", UPDATE, {"id": "O-1", "stage": "won"}),
    ("update_opportunity", UPDATE, {"id": "O-1", "amount_minor": 4_900_000}),
)


class Nothing:
    """A projection that keeps nothing."""

    def applied(self) -> int:
        """None."""
        return 0

    def begin(self) -> None:
        """Nothing to begin."""

    def counters(self, record: Mapping[str, Any]) -> dict[str, int]:
        del record
        return {}

    def apply(self, seq: int, record: Mapping[str, Any], *, replay: bool) -> str | None:
        """Takes anything."""
        del seq, record, replay
        return None

    def commit(self) -> None:
        """Nothing to keep."""

    def rollback(self) -> None:
        """Nothing to forget."""


def facts(number: int, name: str, manifest: ToolManifest, given: dict[str, Any]) -> Facts:
    """What is known of a call of a CRM, in a task of twenty calls."""
    tool = ToolFacts(
        manifest=manifest,
        pin="reviewed",
        destination="crm",
        source=Label(confidentiality=Confidentiality.internal),
        clearance=Confidentiality.confidential,
    )
    task = TaskFacts(
        id=f"t_{number // 20:024x}",
        tenant="crm.example",
        profile="triage-case",
        purpose=f"Look at {name}",
        purpose_source="app",
        scopes=WORDS,
        obtainable=WORDS,
        budgets={"calls": 60},
        max_refusals=10,
        started_ms=NOW_MS - 60_000,
        expires_ms=NOW_MS + 60_000,
        version=number,
        counts={"calls": number % 20},
    )
    agent = "spiffe://crm.example/agents/sales-copilot"
    gathered = Gathered(
        now_ms=NOW_MS + number,
        tenant="crm.example",
        agent=AgentFacts(id=agent, registered=True, tier=2, zone="sales", attested_ms=NOW_MS),
        user=UserFacts(id="jane@crm.example", groups=("sales",), amr=("pwd", "otp")),
        task=task,
        zone=ZoneFacts(id="sales", egress=frozenset({"crm"}), deny=frozenset()),
        tool=tool,
        token_expires_ms=NOW_MS + 60_000,
    )
    return Facts(
        gathered=gathered,
        resolved={"old_amount_minor": 4_800_000, "delta_bps": 208, "task_delta_bps": 208},
        provenance=dict.fromkeys(given, (Origin("app-request"),)),
        policy=PolicyAnswer(),
    )


def records(engine: LocalEngine) -> Iterator[dict[str, Any]]:
    """Decisions and outcomes of a gateway with these rules."""
    for number in range(DECISIONS):
        name, manifest, given = CALLS[number % len(CALLS)]
        call = Call(
            method="tools/call",
            target=f"crm.{name}",
            upstream="crm",
            name=name,
            arguments=given,
            digest=sha256(b"%d" % number),
            size=len(json.dumps(given)),
        )
        known = facts(number, name, manifest, given)
        asked = policy_input(call, known, engine.members)
        known = replace(known, policy=engine.evaluate(asked, known.gathered.now_ms))
        decision, made = decide(call, known), f"d_{number:024x}"
        yield decision_record(made, call, known.gathered, known, decision)
        yield outcome_record(made, known.gathered.task.id, NOW_MS, "ok", may_have_happened=True)


def write(directory: Path, engine: LocalEngine) -> None:
    """A log of these records."""
    log = Log.open(directory, Nothing(), origin="bench/audit")

    async def append() -> None:
        await asyncio.gather(*(log.append(record) for record in records(engine)))

    try:
        asyncio.run(append())
    finally:
        log.close()


def per_second(directory: Path, old: LocalEngine, new: LocalEngine, rounds: int) -> int:
    """Decisions replayed in a second of CPU: the best of some rounds."""
    best = 0.0
    for _ in range(rounds):
        comparison = Comparison(Bundles([old]), new)
        start = time.process_time_ns()
        for record in decisions(directory):
            comparison.take(record)
        best = max(best, DECISIONS / (time.process_time_ns() - start) * 1e9)
        report = comparison.report()
        if (report.replayed, report.changed) != (DECISIONS, 0):
            raise RuntimeError(f"{report.replayed} replayed, {report.changed} changed")
    return round(best)


def measured(rounds: int = ROUNDS) -> dict[str, int]:
    """Decisions a second of CPU: a bundle against itself, and against the same rules in the other
    engine.
    """
    engines = {name: load(POLICIES / name) for name in ("rego", "cedar")}
    found: dict[str, int] = {}
    for name, old in engines.items():
        with tempfile.TemporaryDirectory() as directory:
            write(Path(directory), old)
            for other, new in engines.items():
                found[f"{name} {other}"] = per_second(Path(directory), old, new, rounds)
    return found


def main() -> None:
    """Print one line of JSON."""
    print(json.dumps(measured()))


if __name__ == "__main__":
    main()
