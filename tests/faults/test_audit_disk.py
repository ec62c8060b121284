"""A disk that is full, fails, or is changed behind the log's back: the gate stays closed."""

from __future__ import annotations

import asyncio
import errno
import os
import resource
import shutil
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from safeconduct.audit import segments, tail
from safeconduct.audit.faults import LogFault
from safeconduct.audit.flush import flush
from safeconduct.audit.log import Log
from safeconduct.audit.reading import read
from safeconduct.audit.reserve import RESERVE_BYTES
from safeconduct.audit.verify import verify
from tests.support.disks import SLOW_S, Disk
from tests.support.logs import Memory, opened, outcome, permit

TEXT = "x" * 4000
TOLD = 2  # records that say when the disk was full, and when no more


class Room:
    """An open log with one record in it."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.projection = Memory()
        self.log: Log = opened(directory, self.projection)
        self.segment = segments.path(directory, 0)

    def written(self) -> bytes:
        """The segment without the room that is kept for the next groups."""
        fd = os.open(self.segment, os.O_RDONLY)
        try:
            return os.pread(fd, segments.without_zeros(fd, 0, os.fstat(fd).st_size), 0)
        finally:
            os.close(fd)

    async def refuses(self, *, then: str) -> LogFault:
        """What is appended is not recorded; `then` says whether the log goes on after that."""
        size = self.log.size
        with pytest.raises(LogFault) as caught:
            await self.log.append({"kind": "lost"})
        assert self.log.size == size == self.projection.applied()
        assert len(self.projection.records) == size
        if then == "ends":
            with pytest.raises(LogFault):
                await self.log.append({"kind": "also lost"})
        else:
            assert await self.log.append({"kind": "kept"}) == size
        return caught.value

    async def reopened(self, size: int) -> None:
        """A new process finds exactly what was answered, and can go on."""
        self.log.close()
        self.log = opened(self.directory, self.projection)
        assert self.log.size == size
        assert await self.log.append({"kind": "after"}) == size
        assert [record["n"] for record in read(self.directory)] == list(range(size + 1))
        assert list(read(self.directory)) == self.projection.records
        assert verify(self.directory).exit_code == 0


@pytest.fixture
async def room(tmp_path: Path) -> AsyncIterator[Room]:
    made = Room(tmp_path / "audit")
    await made.log.append({"kind": "task"})
    yield made
    made.log.close()


def failing(code: int) -> Callable[..., Any]:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    return fail


@contextmanager
def largest_file(size: int) -> Generator[None]:
    """No file grows beyond that many bytes: a disk without room, as the kernel tells of it."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


async def test_on_a_full_disk_nothing_is_recorded_and_nothing_recorded_is_lost(room: Room) -> None:
    answered = [0]
    with largest_file(64 * 1024):
        fault = None
        while fault is None:
            try:
                answered.append(await room.log.append({"text": TEXT}))
            except LogFault as error:
                fault = error
        assert fault.code == "full"
        again = await asyncio.gather(
            *(room.log.append({"text": TEXT}) for _ in range(8)), return_exceptions=True
        )
        assert {type(answer) for answer in again} == {LogFault}
    assert answered == list(range(len(answered)))
    assert verify(room.directory).records == len(answered) == room.projection.applied()
    assert await room.log.append({"text": TEXT}) == len(answered) + TOLD
    await room.reopened(len(answered) + TOLD + 1)


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
async def test_a_write_without_room_leaves_nothing_behind(
    room: Room, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    before = room.written()
    with monkeypatch.context() as patch:
        patch.setattr("safeconduct.audit.tail.os.pwrite", failing(code))
        with pytest.raises(LogFault) as caught:
            await room.log.append({"kind": "lost"})
    assert caught.value.code == "full"
    assert room.written() == before
    assert await room.log.append({"kind": "kept"}) == 1 + TOLD
    await room.reopened(2 + TOLD)


class Dying:
    """A disk without room: what was reserved is all there is, until some is freed."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, room: Room) -> None:
        self.reserved = room.directory / "reserve"
        self.free = False
        self._write, self._allocate = os.pwrite, os.posix_fallocate
        monkeypatch.setattr("safeconduct.audit.tail.os.pwrite", self._pwrite)
        monkeypatch.setattr("safeconduct.audit.reserve.os.posix_fallocate", self._fallocate)

    def _pwrite(self, fd: int, data: memoryview, offset: int) -> int:
        if self.reserved.exists() and not self.free:
            raise OSError(errno.ENOSPC, "full")
        return self._write(fd, data, offset)

    def _fallocate(self, fd: int, offset: int, length: int) -> None:
        if not self.free:
            raise OSError(errno.ENOSPC, "full")
        self._allocate(fd, offset, length)


async def test_enospc_a_log_without_room_takes_what_becomes_of_running_calls_and_nothing_new(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (room.directory / "reserve").stat().st_size == RESERVE_BYTES
    await room.log.append(permit("d_1"), permit("d_2"))
    disk = Dying(monkeypatch, room)
    new, nothing = permit("d_3"), cast("dict[str, str]", 7)
    answers = await asyncio.gather(
        room.log.append(new),
        room.log.append({"kind": "memory"}, outcome("d_1")),
        room.log.append({"kind": "revocation", "what": "agent"}),
        room.log.append({"kind": "memory"}, new),
        room.log.append(nothing),
        room.log.append({"kind": "task", "task": "t_2"}),
        return_exceptions=True,
    )
    codes = [answer.code if isinstance(answer, LogFault) else type(answer) for answer in answers]
    assert codes == ["full", int, int, "full", TypeError, "full"]
    assert (answers[1], answers[2]) == (4, 6)
    for lost in (new, nothing):
        with pytest.raises(LogFault, match="no space is left"):
            await room.log.append(lost)
    assert await room.log.append(outcome("d_2")) == 7
    disk.free = True
    assert await room.log.append(permit("d_4"), outcome("d_4")) == 9
    kinds = [record["kind"] for record in read(room.directory)]
    assert kinds == [
        "task", "decision", "decision", "audit.full", "memory", "outcome", "revocation", "outcome",
        "audit.full", "decision", "outcome",
    ]  # fmt: skip
    began, ended = (record for record in read(room.directory) if record["kind"] == "audit.full")
    assert (began["phase"], ended["phase"], ended["refused"]) == ("began", "ended", 5)
    assert began["at_ms"] <= ended["at_ms"]
    assert (room.directory / "reserve").stat().st_size == RESERVE_BYTES
    await room.reopened(11)


async def test_enospc_what_is_too_large_for_the_reserve_takes_nothing_else_along(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    disk = Dying(monkeypatch, room)
    write = os.pwrite

    def only_small(fd: int, data: memoryview, offset: int) -> int:
        if b"large" in bytes(data):
            raise OSError(errno.ENOSPC, "full")
        return write(fd, data, offset)

    monkeypatch.setattr("safeconduct.audit.tail.os.pwrite", only_small)
    answers = await asyncio.gather(
        room.log.append(outcome("d_1", "large")),
        room.log.append(outcome("d_2")),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [LogFault, int]
    disk.free = True
    await room.log.append(permit("d_3"))
    assert list(read(room.directory))[-2]["refused"] == 1


async def test_enospc_a_log_does_not_open_without_its_reserve(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.log.close()
    assert not (room.directory / "reserve").exists()
    with monkeypatch.context() as patch:
        patch.setattr("safeconduct.audit.reserve.os.posix_fallocate", failing(errno.ENOSPC))
        with pytest.raises(LogFault) as caught:
            opened(room.directory, room.projection)
        assert caught.value.code == "full"
        patch.setattr("safeconduct.audit.reserve.os.posix_fallocate", failing(errno.EIO))
        with pytest.raises(OSError, match="Input/output error"):
            opened(room.directory, room.projection)
    await room.reopened(1)


async def test_enospc_a_reserve_that_is_gone_is_no_help_and_no_harm(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("safeconduct.audit.tail.os.pwrite", failing(errno.ENOSPC))
        patch.setattr("safeconduct.audit.reserve.os.open", failing(errno.EROFS))
        patch.setattr(Path, "unlink", failing(errno.EROFS))
        for _ in range(2):
            with pytest.raises(LogFault) as caught:
                await room.log.append(outcome("d_1"))
            assert caught.value.code == "full"
    assert await room.log.append({"kind": "kept"}) == 1 + TOLD
    await room.reopened(2 + TOLD)


async def test_half_a_write_is_taken_back(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    before = room.written()
    write = os.pwrite
    calls: list[int] = []

    def half_then_full(fd: int, data: memoryview, offset: int) -> int:
        calls.append(len(data))
        if len(calls) > 1:
            raise OSError(errno.ENOSPC, "full")
        return write(fd, data[: len(data) // 2], offset)

    with monkeypatch.context() as patch:
        patch.setattr("safeconduct.audit.tail.os.pwrite", half_then_full)
        with pytest.raises(LogFault):
            await room.log.append({"kind": "lost"})
    assert len(calls) == 3  # in the end also what the log has to say of it
    assert room.written() == before
    await room.reopened(1)


async def test_a_write_in_pieces_is_whole(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    write = os.pwrite

    def seven_bytes(fd: int, data: memoryview, offset: int) -> int:
        return write(fd, data[:7], offset)

    with monkeypatch.context() as patch:
        patch.setattr("safeconduct.audit.tail.os.pwrite", seven_bytes)
        assert await room.log.append({"kind": "kept"}) == 1
    await room.reopened(2)


@pytest.mark.parametrize("what", ["open", "pwrite"])
async def test_no_room_for_a_new_segment_leaves_none_behind(
    room: Room, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 1)
    with monkeypatch.context() as patch:
        patch.setattr(f"safeconduct.audit.tail.os.{what}", failing(errno.ENOSPC))
        with pytest.raises(LogFault) as caught:
            await room.log.append({"kind": "lost"})
    assert caught.value.code == "full"
    assert segments.listing(room.directory) == [room.segment]
    assert await room.log.append({"kind": "kept"}) == 1 + TOLD
    await room.reopened(2 + TOLD)


@pytest.mark.parametrize("code", [errno.EIO, errno.EROFS], ids=["EIO", "read-only remount"])
async def test_a_disk_that_fails_to_write_ends_the_log(
    room: Room, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("safeconduct.audit.tail.os.pwrite", failing(code))
        assert (await room.refuses(then="ends")).code == "io"
    assert (await room.refuses(then="ends")).code == "io"  # nothing is tried again
    await room.reopened(1)


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
async def test_a_flush_that_fails_is_never_repeated(
    room: Room, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    before = room.written()
    with monkeypatch.context() as patch:
        patch.setattr(tail, "flush", failing(code))
        assert (await room.refuses(then="ends")).code == "io"
    flushed: list[int] = []
    monkeypatch.setattr(tail, "flush", flushed.append)
    await room.refuses(then="ends")
    assert flushed == []
    assert room.written() == before
    monkeypatch.undo()
    await room.reopened(1)


async def test_eio_on_fsync_has_the_last_group_written_anew_when_the_log_is_opened(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The system takes for clean what a failed flush has left, so that flushing it is no help."""
    await room.log.append({"kind": "first"}, {"kind": "first"})
    last = len(room.written())
    with monkeypatch.context() as patch:
        patch.setattr(tail, "flush", failing(errno.EIO))
        patch.setattr("safeconduct.audit.tail.os.ftruncate", failing(errno.EIO))
        assert (await room.refuses(then="ends")).code == "io"
        room.log.close()
    done: list[tuple[int, bytes]] = []
    write = os.pwrite

    def written(fd: int, data: memoryview, offset: int) -> int:
        done.append((offset, bytes(data)))
        return write(fd, data, offset)

    def flushed(fd: int) -> None:
        done.append((-1, b""))
        flush(fd)

    monkeypatch.setattr("safeconduct.audit.tail.os.pwrite", written)
    monkeypatch.setattr(tail, "flush", flushed)
    whole = room.written()
    room.log = opened(room.directory, room.projection)
    assert done == [(last, whole[last:]), (-1, b"")]
    assert room.log.size == 4
    await room.reopened(4)


async def test_a_write_that_cannot_be_taken_back_ends_the_log(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("safeconduct.audit.tail.os.pwrite", failing(errno.ENOSPC))
        patch.setattr("safeconduct.audit.tail.os.ftruncate", failing(errno.EIO))
        assert (await room.refuses(then="ends")).code == "io"
    await room.reopened(1)


async def test_a_directory_that_cannot_be_flushed_ends_the_log(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 1)
    with monkeypatch.context() as patch:
        patch.setattr(tail, "flush_directory", failing(errno.EIO))
        assert (await room.refuses(then="ends")).code == "io"
    # The group itself was flushed: nobody was told, but it is there, and so it counts.
    await room.reopened(2)


def remove(room: Room) -> None:
    room.segment.unlink()


def replace(room: Room) -> None:
    copy = room.directory / "copy"
    shutil.copy(room.segment, copy)
    copy.replace(room.segment)


def move_away(room: Room) -> None:
    room.segment.rename(room.directory / "elsewhere")


def move_directory_away(room: Room) -> None:
    room.directory.rename(room.directory.with_name("elsewhere"))


def empty(room: Room) -> None:
    os.truncate(room.segment, 0)


def append_to(room: Room) -> None:
    with room.segment.open("ab") as file:
        file.write(b"x" * 10_000)


@pytest.mark.parametrize(
    "change", [remove, replace, move_away, move_directory_away, empty, append_to]
)
async def test_a_file_that_is_changed_while_it_is_open_ends_the_log(
    room: Room, change: Callable[[Room], None]
) -> None:
    change(room)
    # The signer reads the file too, and may be the first to see it.
    assert (await room.refuses(then="ends")).code in {"io", "edited", "truncated"}


@pytest.mark.parametrize("writes", ["the event loop", "a thread"])
async def test_nothing_is_answered_or_committed_before_it_is_flushed(
    room: Room, monkeypatch: pytest.MonkeyPatch, writes: str
) -> None:
    disk = Disk(monkeypatch)
    if writes == "a thread":
        disk.takes_s = SLOW_S
        await room.log.append({"kind": "slow"})
    size = room.log.size
    seen: list[tuple[bool, int, int]] = []

    def look(fd: int) -> None:
        seen.append((appending.done(), room.projection.applied(), room.log.size))
        os.fsync(fd)

    monkeypatch.setattr(tail, "flush", look)
    appending = asyncio.ensure_future(room.log.append({"kind": "decision"}))
    assert await appending == size
    assert seen == [(False, size, size)]
    assert room.projection.applied() == room.log.size == size + 1


@pytest.mark.parametrize(("code", "then"), [(errno.ENOSPC, "goes on"), (errno.EIO, "ends")])
async def test_a_thread_that_writes_refuses_like_the_event_loop(
    room: Room, monkeypatch: pytest.MonkeyPatch, code: int, then: str
) -> None:
    disk = Disk(monkeypatch)
    disk.takes_s = SLOW_S
    await room.log.append({"kind": "slow"})
    before = room.written()
    with monkeypatch.context() as patch:
        patch.setattr("safeconduct.audit.tail.os.pwrite", failing(code))
        answers = await asyncio.gather(
            *(room.log.append({"kind": "lost"}) for _ in range(3)), return_exceptions=True
        )
    assert {type(answer) for answer in answers} == {LogFault}
    assert room.written() == before
    if then == "ends":
        await room.refuses(then="ends")
    else:
        assert await room.log.append({"kind": "kept"}) == 2 + TOLD
        assert set(disk.threads[1:]) == {"safeconduct-audit"}
    monkeypatch.undo()
    await room.reopened(2 if then == "ends" else 3 + TOLD)


async def test_what_a_projection_failed_to_commit_is_replayed(room: Room) -> None:
    room.projection.failing = {"commit"}
    assert (await room.refuses(then="ends")).code == "projection"
    room.projection.failing = set()
    await room.reopened(2)
    assert room.projection.replayed == [1]


async def test_a_checkpoint_that_cannot_be_written_costs_no_record(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.audit.checkpoint.flush", failing(errno.ENOSPC))
    assert await room.log.append({"kind": "config"}) == 1
    room.log.close()
    monkeypatch.undo()
    await room.reopened(2)
