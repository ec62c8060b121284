"""`make bench`: CPU and latency per call, in interleaved slices; the last line is JSON.

`cpu_us` is user and system time of gateway and upstream per call, the load generator excluded, with
32 connections in flight; `p50_us` is the median latency of one connection in a closed loop. Both
are medians over the rounds, with the interquartile range, because the machine is shared.
"""

import argparse
import asyncio
import json
import statistics
import sys
import tempfile
from pathlib import Path

import uvloop

from bench import load
from bench.subjects import Subject, configure, cpu_s, direct, free_port, started, tasks, through

IN_FLIGHT = 32


def spread(values: list[float]) -> list[float]:
    low, _, high = statistics.quantiles(values, n=4)
    return [round(low, 1), round(high, 1)]


async def slices(subjects: list[Subject], rounds: int, seconds: float) -> dict[str, dict[str, list[float]]]:
    found = {subject.name: {"cpu_us": [], "p50_us": [], "rate": []} for subject in subjects}
    for number in range(rounds):
        for subject in subjects:
            before = cpu_s(subject.pids)
            latencies = await load.run(subject.port, subject.requests, subject.expect, seconds)
            used = cpu_s(subject.pids) - before
            alone = await load.run(subject.port, subject.requests[:1], subject.expect, seconds / 4)
            into = found[subject.name]
            into["cpu_us"].append(used / len(latencies) * 1e6)
            into["rate"].append(len(latencies) / seconds)
            into["p50_us"].append(statistics.median(alone) / 1000)
        print(f"round {number + 1}/{rounds}", end="\r", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


async def main(rounds: int, seconds: float) -> None:
    with tempfile.TemporaryDirectory(prefix="safeconduct-bench-") as place:
        root = Path(__file__).parent.parent
        upstream = free_port()
        stub = await started("-m", "bench.stub", str(upstream), cwd=root)
        processes = [stub]
        subjects = [direct(upstream, stub.pid, IN_FLIGHT)]
        try:
            for kind in ("null", "full"):
                directory = Path(place) / kind
                port = free_port()
                configure(directory, kind, port, upstream)
                gateway = await started("-m", "safeconduct", "serve", "--config", str(directory))
                processes.append(gateway)
                started_tasks = await tasks(directory, IN_FLIGHT)
                subjects.append(through(kind, port, (gateway.pid, stub.pid), started_tasks))
            await slices(subjects, 1, seconds)  # warm-up, not counted
            found = await slices(subjects, rounds, seconds)
        finally:
            for process in processes:
                process.terminate()
            await asyncio.gather(*(process.wait() for process in processes))
    report(found, rounds)


def report(found: dict[str, dict[str, list[float]]], rounds: int) -> None:
    answer: dict[str, dict[str, object]] = {}
    base = found["direct"]
    for name, values in found.items():
        pairs = zip(values["cpu_us"], base["cpu_us"], strict=True)
        added = [one - other for one, other in pairs]
        answer[name] = {
            "cpu_us": round(statistics.median(values["cpu_us"]), 1),
            "cpu_us_iqr": spread(values["cpu_us"]),
            "p50_us": round(statistics.median(values["p50_us"]), 1),
            "p50_us_iqr": spread(values["p50_us"]),
            "added_cpu_us": round(statistics.median(added), 1),
            "calls_per_s": round(statistics.median(values["rate"])),
        }
        print(
            f"{name:8} {answer[name]['cpu_us']:>8} us CPU a call (added {answer[name]['added_cpu_us']}),"
            f" p50 {answer[name]['p50_us']} us alone, {answer[name]['calls_per_s']} calls/s"
        )
    print(f"median of {rounds} interleaved slices; {IN_FLIGHT} in flight for CPU, one for p50")
    print(json.dumps(answer))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--seconds", type=float, default=1.0)
    options = parser.parse_args()
    uvloop.run(main(max(options.rounds, 2), options.seconds))
