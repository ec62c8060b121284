"""`make bench`: CPU and latency per call, in interleaved slices; the last line is JSON.

`cpu_us` is user and system time of gateway and upstream per call, the load generator excluded, with
32 connections in flight; `p50_us` is the median latency of one connection in a closed loop. Both
are medians over the rounds, with the interquartile range, because the machine is shared.
"""

import argparse
import asyncio
import json
import signal
import statistics
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import msgspec
import uvloop

from bench import load
from bench.subjects import Subject, configure, cpu_s, direct, free_port, running, tasks, through

IN_FLIGHT = 32
ALONE = 0.25
"""How long the slice of one connection is, as a share of the other."""


class Slice(msgspec.Struct, frozen=True, kw_only=True):
    """One subject in one round; times in microseconds."""

    cpu_us: float
    p50_us: float
    rate: float


Found = dict[str, list[Slice]]
"""The slices of each subject, in the order of the rounds."""


async def slices(subjects: list[Subject], rounds: int, seconds: float) -> Found:
    found: Found = {subject.name: [] for subject in subjects}
    for number in range(rounds):
        for subject in subjects:
            before = cpu_s(subject.pids)
            latencies = await load.run(subject.port, subject.requests, subject.expect, seconds)
            used = cpu_s(subject.pids) - before
            alone = await load.run(
                subject.port, subject.requests[:1], subject.expect, seconds * ALONE
            )
            found[subject.name].append(
                Slice(
                    cpu_us=used / len(latencies) * 1e6,
                    p50_us=statistics.median(alone) / 1000,
                    rate=len(latencies) / seconds,
                )
            )
        print(f"round {number + 1}/{rounds}", end="\r", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


async def measured(rounds: int, seconds: float) -> Found:
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="safeconduct-bench-")))
        upstream = free_port()
        stub = await stack.enter_async_context(running("-m", "bench.stub", str(upstream)))
        subjects = [direct(upstream, stub, IN_FLIGHT)]
        for kind in ("null", "full"):
            directory, port = place / kind, free_port()
            configure(directory, kind, port, upstream)
            gateway = await stack.enter_async_context(
                running("-m", "safeconduct", "serve", "--config", str(directory))
            )
            started = await tasks(directory, IN_FLIGHT)
            subjects.append(through(kind, port, (gateway, stub), started))
        await slices(subjects, 1, seconds)  # warm-up, not counted
        return await slices(subjects, rounds, seconds)


def summary(found: Found) -> dict[str, dict[str, Any]]:
    base = found["direct"]
    return {
        name: {
            "cpu_us": middle([one.cpu_us for one in values]),
            "cpu_us_iqr": spread([one.cpu_us for one in values]),
            "p50_us": middle([one.p50_us for one in values]),
            "p50_us_iqr": spread([one.p50_us for one in values]),
            "added_cpu_us": middle(
                [one.cpu_us - other.cpu_us for one, other in zip(values, base, strict=True)]
            ),
            "calls_per_s": round(middle([one.rate for one in values])),
        }
        for name, values in found.items()
    }


def middle(values: list[float]) -> float:
    return round(statistics.median(values), 1)


def spread(values: list[float]) -> list[float]:
    low, _, high = statistics.quantiles(values, n=4)
    return [round(low, 1), round(high, 1)]


def report(answer: dict[str, dict[str, Any]], rounds: int) -> None:
    for name, one in answer.items():
        print(
            f"{name:8} {one['cpu_us']:>8} us CPU a call (added {one['added_cpu_us']}),"
            f" p50 {one['p50_us']} us alone, {one['calls_per_s']} calls/s"
        )
    print(f"median of {rounds} interleaved slices; {IN_FLIGHT} in flight for CPU, one for p50")
    print(json.dumps(answer))


async def main(rounds: int, seconds: float) -> None:
    task = asyncio.current_task()
    assert task is not None
    # Told to stop, it takes its processes along.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    report(summary(await measured(rounds, seconds)), rounds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="at least 2")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one slice")
    options = parser.parse_args()
    uvloop.run(main(max(options.rounds, 2), options.seconds))
