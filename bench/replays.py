"""How many decisions `policy diff` replays in a second of CPU: a log read with proof, both bundles
asked about each decision, the shipped rules.

The log is one as a CRM's agents leave behind: 24 of them, in tasks of twenty calls, most of which
read, some after they read what a customer wrote. Every fourth call changes an amount, by something
else each time, and every twelfth has a person's yes. In the `cold` one all calls change an amount
with a person's yes, which rules compare with the call: no two inputs are the same to them.
"""

from __future__ import annotations

import asyncio
import json
import random
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

import safeconduct
from safeconduct.audit.log import Log
from safeconduct.audit.payloads.boundary import Boundary
from safeconduct.audit.reading import decisions
from safeconduct.core.canonical import sha256
from safeconduct.core.decide import decide
from safeconduct.core.labels import BOTTOM, Confidentiality, Integrity, Label
from safeconduct.core.manifest import Argument, Effect, ToolManifest
from safeconduct.core.model import (
    AgentFacts,
    ApprovalFacts,
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


AMOUNT = CALLS[3]
AGENTS = 24
LABELS = (
    BOTTOM,
    Label(confidentiality=Confidentiality.internal),
    Label(integrity=Integrity.untrusted, confidentiality=Confidentiality.internal),
)


def changed(number: int, *, cold: bool) -> dict[str, int]:
    """What an amount is changed by, as a resolver and the task's first look tell it."""
    chance = random.Random(number)  # noqa: S311 the same log each time
    old = chance.randrange(1_000_000, 9_000_000)
    bps = number - DECISIONS // 2 if cold else chance.randrange(-2_000, 2_000)
    return {"old_amount_minor": old, "delta_bps": bps, "task_delta_bps": bps}


def facts(
    number: int, name: str, manifest: ToolManifest, given: dict[str, Any], *, cold: bool = False
) -> Facts:
    """What is known of a call of a CRM, in a task of twenty calls."""
    tool = ToolFacts(
        manifest=manifest,
        pin="reviewed",
        destination="crm",
        source=Label(confidentiality=Confidentiality.internal),
        clearance=Confidentiality.confidential,
    )
    turn = number // 20 % AGENTS
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
        expires_ms=NOW_MS + 600_000,
        version=number,
        counts={"calls": number % 20},
        labels=LABELS[number % 20 // 7],
    )
    agent = f"spiffe://crm.example/agents/sales-copilot-{turn}"
    gathered = Gathered(
        now_ms=NOW_MS + number,
        tenant="crm.example",
        agent=AgentFacts(
            id=agent, registered=True, tier=turn % 3 + 1, zone="sales", attested_ms=NOW_MS
        ),
        user=UserFacts(
            id=f"user-{turn}@crm.example", groups=("sales",), amr=("pwd", "otp"), auth_time_s=turn
        ),
        task=task,
        zone=ZoneFacts(id="sales", egress=frozenset({"crm"}), deny=frozenset()),
        tool=tool,
        token_expires_ms=NOW_MS + 600_000,
    )
    return Facts(
        gathered=gathered,
        resolved=changed(number, cold=cold) if "amount_minor" in given else {},
        provenance=dict.fromkeys(given, (Origin("app-request"),)),
        policy=PolicyAnswer(),
    )


def agreed(call: Call, known: Facts) -> ApprovalFacts:
    """The yes that a person gave a minute before."""
    return ApprovalFacts(
        id="a_1",
        digest=call.digest,
        state="granted",
        granted_ms=known.gathered.now_ms - 60_000,
        sources=("policy:opportunity.amount",),
        labels=known.gathered.task.labels,
    )


def records(engine: LocalEngine, *, cold: bool = False) -> Iterator[dict[str, Any]]:
    """Decisions and outcomes of a gateway with these rules."""
    for number in range(DECISIONS):
        name, manifest, given = AMOUNT if cold else CALLS[number % len(CALLS)]
        call = Call(
            method="tools/call",
            target=f"crm.{name}",
            upstream="crm",
            name=name,
            arguments=given,
            digest=sha256(b"%d" % number),
            size=len(json.dumps(given)),
        )
        known = facts(number, name, manifest, given, cold=cold)
        if cold or number % 12 == 11:
            known = replace(known, approval=agreed(call, known))
        asked = policy_input(call, known, engine.members)
        known = replace(known, policy=engine.evaluate(asked, known.gathered.now_ms))
        decision, made = decide(call, known), f"d_{number:024x}"
        yield decision_record(made, call, known.gathered, known, decision)
        yield outcome_record(made, known.gathered.task.id, NOW_MS, "ok", may_have_happened=True)


def write(
    directory: Path, found: Iterable[Mapping[str, Any]], boundary: Boundary | None = None
) -> None:
    """A log of these records."""
    log = Log.open(directory, Nothing(), origin="bench/audit", boundary=boundary)

    async def append() -> None:
        await asyncio.gather(*(log.append(record) for record in found))

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
        for cold in (False, True):
            with tempfile.TemporaryDirectory() as directory:
                write(Path(directory), records(old, cold=cold))
                for other, new in engines.items():
                    key = f"{name} {other}{' cold' if cold else ''}"
                    found[key] = per_second(Path(directory), old, new, rounds)
    return found


def main() -> None:
    """Print one line of JSON."""
    print(json.dumps(measured()))


if __name__ == "__main__":
    main()
