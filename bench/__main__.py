"""`make bench`: CPU and latency per call, in interleaved slices; the last line is JSON.

What is measured, and how the rivals are treated fairly: docs/reference/benchmark.md.
"""

import argparse
import asyncio
import json
import signal
import statistics
import sys
import tempfile
import time
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import uvloop

from bench import identity, load, origins, policy, replays, rivals
from bench.figures import Found, Slice, percentile, summary
from bench.memory import growth
from bench.processes import cpu_s, free_port, resident_bytes, running
from bench.subjects import Subject, configure, plain, tasks, through
from safeconduct.core.calls import HANDSHAKE

IN_FLIGHT = 32
ALONE = 0.25
"""How long the slice of one connection is, as a share of the other."""
MEMORY_CALLS = 100_000
OLDER = "full_2025"
"""The full path, called in revision 2025-11-25, in which FastMCP is called."""


async def one_slice(subject: Subject, seconds: float) -> Slice:
    """Raises RuntimeError for a wrong answer."""
    try:
        before, start = cpu_s(subject.pids), time.perf_counter()
        many = await load.run(subject.port, subject.requests, subject.expect, seconds)
        used, took = cpu_s(subject.pids) - before, time.perf_counter() - start
        alone = await load.run(subject.port, subject.requests[:1], subject.expect, seconds * ALONE)
    except (RuntimeError, TimeoutError) as fault:
        fault.add_note(f"by {subject.name}")
        raise
    return Slice(
        cpu_us=used / len(many) * 1e6,
        p50_us=statistics.median(alone) / 1000,
        p99_us=percentile(alone, 99) / 1000,
        rate=len(many) / took,
    )


async def slices(subjects: list[Subject], rounds: int, seconds: float) -> Found:
    found: Found = {subject.name: [] for subject in subjects}
    for number in range(rounds):
        for subject in subjects:
            found[subject.name].append(await one_slice(subject, seconds))
            told = f"round {number + 1}/{rounds}: {subject.name:20}"
            print(told, end="\r", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return found


async def own(stack: AsyncExitStack, place: Path, upstream: int, stub: int) -> list[Subject]:
    """The server alone and our gateways in front of it."""
    subjects = [await plain("direct", upstream, (stub,), IN_FLIGHT)]
    for kind in ("null", "full"):
        directory, port = place / kind, free_port()
        configure(directory, kind, port, upstream)
        gateway = await stack.enter_async_context(
            running("-m", "safeconduct", "serve", "--config", str(directory))
        )
        started = await tasks(directory, IN_FLIGHT)
        subjects.append(await through(kind, port, (gateway, stub), started))
        if kind == "full":
            more = await tasks(directory, IN_FLIGHT)
            older = await through(OLDER, port, (gateway, stub), more, revision=HANDSHAKE)
            subjects.append(older)
    return subjects


async def measured(
    names: list[str], rounds: int, seconds: float, memory_calls: int
) -> dict[str, Any]:
    """The figures of our own and of the rivals of these names."""
    async with AsyncExitStack() as stack:
        place = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="safeconduct-bench-")))
        upstream = free_port()
        stub = await stack.enter_async_context(running("-m", "bench.stub", str(upstream)))
        subjects = await own(stack, place, upstream, stub)
        for name in names:
            rival = rivals.rival(name, place, upstream, stub, IN_FLIGHT)
            subjects.append(await stack.enter_async_context(rival))
        await slices(subjects, 1, seconds)  # warm-up, not counted
        answer: dict[str, Any] = summary(await slices(subjects, rounds, seconds), names)
        for subject in subjects:
            answer[subject.name]["resident_mb"] = round(resident_bytes(subject.pids[0]) / 1e6, 1)
        if memory_calls:
            full = next(subject for subject in subjects if subject.name == "full")
            answer["full"]["memory"] = await growth(full, memory_calls, seconds)
        return answer


def report(answer: dict[str, Any], rounds: int) -> None:
    for name, one in answer.items():
        print(
            f"{name:16} {one['cpu_us']:>8} us CPU a call (added {one['added_cpu_us']}), alone p50"
            f" {one['p50_us']} us, p99 {one['p99_us']} us; {one['calls_per_s']} calls/s"
        )
        for other, ratio in one.get("ratio", {}).items():
            low, high = ratio["interval"]
            print(f"{'':16} {ratio['median']:>8} times the CPU of {other} ({low} to {high})")
        if "memory" in one:
            memory = one["memory"]
            low, high = memory["interval"]
            grown = f"{memory['bytes_per_call']} bytes a call ({low} to {high})"
            print(f"{'':16} memory grew by {grown} over {memory['calls']} calls")
    print(
        f"medians of {rounds} interleaved slices; {IN_FLIGHT} in flight for CPU, one for p50, p99"
    )


async def main(given: argparse.Namespace) -> None:
    task = asyncio.current_task()
    assert task is not None
    # Told to stop, it takes its processes along.
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
    wanted: list[str] = [] if given.no_rivals else list(rivals.PROGRAMS)
    missing = rivals.missing(wanted)
    names = [name for name in wanted if name not in missing]
    rounds = max(given.rounds, 2)
    answer = await measured(names, rounds, given.seconds, given.memory)
    report(answer, rounds)
    known = await identity.measured(rounds)
    print(
        f"whose call it is: {known['cached_us']} us CPU for a token seen before and its proof, "
        f"{known['uncached_us']} us for a new token"
    )
    ruled = await policy.measured(rounds)
    print(
        f"what the rules say: {ruled['rego_us']} us CPU for 200 rules in Rego, "
        f"{ruled['own_process_us']} us in a process of their own, {ruled['cedar_us']} us in Cedar"
    )
    flows = await origins.measured(rounds)
    print(
        f"where its values come from: {flows['many_us']} us CPU with {origins.MANY} values in the"
        f" index of the task, {flows['few_us']} us with {origins.FEW}"
    )
    # In a thread, as what writes its log runs a loop of its own.
    replayed = await asyncio.to_thread(replays.measured, min(given.rounds, replays.ROUNDS))
    print(
        f"what a change would do: {replayed['rego rego']} decisions a second of CPU in Rego, "
        f"{replayed['cedar cedar']} in Cedar, {replayed['rego cedar']} from one to the other"
    )
    ruled |= {"replays_per_cpu_s": replayed}
    ours = {"identity": known, "policy": ruled, "origins": flows}
    print(json.dumps(answer | ours | {"missing": missing}))


def options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=15, help="at least 2")
    parser.add_argument("--seconds", type=float, default=1.0, help="of one slice")
    parser.add_argument("--no-rivals", action="store_true", help="only the gateway itself")
    parser.add_argument(
        "--memory",
        type=int,
        nargs="?",
        const=MEMORY_CALLS,
        default=0,
        metavar="CALLS",
        help=f"also what memory grows by over so many calls ({MEMORY_CALLS} if not said)",
    )
    return parser


if __name__ == "__main__":
    uvloop.run(main(options().parse_args()))
