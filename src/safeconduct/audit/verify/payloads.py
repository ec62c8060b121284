"""Sealed payloads, hashed again: whether they are the bytes whose digest stands in a record."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from struct import Struct
from typing import Any, Final, Literal

from safeconduct.audit.payloads import blobs
from safeconduct.audit.payloads.window import Window

_HEAD: Final = Struct(">II")
_CHECKSUM_BYTES: Final = 4
_FILES: Final = 10**8
_OFFSETS: Final = 1 << 62
_SIZES: Final = 1 << 31

_prefix: Final = _HEAD.unpack_from

Lost = tuple[Literal["edited", "payload-missing"], str]


class Payloads:
    """The payload files of a log."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._window = Window(directory)

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
        framed = self._framed(number, offset, size)
        if not _is_sealed(framed, size, digest):
            self.close()  # what is held of it may be older than the payload
            framed = self._framed(number, offset, size)
            if not _is_sealed(framed, size, digest):
                where = f"{blobs.path(self._directory, number).name} at {offset}"
                if not framed.strip(b"\0") or len(framed) < _HEAD.size + size:
                    return "payload-missing", f"its payload is gone ({where})"
                return "edited", f"its payload is not what was sealed ({where})"
        return None

    def close(self) -> None:
        """Lets go of the open file."""
        self._window.close()

    def _framed(self, number: int, offset: int, size: int) -> bytes:
        """Bytes of a file, fewer at its end; none without the file."""
        try:
            return self._window.piece(number, offset, _HEAD.size + size)
        except FileNotFoundError:
            return b""


def _is_sealed(framed: bytes, size: int, digest: object) -> bool:
    if len(framed) != _HEAD.size + size:
        return False
    checksum, length = _prefix(framed)
    return (
        length == size
        and zlib.crc32(framed[_CHECKSUM_BYTES:]) == checksum
        and sha256(framed[_HEAD.size :]).hexdigest() == digest
    )
