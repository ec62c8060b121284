"""Whether memory is flat: what the resident memory of a gateway grows by, per call."""

import sys
from collections.abc import Sequence
from typing import Any

from bench import load
from bench.figures import interval
from bench.processes import resident_bytes
from bench.subjects import Subject

BLOCK_S = 4.0
"""Long enough for what a call allocates to show among pages, short enough for many blocks."""

Block = tuple[int, int]
"""How many calls, and by how many bytes memory grew meanwhile."""


def slope(blocks: Sequence[Block]) -> float:
    """Bytes per call."""
    return sum(grown for _, grown in blocks) / sum(calls for calls, _ in blocks)


async def growth(subject: Subject, calls: int) -> dict[str, Any]:
    """Memory over so many calls. The subject is warm: what it fills once is full."""
    blocks: list[Block] = []
    done = 0
    held = start = resident_bytes(subject.pids[0])
    while done < calls:
        latencies = await load.run(subject.port, subject.requests, subject.expect, BLOCK_S)
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
