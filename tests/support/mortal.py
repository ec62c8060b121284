"""Writers of a log that are killed, over and over: DIRECTORY CYCLES.

One process has everything imported and forks a child for each cycle. The child opens the log, has
records appended from several tasks at once and tells what it was answered; it is killed after some
of its answers, or while it opens. The last line says what of all that is in the log.
"""

from __future__ import annotations

import asyncio
import json
import os
import random
import signal
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from struct import Struct
from typing import Any
from unittest.mock import patch

from safeconduct.audit import tail
from safeconduct.audit.log import Log
from safeconduct.audit.verify import verify
from safeconduct.audit.walk import Walk
from safeconduct.tasks import tables
from safeconduct.tasks.state import TaskState
from tests.support.logs import ORIGIN
from tests.support.tasks import deny, started

WRITERS = 8
ANSWERS = 24  # at most, before the end
_TOLD = Struct(">QQ32s24s")  # sequence number, size and root at that time, decision id


def main(directory: Path, cycles: int) -> None:
    chance = random.Random(cycles)  # noqa: S311 - the same each time
    told: list[tuple[int, int, bytes, str]] = []
    for cycle in range(cycles):
        told += _cycle(directory, cycle, chance.randrange(-2, ANSWERS))
    log, state = _opened(directory)
    log.close()
    state.close()
    print(json.dumps(_compared(directory, told)))


def _cycle(directory: Path, cycle: int, answers: int) -> Iterator[tuple[int, int, bytes, str]]:
    """What one child told. With no answers to wait for it is killed while it opens the log."""
    reads, writes = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.close(reads)
            asyncio.run(_append(directory, cycle, writes))
        except Exception:  # noqa: BLE001 - shown, whatever it is
            traceback.print_exc()
        finally:
            os._exit(1)  # it does not end by itself
    os.close(writes)
    data = b""
    while len(data) < answers * _TOLD.size and (more := os.read(reads, 4096)):
        data += more
    os.kill(child, signal.SIGKILL)
    while more := os.read(reads, 4096):  # answered before it was killed
        data += more
    os.close(reads)
    _, status = os.waitpid(child, 0)
    if not os.WIFSIGNALED(status):
        raise RuntimeError(f"the child of cycle {cycle} ended by itself")
    for seq, size, root, decision in _TOLD.iter_unpack(
        data[: len(data) // _TOLD.size * _TOLD.size]
    ):
        yield seq, size, root, decision.decode().strip()


async def _append(directory: Path, cycle: int, writes: int) -> None:
    log, state = _opened(directory)
    if state.task("t_1") is None:
        await log.append(started())

    async def writer(number: int) -> None:
        for call in range(1_000_000):
            decision = f"d_{cycle}_{number}_{call}"
            record = {**deny("busy"), "decision": decision}
            seq = await log.append(record, {**record, "second": True})
            told = _TOLD.pack(seq, log.size, log.root, decision.encode().ljust(24))
            os.write(writes, told)

    await asyncio.gather(*(writer(number) for number in range(WRITERS)))


def _opened(directory: Path) -> tuple[Log, TaskState]:
    patch.object(tail, "SEGMENT_BYTES", 20_000).start()
    patch.object(tables, "GROUPS_PER_WRITE", 4).start()
    state = TaskState(directory / "state.sqlite3")
    return Log.open(directory / "audit", state, origin=ORIGIN), state


def _compared(directory: Path, told: list[tuple[int, int, bytes, str]]) -> dict[str, Any]:
    walk = Walk(directory / "audit", sizes={size for _, size, _, _ in told})
    records: list[dict[str, Any]] = [json.loads(entry) for group in walk for entry in group.entries]
    lost = [
        seq
        for seq, _, _, decision in told
        if not all(one.get("decision") == decision for one in records[seq : seq + 2])
        or seq + 2 > len(records)
    ]
    counted = [record["task_n"] for record in records if "task_n" in record]
    return {
        "answered": len(told),
        "lost": len(lost),
        "other_roots": sum(walk.roots.get(size) != root for _, size, root, _ in told),
        "numbered": [record["n"] for record in records] == list(range(len(records))),
        "counted": counted == list(range(1, len(records) + 1)),
        "verified": verify(directory / "audit").exit_code,
        "segments": walk.segment + 1,
    }


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
