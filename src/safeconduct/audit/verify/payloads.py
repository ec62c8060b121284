"""Sealed payloads, hashed again: whether they are the bytes whose digest stands in a record."""

from __future__ import annotations

import os
import zlib
from collections.abc import Mapping
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import Any, Final, Literal

from safeconduct.audit.payloads import blobs

_HEAD: Final = Struct(">II")
_CHECKSUM_BYTES: Final = 4
_CHUNK_BYTES: Final = 1 << 20
_FILES: Final = 10**8
_OFFSETS: Final = 1 << 62
_SIZES: Final = 1 << 31

_prefix: Final = _HEAD.unpack_from

Lost = tuple[Literal["edited", "payload-missing"], str]


class Payloads:
    """The payload files of a log. Records name payloads nearly in the order in which they lie, so
    one piece of one file is held at a time.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._number = -1
        self._fd: int | None = None
        self._window = b""
        self._start = 0

    def look(self, said: Mapping[str, Any]) -> Lost | None:
        """What is wrong with the payload that a record describes; None if nothing is.

        Raises:
            OSError: its file is there and cannot be read.
        """
        try:
            (number, offset), size, digest = said["at"], said["bytes"], said["sha256"]
        except (KeyError, TypeError, ValueError):
            return "edited", "a payload without place, size or digest"
        if not (type(number) is type(offset) is type(size) is int):
            return "edited", "a payload without place, size or digest"
        if not 0 <= number < _FILES or not 0 <= offset < _OFFSETS or not 0 < size < _SIZES:
            return "edited", "a payload at a place that cannot be"
        framed = self._read(number, offset, _HEAD.size + size)
        if len(framed) == _HEAD.size + size:
            intact = _prefix(framed) == (zlib.crc32(framed[_CHECKSUM_BYTES:]), size)
            if intact and sha256(framed[_HEAD.size :]).hexdigest() == digest:
                return None
        where = f"{blobs.path(self._directory, number).name} at {offset}"
        if not framed.strip(b"\0") or len(framed) < _HEAD.size + size:
            return "payload-missing", f"its payload is gone ({where})"
        return "edited", f"its payload is not what was sealed ({where})"

    def close(self) -> None:
        """Lets go of the open file."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def _read(self, number: int, offset: int, size: int) -> bytes:
        """Bytes of a file, fewer at its end; none without the file."""
        if number != self._number:
            self.close()
            self._number, self._window = number, b""
            with suppress(FileNotFoundError):
                path = blobs.path(self._directory, number)
                self._fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        if self._fd is None:
            return b""
        at = offset - self._start
        if at < 0 or at + size > len(self._window):
            self._window = os.pread(self._fd, max(size, _CHUNK_BYTES), offset)
            self._start, at = offset, 0
        return self._window[at : at + size]
