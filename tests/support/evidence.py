"""A real log with everything in it that can be damaged, and two verifiers that must notice."""

from __future__ import annotations

import asyncio
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from safeconduct.audit import checkpoint, notes, segments, tail
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.notes import Key
from safeconduct.audit.signer import keys
from safeconduct.audit.signer.notary import MEMORY, PUBLIC
from safeconduct.audit.walk import Walk
from safeconduct.cli import main
from safeconduct.core.merkle import Tree
from safeconduct.ports import Sealed
from tests.support.logs import ORIGIN, Memory, opened

ROOT = Path(__file__).parents[2]
STAND_ALONE = ROOT / "scripts" / "verify_log.py"
BEFORE = 6
"""The size of the log when a checkpoint of it was kept."""


class Evidence(NamedTuple):
    """A log of three segments, and what somebody keeps elsewhere: checkpoints and the key."""

    directory: Path
    kept: Path
    newest: Path
    key: str

    def segment(self, number: int) -> Path:
        return segments.path(self.directory, number)

    @property
    def blob(self) -> Path:
        return self.directory / "payload-00000000.blob"


class Said(NamedTuple):
    """What a verifier answers."""

    code: int
    text: str


def sealed(number: int) -> Sealed:
    data = hashlib.shake_128(b"%d" % number).digest(300)
    said = {"bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "commit": "00" * 32}
    return Sealed(data, {**said, "kid": f"k_{number % 2}"})


def calls(first: int, last: int) -> Iterable[list[dict[str, Any]]]:
    for number in range(first, last):
        about = {"decision": f"d_{number}", "task": "t_1", "payload": sealed(number)}
        whose = {"tenant": "crm.example", "agent": "triage", "user": "u_1"}
        yield [{"kind": "decision", "verdict": "permit", **about, **whose}]
        yield [{"kind": "outcome", "status": "ok", **about, "payload": sealed(number + 100)}]


START: dict[str, Any] = {
    "kind": "task",
    "phase": "started",
    "task": "t_1",
    "tenant": "crm.example",
    "agent": {"id": "triage"},
    "user": {"id": "u_1"},
}


def evidence(directory: Path, patch: pytest.MonkeyPatch) -> Evidence:
    """Writes the log: a checkpoint is kept after six records, and one at the end."""
    patch.setattr(tail, "SEGMENT_BYTES", 3000)
    log, kept, newest = directory / "log", directory / "kept", directory / "newest"
    projection = Memory()
    first = [[{"kind": "config"}], [START], *calls(0, 2)]
    append(log, projection, first)
    shutil.copy(log / checkpoint.NAME, kept)
    append(log, projection, calls(2, 10))
    shutil.copy(log / checkpoint.NAME, newest)
    assert len(segments.listing(log)) == 3
    return Evidence(log, kept, newest, (log / PUBLIC).read_text())


def append(directory: Path, projection: Memory, groups: Iterable[Sequence[dict[str, Any]]]) -> None:
    log = opened(directory, projection)

    async def write() -> None:
        for group in groups:
            await log.append(*group)

    try:
        asyncio.run(write())
    finally:
        log.close()


def rewritten(log: Evidence, change: Callable[[list[bytes]], list[bytes]]) -> None:
    """Writes the records anew after a change, as one who has no key: every checksum, trailer and
    header is right, and only the checkpoint, which is left as it is, knows better.
    """
    entries = [entry for group in Walk(log.directory) for entry in group.entries]
    for path in segments.listing(log.directory):
        path.unlink()
    tree = Tree()
    end = tail.Tail(log.directory, ORIGIN, 0, 0)
    for entry in change(entries):
        before = tree.copy()
        tree.extend([entry])
        end.append(segments.group([entry], tree.size, tree.root()), before)
    end.close()


def signed_anew(log: Evidence) -> None:
    """Signs whatever the log holds now, as only one with the log's key can."""
    walk = Walk(log.directory)
    for _ in walk:
        pass
    sign(log, Checkpoint(ORIGIN, walk.tree.size, walk.tree.root()), log.directory / "checkpoint")


def sign(log: Evidence, tree: Checkpoint, path: Path) -> None:
    held = keys.hold(log.directory / keys.NAME, ORIGIN)
    os.close(held.fd)
    path.write_text(f"{tree.text()}\n{notes.sign(tree.text(), held.signer)}")


def replace_key(log: Evidence) -> Key:
    """Another key in the place of the log's."""
    (log.directory / MEMORY).unlink(missing_ok=True)
    keys.create(log.directory / keys.NAME)
    held = keys.hold(log.directory / keys.NAME, ORIGIN)
    os.close(held.fd)
    return held.signer.key


def ours(capsys: pytest.CaptureFixture[str], *words: object) -> Said:
    capsys.readouterr()
    code = main.main(["audit", "verify", *map(str, words)])
    said = capsys.readouterr()
    return Said(code, said.out + said.err)


def theirs(*words: object) -> Said:
    command = [sys.executable, str(STAND_ALONE), *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    return Said(done.returncode, done.stdout + done.stderr)
