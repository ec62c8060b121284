"""Who writes: the event loop while the disk is quick, a thread while it is not."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.audit import writer
from safeconduct.audit.faults import LogFault
from safeconduct.audit.log import Log
from safeconduct.audit.pace import PAUSE_S
from safeconduct.audit.reading import read
from tests.support.disks import QUICK_S, SLOW_S, Disk
from tests.support.logs import Memory, opened

LOOP = "MainThread"
THREAD = "safeconduct-audit"


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk(monkeypatch)


@pytest.fixture
async def log(tmp_path: Path, disk: Disk) -> AsyncIterator[Log]:
    """A log with one record in it, which the event loop wrote."""
    made = opened(tmp_path)
    await made.append({"i": 0})
    assert set(disk.threads) == {LOOP}
    disk.threads.clear()
    yield made
    disk.let_go.set()
    made.close()


async def slowed(log: Log, disk: Disk) -> None:
    """One slow flush, in the event loop."""
    disk.takes_s = SLOW_S
    await log.append({"i": "slow"})
    assert disk.threads == [LOOP]
    disk.threads.clear()


async def together(log: Log, count: int) -> None:
    """One group of so many."""
    await asyncio.gather(*(log.append({"i": i}) for i in range(count)))


async def turns() -> None:
    """Lets everybody do what is ready, and what that leads to."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_a_quick_disk_is_written_by_the_event_loop(log: Log, disk: Disk) -> None:
    for i in range(10):
        await log.append({"i": i})
    assert disk.threads == [LOOP] * 10


async def test_what_is_ready_at_once_is_one_group(log: Log, disk: Disk) -> None:
    await asyncio.gather(*(log.append({"i": i}) for i in range(50)))
    assert disk.threads == [LOOP]


async def test_after_a_group_the_next_one_is_waited_for(
    log: Log, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_GATHER_S", 3600.0)
    monkeypatch.setattr(writer, "_GATHER_MAX_S", 3600.0)
    await together(log, 3)
    early = asyncio.ensure_future(log.append({"i": 3}))
    await turns()
    late = asyncio.ensure_future(log.append({"i": 4}))
    await turns()
    assert disk.threads == [LOOP]
    monkeypatch.setattr(writer, "_GATHER_S", 0.0)
    log.close()
    assert (await early, await late) == (4, 5)


async def waits_for_more(log: Log, disk: Disk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread has written a group of two, and waits for ever until there are enough."""
    monkeypatch.setattr(writer, "_GATHER_S", 3600.0)
    monkeypatch.setattr(writer, "_GATHER_MAX_S", 3600.0)
    await slowed(log, disk)
    disk.hangs = True
    first = asyncio.ensure_future(log.append({"i": 1}))
    assert await asyncio.to_thread(disk.arrived.wait, 30)
    two = [asyncio.ensure_future(log.append({"i": i})) for i in (2, 3)]
    await asyncio.sleep(0)
    disk.hangs = False
    disk.let_go.set()
    await asyncio.gather(first, *two)
    assert disk.threads == [THREAD] * 2
    disk.threads.clear()


async def fills_up(log: Log, disk: Disk, enough: int) -> None:
    """That so many appends wait for each other, and for no more."""
    disk.threads.clear()
    first = log.size
    some = [asyncio.ensure_future(log.append({"i": i})) for i in range(enough - 1)]
    await turns()
    assert disk.threads == []
    assert await log.append({"i": "the last"}) == first + enough - 1
    assert disk.threads == [LOOP]
    assert await asyncio.gather(*some) == list(range(first, first + enough - 1))


async def test_as_many_as_came_together_wait_for_no_more(
    log: Log, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_GATHER_S", 3600.0)
    monkeypatch.setattr(writer, "_GATHER_MAX_S", 3600.0)
    await together(log, 5)
    for _ in range(3):
        await fills_up(log, disk, 5)


async def test_how_many_came_together_is_forgotten_by_and_by(
    log: Log, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_GATHER_S", 0.0)
    monkeypatch.setattr(writer, "_GATHER_MAX_S", 3600.0)
    await together(log, 8)
    for i in range(3):
        await log.append({"i": i})
    monkeypatch.setattr(writer, "_GATHER_S", 3600.0)
    await together(log, 2)
    await fills_up(log, disk, 5)


async def test_enough_are_written_by_the_event_loop_without_waiting_for_more(
    log: Log, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_GATHER_S", 3600.0)
    monkeypatch.setattr(writer, "_GATHER_MAX_S", 3600.0)
    monkeypatch.setattr(writer, "_ENOUGH", 3)
    await together(log, 5)
    await fills_up(log, disk, 3)


async def test_enough_are_written_by_the_thread_without_waiting_for_more(
    log: Log, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await waits_for_more(log, disk, monkeypatch)
    answers = await asyncio.gather(*(log.append({"i": i}) for i in range(2)))
    assert answers == [5, 6]
    assert disk.threads == [THREAD]


async def test_closing_waits_for_no_more(
    log: Log, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    await waits_for_more(log, disk, monkeypatch)
    late = asyncio.ensure_future(log.append({"i": 4}))
    await asyncio.sleep(0)
    await asyncio.to_thread(log.close)
    assert await late == 5


async def test_the_first_slow_flush_is_the_last_one_in_the_event_loop(log: Log, disk: Disk) -> None:
    await slowed(log, disk)
    for i in range(5):
        await log.append({"i": i})
    assert disk.threads == [THREAD] * 5


async def test_the_event_loop_lives_while_a_slow_disk_hangs(log: Log, disk: Disk) -> None:
    await slowed(log, disk)
    disk.hangs = True
    waiting = asyncio.ensure_future(log.append({"i": "hung"}))
    assert await asyncio.to_thread(disk.arrived.wait, 30)
    others = [asyncio.ensure_future(log.append({"i": i})) for i in range(3)]
    await asyncio.sleep(0)
    assert not waiting.done()
    assert log.size == 2
    disk.let_go.set()
    assert [await waiting, *await asyncio.gather(*others)] == [2, 3, 4, 5]
    assert set(disk.threads) == {THREAD}


async def test_when_the_disk_is_quick_again_the_event_loop_writes_again(
    log: Log, disk: Disk
) -> None:
    await slowed(log, disk)
    disk.takes_s = QUICK_S
    await log.append({"i": "too early"})
    disk.now_s += PAUSE_S
    await log.append({"i": "the last in the thread"})
    await log.append({"i": "back"})
    assert disk.threads == [THREAD, THREAD, LOOP]


async def test_no_append_overtakes_another_when_the_writer_changes(
    log: Log, disk: Disk, tmp_path: Path
) -> None:
    asked: list[asyncio.Future[int]] = []
    for turn in range(40):
        disk.takes_s = SLOW_S if turn % 4 == 0 else QUICK_S
        if turn % 4 == 2:
            disk.now_s += 100.0
        for _ in range(3):
            asked.append(asyncio.ensure_future(log.append({"i": len(asked)})))
            await asyncio.sleep(0)
    assert await asyncio.gather(*asked) == list(range(1, 121))
    assert [record["i"] for record in read(tmp_path)][1:] == list(range(120))
    assert set(disk.threads) == {LOOP, THREAD}


async def test_what_was_queued_behind_a_hanging_flush_goes_back_to_the_event_loop(
    log: Log, disk: Disk
) -> None:
    await slowed(log, disk)
    disk.takes_s, disk.hangs = QUICK_S, True
    disk.now_s += PAUSE_S
    first = asyncio.ensure_future(log.append({"i": 1}))
    assert await asyncio.to_thread(disk.arrived.wait, 30)
    second = asyncio.ensure_future(log.append({"i": 2}))
    await asyncio.sleep(0)
    disk.hangs = False
    disk.let_go.set()
    assert (await first, await second) == (2, 3)
    assert disk.threads == [THREAD, LOOP]


async def test_a_group_that_is_too_large_is_written_in_several(
    log: Log, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(writer, "_MAX_GROUP", 3)
    assert await asyncio.gather(*(log.append({"i": i}) for i in range(8))) == list(range(1, 9))
    assert disk.threads == [LOOP] * 3


async def test_closing_writes_what_is_queued(log: Log, disk: Disk) -> None:
    waiting = [asyncio.ensure_future(log.append({"i": i})) for i in range(3)]
    await asyncio.sleep(0)
    log.close()
    assert disk.threads == [THREAD]
    assert await asyncio.gather(*waiting) == [1, 2, 3]
    with pytest.raises(LogFault, match="closed"):
        await log.append({"i": 4})


async def test_closing_waits_for_a_hanging_flush(log: Log, disk: Disk) -> None:
    await slowed(log, disk)
    disk.hangs = True
    waiting = asyncio.ensure_future(log.append({"i": "hung"}))
    assert await asyncio.to_thread(disk.arrived.wait, 30)
    closing = asyncio.ensure_future(asyncio.to_thread(log.close))
    disk.let_go.set()
    await closing
    assert await waiting == 2
    assert log.size == 3


def test_a_loop_that_ended_does_not_take_its_appends_along(tmp_path: Path, disk: Disk) -> None:
    projection = Memory()
    log = opened(tmp_path, projection)
    ended = asyncio.new_event_loop()

    left = ended.create_task(log.append({"i": 1}))
    ended.call_soon(ended.stop)  # before it comes to write
    ended.run_forever()
    ended.close()
    assert not left.done()
    assert projection.records == []
    assert asyncio.run(log.append({"i": 2})) == log.size - 1
    log.close()
    assert [record["i"] for record in projection.records] == [1, 2]


def test_a_loop_that_ends_while_the_thread_writes_is_not_waited_for(
    tmp_path: Path, disk: Disk
) -> None:
    log = opened(tmp_path)
    disk.takes_s = SLOW_S
    asyncio.run(log.append({"i": 0}))

    async def leave() -> None:
        disk.hangs = True
        left_behind = asyncio.ensure_future(log.append({"i": 1}))
        assert await asyncio.to_thread(disk.arrived.wait, 30)
        left_behind.cancel()

    asyncio.run(leave())
    disk.hangs = False
    disk.let_go.set()
    assert asyncio.run(log.append({"i": 2})) == 2
    log.close()


def test_another_loop_appends_while_one_writes(
    tmp_path: Path, disk: Disk, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = opened(tmp_path)
    disk.hangs = True
    answers: list[int] = []
    queued = threading.Event()
    add = writer.Writer.add

    def added(self: writer.Writer, records: tuple[dict[str, Any], ...]) -> asyncio.Future[int]:
        future = add(self, records)
        if disk.arrived.is_set():
            queued.set()
        return future

    def append(name: str) -> None:
        answers.append(asyncio.run(log.append({"i": name})))

    monkeypatch.setattr(writer.Writer, "add", added)
    one, other = (
        threading.Thread(target=append, args=(name,), name=name) for name in ("one", "other")
    )
    one.start()
    assert disk.arrived.wait(30)
    other.start()
    assert queued.wait(30)
    disk.hangs = False
    disk.let_go.set()
    one.join()
    other.join()
    log.close()
    assert sorted(answers) == [0, 1]
    assert disk.threads[-2:] == ["one", "other"]
