"""Many writers of one log, in one process and in several: one order, one tree, no fork."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from contextlib import ExitStack
from pathlib import Path

import pytest

from safeconduct.audit.faults import LogFault
from safeconduct.audit.reading import read
from safeconduct.audit.verify import verify
from tests.support.logs import opened

WRITERS = 64
RECORDS = 20
OPENERS = 6


def test_no_fork_under_64_writers_in_threads_with_loops_of_their_own(tmp_path: Path) -> None:
    log = opened(tmp_path)
    start = threading.Barrier(WRITERS)
    answers: dict[int, list[int]] = {}
    roots: dict[int, bytes] = {}

    async def write(number: int) -> list[int]:
        seqs: list[int] = []
        for i in range(RECORDS):
            seqs.append(await log.append({"w": number, "i": i}, {"w": number, "i": i}))
            size, root, again = log.size, log.root, log.size
            if size == again:
                assert roots.setdefault(size, root) == root  # one root for each size
        return seqs

    def run(number: int) -> None:
        start.wait()
        answers[number] = asyncio.run(write(number))

    threads = [threading.Thread(target=run, args=(number,)) for number in range(WRITERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert sorted(seq for seqs in answers.values() for seq in seqs) == list(
        range(0, WRITERS * RECORDS * 2, 2)
    )
    records = list(read(tmp_path))
    for number, seqs in answers.items():
        assert seqs == sorted(seqs)
        for i, seq in enumerate(seqs):
            assert records[seq] == {"w": number, "i": i, "n": seq}
            assert records[seq + 1] == {"w": number, "i": i, "n": seq + 1}
    report = verify(tmp_path)
    assert (report.exit_code, report.records) == (0, len(records))
    assert report.root == log.root.hex()


@pytest.mark.timeout(120)
def test_of_many_processes_that_open_a_log_one_writes_and_all_others_are_refused(
    tmp_path: Path,
) -> None:
    arguments = [sys.executable, "-m", "tests.support.opener", str(tmp_path), str(WRITERS)]
    with ExitStack() as held:
        openers = [
            held.enter_context(
                subprocess.Popen(
                    arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
            )
            for _ in range(OPENERS)
        ]
        told = [(one.stdin, one.stdout) for one in openers]
        for _, says in told:
            assert says is not None
            assert says.readline() == "ready\n"
        for hears, _ in told:
            assert hears is not None
            hears.write("go\n")
            hears.flush()
        said = [says.readline().strip() for _, says in told if says is not None]
        assert sorted(said) == ["busy"] * (OPENERS - 1) + ["wrote"]
        assert verify(tmp_path).records == WRITERS
    assert [one.returncode for one in openers] == [0] * OPENERS
    assert verify(tmp_path).exit_code == 0


def test_two_openers_in_one_process_the_second_is_refused_until_the_first_closes(
    tmp_path: Path,
) -> None:
    first = opened(tmp_path)
    with pytest.raises(LogFault) as caught:
        opened(tmp_path)
    assert caught.value.code == "busy"
    assert asyncio.run(first.append({"kind": "config"})) == 0
    first.close()
    opened(tmp_path).close()
