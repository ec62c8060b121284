"""Crash-state explorer: every state that a power loss may leave behind, after ALICE (Pillai et al.,
OSDI 2014).

What the log's tail asks of the file system is recorded. What was flushed is there after a crash; of
what was not, any part may be, in any order: operations one without another, and of a write any
sectors. From each such state the log opens, holds whole groups from its beginning, among them all
that were acknowledged, and goes on.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pytest

from safeconduct.audit import checkpoint, recovery, segments, tail
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.index.following import catch_up
from safeconduct.audit.index.sqlite import WeeklyIndex
from safeconduct.audit.tail import Tail
from safeconduct.audit.verify import verify
from safeconduct.audit.walk import Walk
from safeconduct.core.merkle import EMPTY_ROOT, Tree
from tests.support.logs import ORIGIN, opened, rewind

SECTOR = 128  # smaller than any disk writes in one piece
GROUPS = (1, 3, 1, 12, 2, 1, 30, 1, 5, 2, 9, 1)  # entries in each
ENTRY_BYTES = 200
INDEXED = 23  # of so many states one is indexed too, which takes longer than all the rest


class Write(NamedTuple):
    """Bytes at an offset."""

    offset: int
    data: bytes


class Cut(NamedTuple):
    """A file ends here."""

    length: int


Change = Write | Cut
Files = dict[str, bytes]


class Recorded:
    """What reached the file system, in order; `crash` gives all states that are possible now."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.durable: Files = {}
        self.entered: set[str] = set()  # names that the directory has for sure
        self.pending: dict[str, list[Change]] = {}
        self._names: dict[int, str] = {}
        self._open, self._pwrite, self._ftruncate = os.open, os.pwrite, os.ftruncate
        monkeypatch.setattr("safeconduct.audit.tail.os.open", self._opened)
        monkeypatch.setattr("safeconduct.audit.tail.os.pwrite", self._written)
        monkeypatch.setattr("safeconduct.audit.tail.os.ftruncate", self._cut)
        monkeypatch.setattr(tail, "flush", self._flushed)
        monkeypatch.setattr(tail, "flush_directory", self._entered)
        self.states: list[tuple[int, Files]] = []
        self.acknowledged = 0

    def crash(self) -> None:
        """The power may fail here."""
        for files in self._possible():
            if (self.acknowledged, files) not in self.states[-40:]:
                self.states.append((self.acknowledged, files))

    def _possible(self) -> Iterator[Files]:
        names = sorted(self.durable)
        choices = [list(self._contents(name)) for name in names]
        for chosen in product(*choices):
            files = dict(zip(names, chosen, strict=True))
            yield {name: content for name, content in files.items() if content is not None}

    def _contents(self, name: str) -> Iterator[bytes | None]:
        if name not in self.entered:
            yield None
        for some in subsets(self.pending[name]):
            content = bytearray(self.durable[name])
            for change in some:
                apply(content, change)
            yield bytes(content)

    def _opened(self, path: Path, flags: int, mode: int = 0o777) -> int:
        fd = self._open(path, flags, mode)
        name = Path(path).name
        self._names[fd] = name
        if flags & os.O_CREAT and name not in self.durable:
            self.durable[name] = b""
            self.pending[name] = []
            self.crash()
        return fd

    def _written(self, fd: int, data: bytes, offset: int) -> int:
        self.pending[self._names[fd]].append(Write(offset, bytes(data)))
        self.crash()
        return self._pwrite(fd, data, offset)

    def _cut(self, fd: int, length: int) -> None:
        self.pending[self._names[fd]].append(Cut(length))
        self.crash()
        self._ftruncate(fd, length)

    def _flushed(self, fd: int) -> None:
        name = self._names[fd]
        content = bytearray(self.durable[name])
        for change in self.pending[name]:
            apply(content, change)
        self.durable[name] = bytes(content)
        self.pending[name] = []
        self.crash()

    def _entered(self, _: Path) -> None:
        self.entered |= set(self.durable)
        self.crash()


def apply(content: bytearray, change: Change) -> None:
    """Makes a change; what lies between the old end and a write is zeros."""
    if isinstance(change, Cut):
        del content[change.length :]
        content.extend(bytes(change.length - len(content)))
    else:
        content.extend(bytes(max(0, change.offset - len(content))))
        content[change.offset : change.offset + len(change.data)] = change.data


def subsets(changes: list[Change]) -> Iterator[list[Change]]:
    """Each of them whole, in part, or not at all, in the order in which they were asked for."""
    parts = [list(portions(change)) for change in changes]
    for chosen in product(*parts):
        yield [one for some in chosen for one in some]


def portions(change: Change) -> Iterator[list[Change]]:
    """What may be left of one change: of a write every beginning, every end, all but one sector,
    and one sector alone.
    """
    yield []
    yield [change]
    if isinstance(change, Write):
        sectors = [
            Write(change.offset + start, change.data[start : start + SECTOR])
            for start in boundaries(change)
        ]
        for at in range(1, len(sectors)):
            yield list(sectors[:at])
            yield list(sectors[at:])
        for at in range(1, len(sectors) - 1):
            yield [*sectors[:at], *sectors[at + 1 :]]
            yield [sectors[at]]


def boundaries(write: Write) -> list[int]:
    """Where its sectors begin, which lie at multiples in the file."""
    first = -write.offset % SECTOR
    return sorted({0, *range(first, len(write.data), SECTOR)})


def recorded(directory: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Recorded, dict[int, bytes]]:
    """A log that grows over several segments; and by size its roots."""
    with monkeypatch.context() as patch:
        disk = Recorded(patch)
        end, tree = Tail(directory, ORIGIN, 0, 0), Tree()
        roots = {0: EMPTY_ROOT}
        for number, count in enumerate(GROUPS):
            entries = [
                b'{"n":%d,"value":"%s"}' % (tree.size + i, bytes([97 + number]) * ENTRY_BYTES)
                for i in range(count)
            ]
            grown = tree.copy()
            grown.extend(entries)
            roots[grown.size] = grown.root()
            end.append(segments.group(entries, grown.size, grown.root()), tree)
            tree, disk.acknowledged = grown, grown.size
            disk.crash()
        end.close()
        disk.crash()
    return disk, roots


def notes(directory: Path, roots: Mapping[int, bytes]) -> dict[int, bytes]:
    """By size the checkpoint of a log."""
    opened(directory).close()
    found: dict[int, bytes] = {}
    for size, root in roots.items():
        rewind(directory, Checkpoint(ORIGIN, size, root))
        found[size] = (directory / checkpoint.NAME).read_bytes()
    return found


def test_crash_state_explorer_every_state_is_a_prefix_with_all_that_was_acknowledged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "_AHEAD_BYTES", 2048)
    monkeypatch.setattr(tail, "SEGMENT_BYTES", 4000)
    (tmp_path / "grown").mkdir()
    disk, roots = recorded(tmp_path / "grown", monkeypatch)
    claims = notes(tmp_path / "signed", roots)
    assert len(disk.durable) > 2
    assert len(disk.states) > 1000
    monkeypatch.setattr(tail, "flush", lambda _: None)
    monkeypatch.setattr(tail, "flush_directory", lambda _: None)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0})  # so small a log is for one process
    crashed = tmp_path / "crashed"
    crashed.mkdir()
    for number, (acknowledged, files) in enumerate(disk.states):
        for known in {0, acknowledged}:
            for path in crashed.iterdir():
                path.unlink()
            for name, content in files.items():
                (crashed / name).write_bytes(content)
            (crashed / checkpoint.NAME).write_bytes(claims[known])
            end = recovery.find_end(crashed, ORIGIN, known)
            assert end.tree.size >= acknowledged
            assert end.tree.root() == roots[end.tree.size]
            report = verify(crashed)
            assert report.records == end.tree.size
            assert {finding.code for finding in report.findings} <= {"truncated"}
            if number % INDEXED == 0:
                index = WeeklyIndex(tmp_path / f"index-{number}-{known}")
                assert catch_up(crashed, index) == end.tree.size
                index.close()
            goes_on(crashed, end)


def goes_on(directory: Path, end: recovery.Found) -> None:
    """One more group can be added, and all of it be read."""
    after = Tail(directory, ORIGIN, end.segment, end.offset, end.last)
    entry = b'{"n":%d}' % end.tree.size
    grown = end.tree.copy()
    grown.extend([entry])
    after.append(segments.group([entry], grown.size, grown.root()), end.tree)
    after.close()
    walk = Walk(directory)
    entries = [one for group in walk for one in group.entries]
    assert entries[-1] == entry
    assert len(entries) == grown.size
    assert (walk.tree.root(), walk.tail) == (grown.root(), 0)
