"""Following a log: what it gained, proven and durable, each record with where it stands.

A follower takes no lock and asks nobody: it reads the segments as they grow. What no checkpoint
covers it does not see, as that may still be lost with the power: what was passed on once stays the
record of its number.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, NamedTuple, cast

import msgspec
import orjson

from safeconduct.audit import checkpoint, segments
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.faults import Damaged, LogFault
from safeconduct.audit.segments import Group
from safeconduct.core.merkle import Tree, leaf_hash
from safeconduct.kit import files


class Cursor(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A place in a log: before record `n` of the log `origin`.

    `before` is the leaf hash of the record before it, in hexadecimal, and `segment` where that one
    lies: both show whether a log is still the one that was read.
    """

    origin: str = ""
    n: int = 0
    before: str = ""
    segment: int = 0


class Copy(NamedTuple):
    """A record as it is passed on: its exact bytes, and what they say.

    `size` is that of a checkpoint which covers it.
    """

    place: Cursor
    leaf: str
    size: int
    data: bytes
    record: dict[str, Any]

    @property
    def id(self) -> str:
        """The same for every copy of the record, wherever it goes."""
        return f"{self.place.origin}:{self.place.n}"

    @property
    def evidence(self) -> dict[str, Any]:
        """What every copy carries, so that it can be held against the log."""
        place = self.place
        return {
            "log": place.origin,
            "n": place.n,
            "leaf_hash": self.leaf,
            "checkpoint_size": self.size,
        }


def load(path: Path) -> Cursor:
    """A cursor that was stored, or one at the beginning.

    Raises:
        LogFault: the file holds none.
        OSError: it cannot be read.
    """
    try:
        return msgspec.json.decode(path.read_bytes(), type=Cursor)
    except FileNotFoundError:
        return Cursor()
    except msgspec.DecodeError:
        raise LogFault("edited", f"{path}: no cursor (remove it to begin anew)") from None


def store(path: Path, cursor: Cursor) -> None:
    """Replaces a cursor in one step, durably. Raises OSError."""
    files.replace(path, msgspec.json.encode(cursor), mode=0o600)


class Reader:
    """Reads one log on and on. `place` is before the next record."""

    def __init__(self, directory: Path, place: Cursor) -> None:
        self._directory = directory
        self.place = place
        self._segment = place.segment
        self._offset = 0  # in the segment, of the next group; 0: its header is still unread
        self._tree: Tree | None = None  # with all groups before

    def read(self, most: int) -> list[Copy]:
        """The next records in whole groups, until there are at least so many; none: there is
        nothing new.

        Raises:
            LogFault: the log is not as it was written, or not the one that the cursor is of.
            OSError: it cannot be read.
        """
        try:
            claimed = checkpoint.load(self._directory)
            if claimed is None:
                return []
            self._check(claimed)
            copies: list[Copy] = []
            while self.place.n < claimed.size and len(copies) < most:
                copies += self._of_segment(claimed, most - len(copies))
        except Damaged as damage:
            raise LogFault(damage.code, f"{self._directory}: {damage.sentence}") from damage
        return copies

    def _check(self, claimed: Checkpoint) -> None:
        if self.place.origin not in {"", claimed.origin}:
            raise Damaged("edited", f"this is another log than {self.place.origin!r}")
        if claimed.size < self.place.n:
            missing = f"{self.place.n} records were passed on, the log holds {claimed.size}"
            raise Damaged("truncated", missing, claimed.size)

    def _of_segment(self, claimed: Checkpoint, most: int) -> list[Copy]:
        """Groups of the segment where the reader is; at its end, the reader goes on to the next."""
        # Asked first: what is in a segment when the next exists is all that will ever be in it.
        ended = segments.path(self._directory, self._segment + 1).exists()
        fd = os.open(segments.path(self._directory, self._segment), os.O_RDONLY | os.O_NOFOLLOW)
        try:
            if not self._offset:
                self._enter(fd)
            copies: list[Copy] = []
            for group in segments.groups(fd, self._offset):
                if group.size > claimed.size:
                    return copies
                self._prove(group, claimed)
                copies += self._copies(group, claimed)
                self._offset = group.end
                if len(copies) >= most:
                    return copies
        finally:
            os.close(fd)
        if ended:
            self._segment, self._offset = self._segment + 1, 0
        elif self.place.n < claimed.size:
            sentence = f"record {self.place.n} or one soon after it is not as it was written"
            raise Damaged("edited", sentence, self.place.n)
        return copies

    def _enter(self, fd: int) -> None:
        """Reads the header of a segment, which has to go on where the one before has ended."""
        opening = segments.read_header(fd)
        if opening is None:
            raise Damaged("edited", f"segment {self._segment} does not open with a header")
        said, self._offset = opening
        try:
            tree = said.tree()
        except ValueError as error:
            raise Damaged("edited", f"the header of segment {self._segment}: {error}") from None
        if self._tree is not None and tree.nodes != self._tree.nodes:
            raise Damaged("edited", f"segment {self._segment} does not continue the one before it")
        if self._tree is None and tree.size > max(0, self.place.n - 1):
            raise Damaged("edited", f"segment {self._segment} begins after the cursor")
        self._tree = tree

    def _prove(self, group: Group, claimed: Checkpoint) -> None:
        grown = cast("Tree", self._tree).copy()
        grown.extend(group.entries)
        root = grown.root()
        if group.size != grown.size or group.root != root:
            raise Damaged("edited", f"a group before record {group.size} does not give its root")
        if group.size == claimed.size and root != claimed.root:
            raise Damaged("forked", "checkpoint and log have different roots")
        self._tree = grown

    def _copies(self, group: Group, claimed: Checkpoint) -> list[Copy]:
        copies: list[Copy] = []
        for n, data in enumerate(group.entries, group.size - len(group.entries)):
            leaf = leaf_hash(data).hex()
            if n == self.place.n:
                place = msgspec.structs.replace(self.place, origin=claimed.origin)
                copies.append(Copy(place, leaf, claimed.size, data, orjson.loads(data)))
                self.place = Cursor(
                    origin=claimed.origin, n=n + 1, before=leaf, segment=self._segment
                )
            elif n + 1 == self.place.n and leaf != self.place.before:
                raise Damaged("edited", f"record {n} is not the one that was passed on", n)
        return copies


def lag(directory: Path, cursor: Cursor, now_ms: int) -> tuple[int, int]:
    """How far a cursor is behind the log: records, and the milliseconds since the first of them.

    Raises as `Reader.read` does.
    """
    claimed = checkpoint.load(directory)
    waiting = Reader(directory, cursor).read(1) if claimed is not None else []
    if not waiting or claimed is None:
        return 0, 0
    at_ms = waiting[0].record.get("at_ms")
    return claimed.size - cursor.n, max(0, now_ms - at_ms) if isinstance(at_ms, int) else 0
