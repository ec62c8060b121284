"""Following a log: what it gained, proven and durable, each record with where it stands.

A follower takes no lock and asks nobody: it reads the segments as they grow. What no checkpoint
covers it does not see, as that may still be lost with the power: what was passed on once stays the
record of its number.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import orjson

from safeconduct.audit import checkpoint, proven, segments
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.faults import Damaged, LogFault
from safeconduct.audit.proven import Proven
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
    """Reads one log on and on. `place` is before the next record.

    `missed` is how many records were pruned before they were read, which nobody gets any more.
    """

    def __init__(self, directory: Path, place: Cursor) -> None:
        self._directory = directory
        self.place = place
        self.missed = 0
        self._reader: proven.Reader | None = None
        self._seen = False  # the record before the cursor, if it has one

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
            return self._next(claimed, most) if self.place.n < claimed.size else []
        except Damaged as damage:
            raise LogFault(damage.code, f"{self._directory}: {damage.sentence}") from damage

    def _check(self, claimed: Checkpoint) -> None:
        if self.place.origin not in {"", claimed.origin}:
            raise Damaged("edited", f"this is another log than {self.place.origin!r}")
        if claimed.size < self.place.n:
            missing = f"{self.place.n} records were passed on, the log holds {claimed.size}"
            raise Damaged("truncated", missing, claimed.size)

    def _next(self, claimed: Checkpoint, most: int) -> list[Copy]:
        if self._reader is None:
            self._skip(claimed)
            self._reader = proven.Reader(self._directory, claimed.origin, self.place.segment)
        reader, copies = self._reader, list[Copy]()
        with closing(reader.advance(claimed.size)) as groups:
            for group in groups:
                if reader.tree.size == claimed.size and reader.tree.root() != claimed.root:
                    raise Damaged("forked", "checkpoint and log have different roots")
                copies += self._copies(group, reader.tree.size - len(group.entries), claimed)
                if len(copies) >= most:
                    break
        return copies

    def _skip(self, claimed: Checkpoint) -> None:
        """Goes to the first record there is, where the one after the cursor was pruned."""
        paths = segments.listing(self._directory)
        if not paths or segments.number(paths[0]) <= self.place.segment:
            return
        with paths[0].open("rb") as file:
            opening = segments.read_header(file.fileno())
        if opening is None:
            raise Damaged("edited", f"{paths[0].name} does not open with a header")
        first = opening[0].size
        if first < self.place.n:
            raise Damaged("edited", f"{paths[0].name} begins before the cursor, and is after it")
        self.missed = first - self.place.n
        self.place = Cursor(origin=claimed.origin, n=first, segment=segments.number(paths[0]))

    def _copies(self, group: Proven, first: int, claimed: Checkpoint) -> list[Copy]:
        if first > self.place.n - bool(self.place.before) and not self._seen:
            raise Damaged("edited", f"segment {group.segment} begins after the cursor")
        self._seen = True
        copies: list[Copy] = []
        for n, (data, hashed) in enumerate(zip(group.entries, group.leaves, strict=True), first):
            leaf = hashed.hex()
            if n == self.place.n:
                place = msgspec.structs.replace(self.place, origin=claimed.origin)
                copies.append(Copy(place, leaf, claimed.size, data, orjson.loads(data)))
                self.place = Cursor(
                    origin=claimed.origin, n=n + 1, before=leaf, segment=group.segment
                )
            elif n + 1 == self.place.n and self.place.before not in {"", leaf}:
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
