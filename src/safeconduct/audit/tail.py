"""The end of a log, where groups are added.

An append that fails either left nothing behind (the code "full": the disk had no room, and what was
written of the group was cut off again), or it leaves the state of the disk unknown (the code "io").
Then nothing may be appended any more: a flush that failed once can succeed when it is repeated,
although the data is lost.

A segment is kept longer than what was appended to it, by zeros: where blocks are written already, a
flush has no length and no new block to enter into the file system's journal. Nor may anything ask
for the file's times. On ext4 both together take a flush from 100 to 55 us of CPU, and from 200 to
125 us until it is done. A segment that is left in order is cut to its groups; after a crash the
zeros are still there, and readers pass over them.
"""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path
from typing import Final

from safeconduct.audit import segments
from safeconduct.audit.faults import LogFault
from safeconduct.audit.flush import FULL, flush, flush_directory, place
from safeconduct.core.merkle import Tree

SEGMENT_BYTES: Final = 64 << 20
"""A segment that has reached this size gets no further group."""

_AHEAD_BYTES: Final = 256 << 10
"""A segment grows by this much: a ms or so of zeros for every hundred calls."""


class Tail:
    """Appends groups to a log's last segment and begins new ones. For one thread at a time."""

    def __init__(
        self, directory: Path, origin: str, segment: int, offset: int, doubtful: int | None = None
    ) -> None:
        """Continues segment number `segment` at an offset, and drops what follows there.

        With offset 0 that segment is not begun, and what may exist of it is removed. What stands
        from `doubtful` on may never have reached the disk.

        Raises:
            OSError: that failed.
        """
        self._directory = directory
        self._origin = origin
        self._next = segment
        self._segment: Growing | None = None
        path = segments.path(directory, segment)
        if offset:
            self._segment = Growing(path, offset, doubtful)
            self._next += 1
        else:
            path.unlink(missing_ok=True)

    def append(self, group: bytes, before: Tree) -> None:
        """Makes a group durable; `before` is the tree without it.

        Raises:
            LogFault: "full" when nothing was written, "io" when nothing is known.
        """
        try:
            if self._segment is not None and self._segment.offset < SEGMENT_BYTES:
                self._segment.append(group)
            else:
                self._begin(group, before)
        except OSError as error:
            raise LogFault("io", f"the disk under the log failed: {error}") from error

    def close(self) -> None:
        """Lets go of the open file; all that was appended is durable already."""
        if self._segment is not None:
            self._segment.close()
            self._segment = None

    def _begin(self, group: bytes, before: Tree) -> None:
        path = segments.path(self._directory, self._next)
        segment = Growing(path, 0)
        try:
            segment.append(segments.header(self._origin, self._next, before) + group)
            flush_directory(self._directory)
        except BaseException:
            segment.close()
            raise
        self.close()
        self._segment = segment
        self._next += 1


class Growing:
    """An open file that only grows, durable up to `offset`, with zeros behind it; offset 0 makes a
    new one.
    """

    def __init__(self, path: Path, offset: int, doubtful: int | None = None) -> None:
        """Raises LogFault: "full"; OSError."""
        flags = os.O_RDWR | os.O_NOFOLLOW
        if not offset:
            flags |= os.O_CREAT | os.O_EXCL
        try:
            fd = os.open(path, flags, 0o600)
        except OSError as error:
            raise _full_or(error) from error
        try:
            os.ftruncate(fd, offset)
            # What a process wrote and did not live to flush looks whole: from now on it is. Where
            # a flush failed, the system takes for clean what the disk never got: write it anew.
            if doubtful is not None:
                _write(fd, os.pread(fd, offset - doubtful, doubtful), doubtful)
            flush(fd)
            self._place = place(fd)
        except BaseException:
            os.close(fd)
            raise
        self.offset = offset
        self._size = offset
        self._fd = fd
        self._path = path

    def append(self, data: bytes) -> None:
        """Raises LogFault, OSError."""
        if self._length() != self._size:
            raise self._changed()
        end = self.offset + len(data)
        size = max(self._size, end + -end % _AHEAD_BYTES)
        try:
            _write(self._fd, data if end <= self._size else data + bytes(size - end), self.offset)
        except OSError as error:
            self._cut()
            raise _full_or(error) from error
        try:
            flush(self._fd)
        except OSError:
            # The cache may still show what the disk never got: a reader must not take it for safe.
            with suppress(OSError):
                self._cut()
            raise
        # The path must still lead to this file, and nobody else have changed its length.
        if place(self._fd) != self._place or self._length() != size:
            raise self._changed()
        self.offset, self._size = end, size

    def close(self) -> None:
        """Drops the zeros, unless the file is not as it was left: then it is left as it is."""
        try:
            with suppress(OSError):
                if self._length() == self._size:
                    os.ftruncate(self._fd, self.offset)
        finally:
            os.close(self._fd)

    def _cut(self) -> None:
        if self.offset:
            os.ftruncate(self._fd, self.offset)
            self._size = self.offset
        else:
            self._path.unlink()

    def _length(self) -> int:
        return os.lseek(self._fd, 0, os.SEEK_END)

    def _changed(self) -> LogFault:
        return LogFault("io", f"{self._path} was removed, replaced or changed by someone else")


def _write(fd: int, data: bytes, offset: int) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.pwrite(fd, rest, offset + len(data) - len(rest)) :]


def _full_or(error: OSError) -> Exception:
    if error.errno in FULL:
        return LogFault("full", f"no space is left for the log: {error.strerror}")
    return error
