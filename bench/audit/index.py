"""What searching costs: 90 days of calls in the index of weekly files.

Records have every field that the index keeps, and go from their exact bytes on through the code
that a log is indexed by. They are not kept in a log: ten million of two kilobytes are 20 GB. How
often an agent and a user appear follows a power law; one pair has the same 784 records a week
whatever the size, and is what is asked for.
"""

from __future__ import annotations

import os
import platform
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from typing import Any

import orjson

from safeconduct.audit.index.entry import Entries, Entry, place
from safeconduct.audit.index.following import BATCH, Parties
from safeconduct.audit.index.port import Position
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.sqlite import WeeklyIndex
from safeconduct.core.merkle import Tree

TENANT = "crm.example"
AGENTS, USERS, TOOLS = 2_000, 20_000, 200
AGENT = "spiffe://crm.example/agent/wanted"
USER = "u_wanted"
DAYS, WEEK_DAYS = 90, 7
START_MS = 1_790_000_000_000
DAY_MS = 86_400_000
WANTED = 784 * DAYS // WEEK_DAYS
"""Records of the pair that is asked for."""

WARM, COLD = 41, 9
OPEN_TASKS = 200
CALLS = 10
"""Of a task: each is a decision and an outcome."""

_SEGMENT_BYTES = 64 << 20
_RECORD_BYTES = 2_048


def measure(rows: int) -> dict[str, float]:
    with tempfile.TemporaryDirectory(prefix="safeconduct-bench-") as place_:
        directory = Path(place_) / "index"
        started_s, cpu_s = time.perf_counter(), time.process_time()
        index = WeeklyIndex(directory)
        fill(index, rows)
        index.close()
        took_s, cpu_s = time.perf_counter() - started_s, time.process_time() - cpu_s
        size = sum(one.stat().st_size for one in directory.iterdir())
        print(
            f"index of {rows:,} records, {size / 1e6:,.0f} MB: {took_s:,.0f} s, "
            f"{cpu_s / rows * 1e6:.1f} us of CPU a record with making it up; "
            f"{os.cpu_count()} x {platform.machine()}, Python {platform.python_version()}",
            file=sys.stderr,
        )
        return {
            "query_warm_ms": warm(directory),
            "query_cold_ms": median(cold(directory, day) for day in range(1, 1 + 9 * COLD, 9)),
            "row_bytes": size / rows,
        }


def fill(index: WeeklyIndex, rows: int) -> None:
    """Adds records as a log that is followed does."""
    parties = Parties(index)
    entries = Entries(TENANT, parties)
    batch: list[Entry] = []
    for n, data in enumerate(records(rows)):
        segment, offset = divmod(n * _RECORD_BYTES, _SEGMENT_BYTES)
        entry = entries.entry(n, place(segment, offset), orjson.loads(data))
        parties.put(entry.task, entry.party)
        batch.append(entry)
        if len(batch) == BATCH or n == rows - 1:
            nodes = tuple(node.hex() for node in Tree().nodes)
            index.add(
                batch,
                Position(
                    origin="bench", size=n + 1, segment=segment, offset=offset, nodes=nodes,
                    tenant=TENANT,
                ),
            )  # fmt: skip
            batch = []


def records(rows: int) -> Iterator[bytes]:
    """Records of tasks that run beside each other, in the order of their time."""
    chance = random.Random(20_261_121)  # noqa: S311 - chance that can be repeated
    every = rows / (WANTED / (2 * CALLS + 1))  # records between two tasks of the wanted pair
    due = 0.0
    tasks: list[Iterator[dict[str, Any]]] = []
    for n in range(rows):
        if len(tasks) < OPEN_TASKS:
            wanted = n >= due
            due += every if wanted else 0
            tasks.append(task(chance, wanted=wanted))
        at = chance.randrange(len(tasks))
        record = next(tasks[at], None)
        while record is None:
            wanted = n >= due
            due += every if wanted else 0
            tasks[at] = task(chance, wanted=wanted)
            record = next(tasks[at])
        at_ms = START_MS + n * DAYS * DAY_MS // rows
        yield orjson.dumps({**record, "n": n, "at_ms": at_ms}, option=orjson.OPT_SORT_KEYS)


def task(chance: random.Random, *, wanted: bool) -> Iterator[dict[str, Any]]:
    """The records of one."""
    agent = AGENT if wanted else f"spiffe://crm.example/agent/{_rank(chance, AGENTS):04}"
    user = USER if wanted else f"u_{_rank(chance, USERS):016}"
    name = f"t_{chance.getrandbits(96):024x}"
    yield {
        "kind": "task", "phase": "started", "task": name, "tenant": TENANT,
        "agent": {"id": agent}, "user": {"id": user},
    }  # fmt: skip
    for _ in range(CALLS):
        decision = f"d_{chance.getrandbits(96):024x}"
        refused = chance.random() < 0.05
        yield {
            "kind": "decision", "decision": decision, "task": name, "tenant": TENANT,
            "agent": agent, "user": user, "tool": f"crm.tool_{_rank(chance, TOOLS)}",
            "verdict": "deny" if refused else "permit",
            **({"reason": "flow-not-allowed"} if refused else {}),
            "labels": {
                "integrity": chance.choice(("trusted", "untrusted")),
                "confidentiality": chance.choice(("internal", "confidential", "restricted")),
                "categories": chance.choice(([], ["pii"])),
            },
        }  # fmt: skip
        yield {"kind": "outcome", "decision": decision, "task": name, "status": "ok"}


def warm(directory: Path) -> float:
    """Milliseconds of a question in an open index whose files are in memory."""
    index = WeeklyIndex(directory)
    took: list[float] = []
    for day in (day % (DAYS - WEEK_DAYS) for day in range(0, 2 * WARM * 7, 7)):
        started_s = time.perf_counter()
        found = index.find(question(day))
        took.append((time.perf_counter() - started_s) * 1000)
        assert found
    index.close()
    return median(took[WARM:])


def cold(directory: Path, day: int) -> float:
    """Milliseconds of a question in a new process, with nothing of the files in memory."""
    for path in directory.iterdir():
        fd = os.open(path, os.O_RDONLY)
        os.fsync(fd)
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(fd)
    command = [sys.executable, "-m", "bench.audit.index", str(directory), str(day)]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def question(day: int) -> Query:
    since_ms = START_MS + day * DAY_MS
    until_ms = since_ms + WEEK_DAYS * DAY_MS
    return Query(tenant=TENANT, agent=AGENT, user=USER, since_ms=since_ms, until_ms=until_ms)


def _rank(chance: random.Random, count: int) -> int:
    return int(count ** chance.random())


if __name__ == "__main__":
    begun_s = time.perf_counter()
    assert WeeklyIndex(Path(sys.argv[1])).find(question(int(sys.argv[2])))
    print((time.perf_counter() - begun_s) * 1000)
