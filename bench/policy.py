"""What one policy decision costs: the shipped rules, JSON both ways, in microseconds of CPU."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import orjson

import safeconduct
from safeconduct.policy.loading import LocalEngine, load

POLICY = Path(safeconduct.__file__).parent / "library" / "policies" / "opportunity" / "rego"
NOW_MS = 1_762_000_000_000
SLICES = 15
CALLS = 2_000

DIGEST = "sha256:" + "a" * 64
INPUT: dict[str, Any] = {
    "call": {
        "tool": "crm.update_opportunity",
        "upstream": "crm",
        "effect": "write",
        "scopes": ["crm:opportunity:update"],
        "digest": DIGEST,
        "fields": ["amount_minor"],
        "sizes": {"arguments": 52},
    },
    "agent": {
        "id": "spiffe://crm.example/agents/sales-copilot",
        "tier": 2,
        "zone": "tier2-sales-assist",
        "attested_at": NOW_MS,
        "stateless": True,
    },
    "user": {"id": "jane@crm.example", "groups": ["sales"], "acr": None, "auth_time": 1},
    "task": {
        "id": "01HF7YAT00ZZZZZZZZZZZZZZZZ",
        "purpose_source": "app",
        "profile": "triage-case",
        "tenant": "crm.example",
        "started_at": NOW_MS,
        "counts": {"calls": 3},
    },
    "labels": {"integrity": "untrusted", "confidentiality": "internal", "categories": ["pii"]},
    "provenance": {"opportunity_id": ["crm.get_case:opportunity_id"]},
    "facts": {"delta_bps": 500, "task_delta_bps": 500, "old_amount_minor": 4_800_000},
    "now_ms": NOW_MS,
}
APPROVAL = {"approval": {"digest": DIGEST, "granted_at_ms": NOW_MS - 1}}


def call(tool: str, effect: str, fields: list[str]) -> dict[str, Any]:
    """The input of a call of another tool."""
    changed = {**INPUT["call"], "tool": tool, "effect": effect, "fields": fields}
    return {**INPUT, "call": changed, "facts": {}}


CASES = {
    "approved amount": INPUT | APPROVAL,
    "amount to approve": INPUT,
    "harmless fields": call("crm.update_opportunity", "write", ["stage"]),
    "read": call("crm.get_opportunity", "read", []),
    "unknown tool": call("warehouse.query", "execute", ["sql"]),
}


def cpu_us(engine: LocalEngine, given: bytes) -> float:
    """Processor time of one evaluation: the best of many slices."""
    best = float("inf")
    for _ in range(SLICES):
        start = time.process_time_ns()
        for _ in range(CALLS):
            engine.evaluate(given, NOW_MS)
        best = min(best, (time.process_time_ns() - start) / CALLS / 1000)
    return round(best, 1)


def main() -> None:
    """Print one line of JSON."""
    engine = load(POLICY)
    print(json.dumps({name: cpu_us(engine, orjson.dumps(case)) for name, case in CASES.items()}))


if __name__ == "__main__":
    main()
