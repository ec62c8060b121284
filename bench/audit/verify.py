"""How many records a second `audit verify` verifies, payloads hashed again: by the clock, with as
many processes as it takes itself, and the processor time of all of them.
"""

from __future__ import annotations

import hashlib
import os
import resource
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

from bench import replays
from safeconduct.audit import checkpoint, notes, segments
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.payloads.blobs import Blobs
from safeconduct.audit.records import encode
from safeconduct.audit.signer import keys
from safeconduct.audit.signer.notary import PUBLIC
from safeconduct.audit.tail import Tail
from safeconduct.audit.verify import verify
from safeconduct.core.merkle import Tree
from safeconduct.policy.loading import load
from safeconduct.ports import Sealed

ORIGIN: Final = "bench/audit"
GROUP: Final = 32
TASK_CALLS: Final = 20
ROUNDS: Final = 3


def measure(rows: int) -> dict[str, float]:
    """The best of some rounds over a log of so many records."""
    with tempfile.TemporaryDirectory() as made:
        directory = Path(made)
        write(directory, rows)
        rounds: list[tuple[float, float]] = []
        for _ in range(ROUNDS):
            start, used = time.perf_counter(), processor_s()
            report = verify(directory)
            rounds.append((time.perf_counter() - start, processor_s() - used))
            if report.findings or (report.records, report.payloads) != (rows, rows):
                raise RuntimeError(report.sentence)
    return {
        "verify_records_s": round(rows / min(took for took, _ in rounds)),
        "verify_cpu_us": round(min(used for _, used in rounds) / rows * 1e6, 2),
    }


def processor_s() -> float:
    """Of this process, and of those that it started and that have ended."""
    spent = (resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(one.ru_utime + one.ru_stime for one in spent)


def write(directory: Path, rows: int) -> None:
    """A log of decisions and outcomes as a gateway writes them, signed, with their payloads."""
    tree, end, blobs = Tree(), Tail(directory, ORIGIN, 0, 0), Blobs(directory)
    entries: list[bytes] = []
    for seq, record in enumerate(records(rows)):
        sealed = record.pop("payload")
        entries.append(encode({**record, "n": seq, "payload": blobs.stage(sealed)}))
        if len(entries) == GROUP or seq == rows - 1:
            blobs.flush()
            before = tree.copy()
            tree.extend(entries)
            end.append(segments.group(entries, tree.size, tree.root()), before)
            entries = []
    blobs.close()
    end.close()
    keys.create(directory / keys.NAME)
    held = keys.hold(directory / keys.NAME, ORIGIN)
    os.close(held.fd)
    head = Checkpoint(ORIGIN, tree.size, tree.root())
    checkpoint.store(directory, head, str(notes.sign(head.text(), held.signer)))
    (directory / PUBLIC).write_text(f"{held.signer.key}\n")


def records(rows: int) -> Iterator[dict[str, Any]]:
    """Permits and their outcomes in many tasks, alike but for what tells them apart."""
    written = list(replays.records(load(replays.POLICIES / "rego")))
    calls = [
        (decision, outcome)
        for decision, outcome in zip(written[::2], written[1::2], strict=True)
        if decision["verdict"] == "permit"
    ]
    counted = Counter[object]()
    for number in range(rows // 2 + 1):
        decision, outcome = calls[number % len(calls)]
        agent, user = decision["agent"], decision["user"]
        task = f"t_{number // TASK_CALLS // len(calls) * len(calls) + number % len(calls):024x}"
        for at, record in enumerate((decision, outcome)):
            if 2 * number + at < rows:
                counted[task] += 1
                counted[agent, user] += 1
                yield {
                    **record,
                    "decision": f"d_{number:024x}",
                    "task": task,
                    "task_n": counted[task],
                    "pair_n": counted[agent, user],
                    "payload": sealed(2 * number + at),
                }


def sealed(number: int) -> Sealed:
    """What a payload of some fields takes when it is compressed and encrypted."""
    data = hashlib.shake_128(number.to_bytes(8)).digest(400)
    said = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    return Sealed(data, {**said, "kid": f"k_{number % 64:024x}", "commit": "0" * 64})
