"""Reading many payloads. Records name them nearly in the order in which they lie, so one piece of
one file is held at a time.
"""

from __future__ import annotations

import os
from pathlib import Path
from struct import Struct
from typing import Final
from zlib import crc32

from safeconduct.audit.faults import Damaged
from safeconduct.audit.payloads import blobs

_HEAD: Final = Struct(">II")
_CHECKSUM_BYTES: Final = 4
_WINDOW_BYTES: Final = 1 << 18

_prefix: Final = _HEAD.unpack_from


class Window:
    """Reads the payloads of a log, which may be in use. For one thread at a time."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._number = -1
        self._fd = -1
        self._bytes = b""
        self._start = 0

    def read(self, number: int, offset: int) -> bytes:
        """The sealed bytes of a payload. Raises as `blobs.read`."""
        data = self._sealed(number, offset)
        if data is None:
            # What is held may be older than the payload, as room is made before it is written.
            self.close()
            data = self._sealed(number, offset)
        if data is None:
            raise Damaged("edited", f"the payload at {offset} of file {number} is not as written")
        return data

    def piece(self, number: int, offset: int, size: int) -> bytes:
        """Bytes of a file, fewer at its end. Raises FileNotFoundError, OSError."""
        if number != self._number:
            self.close()
            path = blobs.path(self._directory, number)
            flags = os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
            self._fd = os.open(path, flags)
            self._number = number
        at = offset - self._start
        if at < 0 or at + size > len(self._bytes):
            self._bytes = os.pread(self._fd, max(size, _WINDOW_BYTES), offset)
            self._start, at = offset, 0
        return self._bytes[at : at + size]

    def close(self) -> None:
        """Lets go of the open file, and of what is held of it."""
        if self._number >= 0:
            os.close(self._fd)
        self._number, self._bytes = -1, b""

    def _sealed(self, number: int, offset: int) -> bytes | None:
        head = self.piece(number, offset, _HEAD.size)
        if len(head) < _HEAD.size:
            return None
        checksum, length = _prefix(head)
        end = offset + _HEAD.size + length
        if not 0 < length < blobs.MOST_BYTES:
            return None
        if end > self._start + len(self._bytes) and end > os.fstat(self._fd).st_size:
            return None
        framed = self.piece(number, offset, _HEAD.size + length)
        if crc32(framed[_CHECKSUM_BYTES:]) != checksum:
            return None
        return framed[_HEAD.size :]
