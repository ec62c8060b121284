"""Sealed payloads, beside the segments of a log.

They lie in `payload-00000000.blob` and so on, in frames in network byte order:

    crc32 (4 bytes) | length (4) | sealed bytes

the checksum over all that follows it. A record says in which file and at which offset its payload
begins. Nothing else leads there: what a crash or a refused record leaves between payloads is junk,
and so are zeros at the end. Payloads are durable before their records are.
"""

from __future__ import annotations

import os
import re
import zlib
from pathlib import Path
from struct import Struct
from typing import Final

from safeconduct.audit.faults import Damaged, LogFault
from safeconduct.audit.flush import flush_directory
from safeconduct.audit.tail import Growing
from safeconduct.ports import JSON, Sealed

FILE_BYTES: Final = 64 << 20
"""A file that has reached this size gets no further group of payloads."""

MOST_BYTES: Final = 8 << 20
"""No sealed payload is so long: what is longer than 4 MiB is left out."""

_HEAD: Final = Struct(">II")
_CHECKSUM_BYTES: Final = 4
_NAME: Final = re.compile(r"payload-(\d{8})\.blob")


def path(directory: Path, number: int) -> Path:
    """Where a file of payloads is kept."""
    return directory / f"payload-{number:08}.blob"


def last(directory: Path) -> int:
    """The number of the last file of payloads; -1 where there is none. Raises OSError."""
    found = [_NAME.fullmatch(file.name) for file in directory.iterdir()]
    return max((int(one[1]) for one in found if one), default=-1)


def frame(data: bytes) -> bytes:
    """The bytes of one payload's frame."""
    checked = len(data).to_bytes(4) + data
    return zlib.crc32(checked).to_bytes(_CHECKSUM_BYTES) + checked


def framed(length: int) -> int:
    """How many bytes the frame of a payload of so many has."""
    return _HEAD.size + length


class Blobs:
    """Gathers the payloads of a group and makes them durable. For one thread at a time."""

    def __init__(self, directory: Path) -> None:
        """Goes on behind all that is there. Raises OSError."""
        self._directory = directory
        self._number = last(directory)
        self._offset = 0
        self._file: Growing | None = None
        self._staged: list[bytes] = []
        self._end = 0
        if self._number >= 0:
            self._offset = self._end = path(directory, self._number).stat().st_size
        if not self._offset:
            self._number = max(0, self._number)

    def stage(self, sealed: Sealed) -> JSON:
        """Takes a payload into the group: what its record says of it."""
        if not sealed.data:
            return sealed.said
        if not self._staged and self._offset >= FILE_BYTES:
            self._roll()
        at = [self._number, self._end]
        framed = frame(sealed.data)
        self._staged.append(framed)
        self._end += len(framed)
        return {**sealed.said, "at": at}

    def mark(self) -> int:
        """Where the group is now, for `back`."""
        return len(self._staged)

    def back(self, mark: int) -> None:
        """Forgets what was taken into the group since then."""
        self._end -= sum(map(len, self._staged[mark:]))
        del self._staged[mark:]

    def flush(self) -> None:
        """Makes the group durable.

        Raises:
            LogFault: "full" when nothing was written, "io" when nothing is known.
        """
        if not self._staged:
            return
        group = b"".join(self._staged)
        try:
            if self._file is None:
                self._file = self._open()
            self._file.append(group)
            if not self._offset:
                flush_directory(self._directory)
        except OSError as error:
            raise LogFault("io", f"the disk under the payloads failed: {error}") from error
        except LogFault:
            if not self._offset:
                self.close()  # there is no such file any more
            raise
        self._offset = self._end
        self._staged.clear()

    def close(self) -> None:
        """Lets go of the open file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _open(self) -> Growing:
        """Raises LogFault, OSError."""
        where = path(self._directory, self._number)
        if not self._offset:
            where.unlink(missing_ok=True)  # nothing of it was ever durable
        return Growing(where, self._offset)

    def _roll(self) -> None:
        self.close()
        self._number += 1
        self._offset = self._end = 0


def read(directory: Path, number: int, offset: int) -> bytes:
    """The sealed bytes of a payload.

    Raises:
        FileNotFoundError: its file is missing.
        Damaged: "edited": what stands there is not as it was written.
        OSError: the file cannot be read.
    """
    descriptor = os.open(path(directory, number), os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        head = os.pread(descriptor, _HEAD.size, offset)
        length = _HEAD.unpack(head)[1] if len(head) == _HEAD.size else 0
        within = offset + _HEAD.size + length <= os.fstat(descriptor).st_size
        within = within and 0 < length < MOST_BYTES
        data = os.pread(descriptor, length, offset + _HEAD.size) if within else b""
    finally:
        os.close(descriptor)
    if not data or frame(data)[:_CHECKSUM_BYTES] != head[:_CHECKSUM_BYTES]:
        raise Damaged("edited", f"the payload at {offset} of file {number} is not as written")
    return data
