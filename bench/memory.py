"""Whether memory is flat: what the resident memory of a gateway grows by, per call."""

import sys
import time
from collections.abc import Sequence
from typing import Any

from bench import load
from bench.figures import interval
from bench.processes import resident_bytes
from bench.subjects import Subject

BLOCK = 4
"""How many slices one block is as long as: long enough for what a call allocates to show among
pages, short enough for many blocks.
"""

WARM_S = 68.0
"""Proofs are remembered for 65 s, so it takes as long until that is full."""

Block = tuple[int, int]
"""How many calls, and by how many bytes memory grew meanwhile."""


def slope(blocks: Sequence[Block]) -> float:
    """Bytes per call."""
    return sum(grown for _, grown in blocks) / sum(calls for calls, _ in blocks)


async def growth(subject: Subject, calls: int, seconds: float) -> dict[str, Any]:
    """Memory over so many calls, once the subject is warm: what it fills once is full, or it has
    had as many calls before. `seconds` is how long a slice is.
    """
    block_s = BLOCK * seconds
    blocks: list[Block] = []
    done, began = 0, time.perf_counter()
    while done < calls and time.perf_counter() - began < WARM_S:
        done += len(await load.run(subject.port, subject.requests, subject.expect, block_s))
        print(f"memory: warming up, {done} calls", end="\r", file=sys.stderr, flush=True)
    done = 0
    held = start = resident_bytes(subject.pids[0])
    while done < calls:
        latencies = await load.run(subject.port, subject.requests, subject.expect, block_s)
        now = resident_bytes(subject.pids[0])
        blocks.append((len(latencies), now - held))
        held, done = now, done + len(latencies)
        print(f"memory {done}/{calls} calls", end="\r", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return {
        "calls": done,
        "start_mb": round(start / 1e6, 1),
        "end_mb": round(held / 1e6, 1),
        "bytes_per_call": round(slope(blocks), 1),
        "interval": [round(end, 1) for end in interval(blocks, slope)],
    }
