"""What information flow costs a call: the origins of its values, and the checks that judge them.

Microseconds of processor time, in a task that has read a hundred values and in one with 10 000.
"""

import statistics
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, Final

from bench.subjects import configure
from safeconduct.config import load
from safeconduct.core.checks.flow import flow
from safeconduct.core.checks.sink import sink
from safeconduct.ports import Caller
from safeconduct.simulation import SimulatedTask

FEW: Final = 100
MANY: Final = 10_000
CALLS: Final = 512
"""How many calls one slice has."""

PURPOSE: Final = "Answer case C-1."
BODY: Final = "Dear customer, thank you for your order. We will call you back within two days."


def page(values: int, **_: object) -> dict[str, Any]:
    """A case with so many values that nobody vouches for."""
    return {"messages": [{"body": f"v{number:05}"} for number in range(values)]}


async def ready(task: SimulatedTask, values: int) -> Callable[[], float]:
    """The processor time of one call, once so much was read. Raises RuntimeError: it was not."""
    await task.call("stub.get_case", {"case_id": "C-1"}, partial(page, values))
    facts = task.rooms.gateway.facts
    bearer = facts.bearer(Caller(http_method="POST", url="", authorization=task.task))
    params = {"name": "reply", "arguments": {"to": f"v{values // 2:05}", "body": BODY}}
    call, gathered = facts.gather(bearer, "tools/call", "stub", "reply", params)
    known = await facts.enrich(call, gathered)
    if not known.provenance["to"]:
        raise RuntimeError("what the task has read is not in its index")

    def cpu_us() -> float:
        before = time.process_time_ns()
        for _ in range(CALLS):
            facts.origins.of(call, gathered)
            flow(call, known)
            sink(call, known)
        return (time.process_time_ns() - before) / CALLS / 1000

    return cpu_us


async def measured(rounds: int) -> dict[str, float]:
    """Medians of interleaved slices: `few_us`, `many_us`."""
    with tempfile.TemporaryDirectory(prefix="safeconduct-bench-") as directory:
        place = Path(directory) / "gateway"
        configure(place, "full", 1, 2)
        config = load(place)
        resolvers: dict[str, Callable[..., Any]] = {
            "stub.customers_on_file": lambda: {"emails": []}
        }
        async with (
            SimulatedTask(config, PURPOSE, resolvers=resolvers) as few,
            SimulatedTask(config, PURPOSE, resolvers=resolvers) as many,
        ):
            slices = {"few_us": await ready(few, FEW), "many_us": await ready(many, MANY)}
            found: dict[str, list[float]] = {name: [] for name in slices}
            for _ in range(rounds):
                for name, cpu_us in slices.items():
                    found[name].append(cpu_us())
    return {name: round(statistics.median(times), 1) for name, times in found.items()}
