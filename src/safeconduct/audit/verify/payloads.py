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

_head: Final = _HEAD.pack

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
        return self.find(number, offset, size, digest)

    def find(self, number: int, offset: int, size: int, digest: object) -> Lost | None:
        """As `look`, of what a record says: in which file, where in it, how long, and the digest of
        what was sealed.

        Raises: as it does.
        """
        if (
            not 0 <= number < _FILES
            or not 0 <= offset < _OFFSETS
            or not 0 < size < blobs.MOST_BYTES
        ):
            return "edited", "a payload at a place that cannot be"
        if self._is_sealed(number, offset, size, digest):
            return None
        self.close()  # what is held of it may be older than the payload
        if self._is_sealed(number, offset, size, digest):
            return None
        where = f"{blobs.path(self._directory, number).name} at {offset}"
        framed = self._framed(number, offset, size)
        if not framed.strip(b"\0") or len(framed) < _HEAD.size + size:
            return "payload-missing", f"its payload is gone ({where})"
        return "edited", f"its payload is not what was sealed ({where})"

    def close(self) -> None:
        """Lets go of the open file."""
        self._window.close()

    def _framed(self, number: int, offset: int, size: int) -> bytes:
        """Bytes of a file, fewer at its end; none without the file."""
        try:
            return self._window.piece(number, offset, _HEAD.size + size)
        except FileNotFoundError:
            return b""

    def _is_sealed(self, number: int, offset: int, size: int, digest: object) -> bool:
        framed = self._framed(number, offset, size)
        return (
            framed[: _HEAD.size] == _head(zlib.crc32(framed[_CHECKSUM_BYTES:]), size)
            and len(framed) == _HEAD.size + size
            and sha256(framed[_HEAD.size :]).hexdigest() == digest
        )
