"""Revocations for the other processes of this machine, such as the issuer of SVIDs.

The gateway writes two files into its state directory: a list that only grows, and a beat of fixed
size that says how long the list is and that the gateway lives. Who follows refuses as soon as the
beat is older than a second: not having heard is not the same as nothing having happened.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Final

import orjson

LIST_FILE: Final = "revocations"
BEAT_FILE: Final = "revocations.beat"

BEAT_S: Final = 0.25
"""How often the gateway says that it lives, in seconds."""

STALE_MS: Final = 1_000
"""How long a follower believes the last beat."""

_BEAT: Final = "{at_ms:020d} {length:020d} {inode:020d}\n"
_BEAT_BYTES: Final = len(_BEAT.format(at_ms=0, length=0, inode=0))


class Stale(Exception):
    """Nothing was heard for too long, or what was heard makes no sense: refuse."""


class Feed:
    """The writing end; one process has it, the one that holds the log."""

    def __init__(self, state: Path, revoked: Iterable[tuple[str, str]]) -> None:
        """Writes the list anew, from what the log says is revoked. Raises OSError."""
        self._list_path = state / LIST_FILE
        self._beat_path = state / BEAT_FILE
        self._beat_path.unlink(missing_ok=True)
        aside = self._list_path.with_name(f".{LIST_FILE}.new")
        aside.unlink(missing_ok=True)
        self.descriptor = _open(aside)
        self._length = 0
        self._broken = False
        self._write(revoked)
        aside.replace(self._list_path)
        self._inode = os.fstat(self.descriptor).st_ino
        self._beat = _open(self._beat_path)

    def revoke(self, what: str, identifier: str) -> None:
        """Adds one; followers see it with the next beat.

        Raises OSError; there is no further beat then, so that followers refuse.
        """
        self._write([(what, identifier)])

    def beat(self, now_ms: int) -> None:
        """Says that this is all until now. Raises OSError."""
        if self._broken:
            raise OSError("the list of revocations is not whole; start the gateway anew")
        beat = _BEAT.format(at_ms=now_ms, length=self._length, inode=self._inode)
        os.pwrite(self._beat, beat.encode(), 0)

    def close(self) -> None:
        """Stops the beat at once: followers refuse from now on."""
        os.close(self.descriptor)
        os.close(self._beat)
        self._beat_path.unlink(missing_ok=True)

    def _write(self, revoked: Iterable[tuple[str, str]]) -> None:
        data = b"".join(orjson.dumps(one) + b"\n" for one in revoked)
        self._broken = True
        if os.write(self.descriptor, data) != len(data):
            raise OSError("the list of revocations could not be written")
        self._broken = False
        self._length += len(data)


class Follower:
    """The reading end, in any number of other processes."""

    def __init__(self, state: Path, clock_ms: Callable[[], int]) -> None:
        self._list_path = state / LIST_FILE
        self._beat_path = state / BEAT_FILE
        self._clock_ms = clock_ms
        self._inode: int = 0
        self._read = 0
        self._revoked: set[tuple[str, str]] = set()

    def revoked(self, what: str, identifier: str) -> bool:
        """Whether this was revoked as of a second ago. Raises Stale."""
        try:
            beat = self._beat_path.read_bytes()
            at_ms, length, inode = (int(part) for part in beat.split())
            if len(beat) != _BEAT_BYTES or abs(self._clock_ms() - at_ms) > STALE_MS:
                raise Stale("nothing was heard of the gateway for a second")
            self._catch_up(length, inode)
        except (OSError, ValueError):
            raise Stale("the gateway's revocations cannot be read") from None
        return (what, identifier) in self._revoked

    def _catch_up(self, length: int, inode: int) -> None:
        if (length, inode) == (self._read, self._inode):
            return
        with self._list_path.open("rb") as file:
            if os.fstat(file.fileno()).st_ino != inode:
                raise ValueError("another list than the beat is about")
            if inode != self._inode or length < self._read:
                # The gateway has started anew.
                self._revoked.clear()
                self._read, self._inode = 0, inode
            file.seek(self._read)
            news = file.read(length - self._read)
        if len(news) != length - self._read:
            raise ValueError("a list that is shorter than the beat says")
        # Whole lines: the beat counts what was written, which is one or more of them at a time.
        for line in news.splitlines():
            what, identifier = orjson.loads(line)
            self._revoked.add((what, identifier))
        self._read = length


def left(state: Path) -> set[tuple[str, str]]:
    """What the last run of the gateway left, kinds and ids: all there is while none runs.

    Raises OSError, ValueError: there is no such list, or it makes no sense.
    """
    lines = (state / LIST_FILE).read_bytes().splitlines()
    return {(what, identifier) for what, identifier in map(orjson.loads, lines)}


def _open(path: Path) -> int:
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    return os.open(path, flags, 0o600)
