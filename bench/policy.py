"""What a policy decision costs: JSON text in, an answer out, in microseconds of processor time.

200 rules in Rego and in Cedar in this process, the same in Rego in a process of its own, and the
shipped rule about opportunities.
"""

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import orjson
import uvloop

import safeconduct
from bench import rules
from bench.figures import interval
from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.loading import LocalEngine, load, passed
from safeconduct.policy.rego.process import RegoProcess

LIBRARY = Path(safeconduct.__file__).parent / "library" / "policies"
NOW_MS = 1_762_000_000_000
CALLS = 512
"""How many decisions one slice has."""
IN_FLIGHT = 32
"""How many of them at once, where they go to another process."""

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
MANY: dict[str, Any] = INPUT | {
    "call": INPUT["call"] | {"tool": rules.TOOL, "upstream": rules.TOOL.split(".")[0]}
}


class Here:
    """Rules that are evaluated in this process."""

    def __init__(self, bundle: Path, given: dict[str, Any]) -> None:
        self._engine: LocalEngine = load(bundle)
        self._given = orjson.dumps(given)

    def answer(self) -> PolicyAnswer:
        return self._engine.evaluate(self._given, NOW_MS)

    def cpu_us(self) -> float:
        """Of one decision."""
        before = time.process_time_ns()
        for _ in range(CALLS):
            self.answer()
        return (time.process_time_ns() - before) / CALLS / 1000


class Apart:
    """Rules in Rego in a process of their own."""

    def __init__(self, bundle: Path, given: dict[str, Any], runner: asyncio.Runner) -> None:
        self._engine = RegoProcess(passed(bundle))
        self._given = orjson.dumps(given)
        self._runner = runner

    def answer(self) -> PolicyAnswer:
        return self._runner.run(self._engine.evaluate(self._given, NOW_MS))

    def cpu_us(self) -> tuple[float, float]:
        """Of one decision: what both processes take, and what of it is taken of this one."""
        # The clock of another process: clock_getcpuclockid(3), as Linux has it.
        child = (~self._engine.pids[0] << 3) | 2
        before, there = time.process_time_ns(), time.clock_gettime_ns(child)
        self._runner.run(self._many())
        here = time.process_time_ns() - before
        both = here + time.clock_gettime_ns(child) - there
        return both / CALLS / 1000, here / CALLS / 1000

    def close(self) -> None:
        self._runner.run(self._engine.close())

    async def _many(self) -> None:
        async def ask() -> None:
            for _ in range(CALLS // IN_FLIGHT):
                await self._engine.evaluate(self._given, NOW_MS)

        await asyncio.gather(*(ask() for _ in range(IN_FLIGHT)))


def slices(rounds: int) -> dict[str, list[float]]:
    """Interleaved, after a first one that does not count.

    Raises:
        RuntimeError: an engine answers something else than it has to.
    """
    found: dict[str, list[float]] = {}
    with (
        tempfile.TemporaryDirectory(prefix="safeconduct-bench-") as place,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        many = rules.rego(Path(place) / "rego")
        subjects = {
            "rego_us": Here(many, MANY),
            "cedar_us": Here(rules.cedar(Path(place) / "cedar"), MANY),
            "shipped_rego_us": Here(LIBRARY / "opportunity" / "rego", INPUT),
            "shipped_cedar_us": Here(LIBRARY / "opportunity" / "cedar", INPUT),
        }
        apart = Apart(many, MANY, runner)
        try:
            answers = {name: subject.answer() for name, subject in subjects.items()}
            for name, answer in (answers | {"own_process_us": apart.answer()}).items():
                _check(name, answer)
            for number in range(rounds + 1):
                both, here = apart.cpu_us()
                took = {name: subject.cpu_us() for name, subject in subjects.items()}
                took |= {"own_process_us": both, "own_process_gateway_us": here}
                for name, value in took.items():
                    found.setdefault(name, [])
                    if number:
                        found[name].append(value)
        finally:
            apart.close()
    return found


def _check(name: str, answer: PolicyAnswer) -> None:
    permits = tuple(f"{rules.TOOL}.{number}" for number in range(rules.PERMITS))
    elevates = [rule.id for rule in answer.elevate]
    if name.startswith("shipped"):
        right = (answer.permit, elevates) == ((), ["opportunity.amount"])
    else:
        right = (answer.permit, elevates) == (permits, [])
    if not right or answer.deny or answer.error is not None:
        raise RuntimeError(f"{name}: {answer}")


async def measured(rounds: int) -> dict[str, Any]:
    """Medians over the rounds with their intervals."""
    answer: dict[str, Any] = {}
    for name, values in (await asyncio.to_thread(slices, rounds)).items():
        low, high = interval(values, statistics.median)
        answer[name] = round(statistics.median(values), 1)
        answer[f"{name}_interval"] = [round(low, 1), round(high, 1)]
    return answer
