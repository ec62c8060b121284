from __future__ import annotations

import asyncio
import base64
import os
import stat
import threading
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from safeconduct.audit import writer
from safeconduct.audit.faults import LogFault
from safeconduct.audit.log import Log
from safeconduct.audit.reading import read
from safeconduct.audit.verify import verify
from safeconduct.core.canonical import NotCanonical
from safeconduct.core.merkle import EMPTY_ROOT
from safeconduct.ports import Ledger, LedgerConflict, RecordTooLarge
from safeconduct.ports import Projection as ProjectionPort
from tests.support.logs import ORIGIN, Memory, opened


@pytest.fixture
def projection() -> Memory:
    return Memory()


@pytest.fixture
async def log(tmp_path: Path, projection: Memory) -> AsyncIterator[Log]:
    made = opened(tmp_path, projection)
    yield made
    made.close()


def test_it_is_what_the_page_asks_for(projection: Memory) -> None:
    port: ProjectionPort = projection
    ledger: type[Ledger] = Log
    assert (port, ledger) == (projection, Log)


async def test_a_new_log_is_empty_and_says_so(log: Log, tmp_path: Path) -> None:
    assert (log.size, log.root) == (0, EMPTY_ROOT)
    assert (tmp_path / "checkpoint").read_text().startswith(f"{ORIGIN}\n0\n47DEQpj8HBSa+/TImW+5")


async def test_what_is_answered_is_durable_and_applied(
    log: Log, projection: Memory, tmp_path: Path
) -> None:
    assert await log.append({"kind": "task", "task": "t_1"}) == 0
    assert await log.append({"kind": "config"}, {"kind": "pin"}) == 1
    assert await log.append({"kind": "revocation"}) == 3
    assert [record["kind"] for record in read(tmp_path)] == ["task", "config", "pin", "revocation"]
    assert projection.applied() == log.size == 4
    assert verify(tmp_path).root == log.root.hex()


async def test_64_writers_do_not_fork_the_log(log: Log, tmp_path: Path) -> None:
    async def writer(number: int) -> list[int]:
        return [await log.append({"w": number, "i": i}, {"w": number, "i": i}) for i in range(25)]

    firsts = await asyncio.gather(*(writer(number) for number in range(64)))
    assert sorted(seq for seqs in firsts for seq in seqs) == list(range(0, 64 * 25 * 2, 2))
    records = list(read(tmp_path))
    for number, seqs in enumerate(firsts):
        for i, seq in enumerate(seqs):
            assert records[seq] == {"w": number, "i": i, "n": seq}
            assert records[seq + 1] == {"w": number, "i": i, "n": seq + 1}
    report = verify(tmp_path)
    assert (report.exit_code, report.records, report.root) == (0, 3200, log.root.hex())


async def test_what_is_in_flight_together_shares_a_flush(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    flushes: list[int] = []
    monkeypatch.setattr("safeconduct.audit.tail.flush", flushes.append)
    await asyncio.gather(*(log.append({"i": i}) for i in range(500)))
    assert len(flushes) < 50


async def test_a_group_has_an_end(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer, "_MAX_GROUP", 3)
    firsts = await asyncio.gather(*(log.append({"i": i}) for i in range(20)))
    assert sorted(firsts) == list(range(20))


async def test_each_caller_gets_the_answer_to_its_own(log: Log, projection: Memory) -> None:
    answers = await asyncio.gather(
        log.append({"i": 0}),
        log.append({"conflict": "budget"}),
        log.append({"i": 1.5}),
        log.append({"text": "x" * 8192}),
        log.append({"crash": "disk"}),
        log.append({"i": 1}, {"conflict": "count"}),
        log.append({"i": 2}),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [
        int,
        LedgerConflict,
        NotCanonical,
        RecordTooLarge,
        LogFault,
        LedgerConflict,
        int,
    ]
    assert [record["i"] for record in projection.records] == [0, 2]


async def test_an_append_of_nothing_is_a_mistake(log: Log) -> None:
    with pytest.raises(ValueError, match="no record"):
        await log.append()


async def test_a_caller_that_gives_up_leaves_the_others_alone(log: Log, projection: Memory) -> None:
    impatient = asyncio.ensure_future(log.append({"who": "impatient"}))
    patient = asyncio.ensure_future(log.append({"who": "patient"}))
    await asyncio.sleep(0)  # both are queued, and nothing is written
    assert projection.applied() == 0
    impatient.cancel()
    assert await patient == 1
    with pytest.raises(asyncio.CancelledError):
        await impatient
    assert [record["who"] for record in projection.records] == ["impatient", "patient"]


def test_several_event_loops_may_append(tmp_path: Path) -> None:
    log = opened(tmp_path)
    seqs: list[int] = []

    async def some() -> None:
        seqs.extend(await asyncio.gather(*(log.append({"i": i}) for i in range(50))))

    threads = [threading.Thread(target=asyncio.run, args=(some(),)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log.close()
    assert sorted(seqs) == list(range(200))


async def test_closing_answers_what_is_queued_and_writes_the_checkpoint(tmp_path: Path) -> None:
    log = opened(tmp_path)
    waiting = [asyncio.ensure_future(log.append({"i": i})) for i in range(100)]
    await asyncio.wait(waiting, timeout=0)
    log.close()
    assert sorted(await asyncio.gather(*waiting)) == list(range(100))
    root = base64.b64encode(log.root).decode()
    note = (tmp_path / "checkpoint").read_text()
    assert note.startswith(f"{ORIGIN}\n100\n{root}\n\n\u2014 {ORIGIN} ")


async def test_a_closed_log_refuses(tmp_path: Path) -> None:
    log = opened(tmp_path)
    log.close()
    log.close()
    with pytest.raises(LogFault) as caught:
        await log.append({"i": 1})
    assert caught.value.code == "closed"


async def test_a_log_goes_on_where_it_was_closed(tmp_path: Path, projection: Memory) -> None:
    for start in range(0, 9, 3):
        log = opened(tmp_path, projection)
        assert log.size == start
        for i in range(3):
            assert await log.append({"i": start + i}) == start + i
        log.close()
    assert [record["i"] for record in read(tmp_path)] == list(range(9))
    assert projection.replayed == []


async def test_a_new_projection_sees_all_that_was(tmp_path: Path, projection: Memory) -> None:
    log = opened(tmp_path, projection)
    await log.append({"i": 1}, {"i": 2})
    log.close()
    fresh = Memory()
    opened(tmp_path, fresh).close()
    assert fresh.records == projection.records
    assert fresh.replayed == [0, 1]


async def test_a_log_is_open_once(log: Log, tmp_path: Path) -> None:
    with pytest.raises(LogFault) as caught:
        opened(tmp_path)
    assert caught.value.code == "busy"
    assert await log.append({"i": 1}) == 0


def test_an_opening_that_fails_lets_go_of_the_log(tmp_path: Path) -> None:
    opened(tmp_path).close()
    ahead = Memory()
    ahead.begin()
    ahead.apply(0, {"n": 0}, replay=False)
    ahead.commit()
    with pytest.raises(LogFault) as caught:
        opened(tmp_path, ahead)
    assert caught.value.code == "truncated"
    opened(tmp_path).close()


@pytest.mark.parametrize("origin", ["", "two words", "line\nbreak"])
def test_a_log_needs_a_name_that_fits_its_checkpoint(tmp_path: Path, origin: str) -> None:
    with pytest.raises(ValueError, match="cannot be the name of a log"):
        Log.open(tmp_path, Memory(), origin=origin)


async def test_only_the_owner_reads_what_is_recorded(tmp_path: Path) -> None:
    directory = tmp_path / "state" / "audit"
    before = os.umask(0)
    try:
        log = opened(directory)
        await log.append({"i": 1})
        log.close()
    finally:
        os.umask(before)
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir()} == {0o600}
