"""kill -9 in the middle of anything: what was answered is there afterwards."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from safeconduct.audit.log import Log
from safeconduct.audit.reading import read
from safeconduct.audit.verify import verify
from tests.support.logs import ORIGIN, Memory

KILLED_AFTER = (1, 2, 400, 33, 150, 64, 3, 250, 96, 17, 320, 5)  # answers

# Appends with 32 in flight and says what was answered. Its projection keeps its count on disk, as
# the real one does.
PROGRAM = """
import asyncio, sqlite3, sys
from pathlib import Path
from safeconduct.audit import tail
from safeconduct.audit.log import Log

tail.SEGMENT_BYTES = 20_000
directory, run = Path(sys.argv[1]), sys.argv[2]


class Counter:
    def __init__(self):
        self.db = sqlite3.connect(
            directory / "state.db", isolation_level=None, check_same_thread=False
        )
        self.db.execute("PRAGMA journal_mode=WAL")
        self.db.execute("PRAGMA synchronous=NORMAL")
        self.db.execute("CREATE TABLE IF NOT EXISTS record (seq INTEGER PRIMARY KEY, i TEXT)")
        self.begin = lambda: self.db.execute("BEGIN IMMEDIATE")
        self.commit = lambda: self.db.execute("COMMIT")
        self.rollback = lambda: self.db.execute("ROLLBACK")

    def applied(self):
        return self.db.execute("SELECT count(*) FROM record").fetchone()[0]

    def counters(self, record):
        return {}

    def apply(self, seq, record, *, replay):
        self.db.execute("INSERT INTO record VALUES (?, ?)", (seq, record["i"]))


async def main():
    log = Log.open(directory / "audit", Counter(), origin=sys.argv[3])

    async def writer(number):
        i = 0
        while True:
            told = f"{run}.{number}.{i}"
            seq = await log.append({"i": told}, {"i": told})
            print(seq, told, flush=True)
            i += 1

    await asyncio.gather(*(writer(number) for number in range(32)))


asyncio.run(main())
"""


def killed(directory: Path, run: int, after: int) -> dict[int, str]:
    """Runs the program, kills it after that many answers, and returns all that it told."""
    arguments = [sys.executable, "-c", PROGRAM, str(directory), str(run), ORIGIN]
    told: dict[int, str] = {}
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if not line.endswith("\n"):
                break
            seq, text = line.split()
            told[int(seq)] = text
            if len(told) == after:
                os.kill(process.pid, signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL, "it ended by itself"
    return told


@pytest.mark.timeout(120)
def test_nothing_that_was_answered_is_lost(tmp_path: Path) -> None:
    told: dict[int, str] = {}
    for run, after in enumerate(KILLED_AFTER):
        new = killed(tmp_path, run, after)
        assert not told.keys() & new.keys()
        told |= new
        report = verify(tmp_path / "audit")
        assert report.exit_code in {0, 10}  # 10: torn in the middle of a group nobody was told of
        assert all("no whole group" in finding.sentence for finding in report.findings)
        assert report.records > max(told) + 1
    projection = Memory()
    Log.open(tmp_path / "audit", projection, origin=ORIGIN).close()
    assert verify(tmp_path / "audit").exit_code == 0
    records = list(read(tmp_path / "audit"))
    assert [record["n"] for record in records] == list(range(len(records)))
    for seq, text in told.items():
        assert records[seq]["i"] == records[seq + 1]["i"] == text
    assert projection.records == records


@pytest.mark.timeout(600)
@pytest.mark.parametrize(
    "cycles", [25, pytest.param(1000, marks=pytest.mark.debian)], ids=["some", "a thousand"]
)
def test_kill_9_loop_loses_nothing_that_was_answered_and_no_root(
    tmp_path: Path, cycles: int
) -> None:
    arguments = [sys.executable, "-m", "tests.support.mortal", str(tmp_path), str(cycles)]
    ran = subprocess.run(arguments, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    found = json.loads(ran.stdout.splitlines()[-1])
    assert found["answered"] > 5 * cycles
    assert found["segments"] > 2
    assert (found["lost"], found["other_roots"], found["verified"]) == (0, 0, 0)
    assert found["numbered"]
    assert found["counted"]  # and the counters of the task go on where they were
