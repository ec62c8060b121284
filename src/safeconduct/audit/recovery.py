"""What opening a log does before the first append.

A crash leaves whole groups and, at most, a torn one behind them that nobody was told of: that is
cut off. Anything else that is not as it was written, and anything missing that the checkpoint or
the projection remembers, refuses to open, and nothing is changed that could be evidence.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from safeconduct.audit import checkpoint, notes, segments
from safeconduct.audit.faults import Damaged, LogFault
from safeconduct.audit.notes import BadNote, Key
from safeconduct.audit.payloads.boundary import Boundary
from safeconduct.audit.records import SEQUENCE, decode
from safeconduct.audit.walk import Walk
from safeconduct.core.merkle import Tree
from safeconduct.ports import Projection

_REPLAY_BATCH: Final = 1024  # records a transaction of the projection


class Found(NamedTuple):
    """The proven end of a log: its tree, and where in which segment the next group goes.

    `last` is where in that segment the last group begins: a flush may have failed for it.
    """

    tree: Tree
    segment: int
    offset: int
    last: int | None = None


def find_end(directory: Path, origin: str, applied: int) -> Found:
    """Proves the end of a log of which `applied` records are known elsewhere.

    Reads from the segment on in which the checkpoint, or the last record applied, lies: the way
    back to the first segment is for `verify`.

    Raises:
        Damaged: the log is not as it was written, or not whole.
        LogFault: it is a log of another origin.
        OSError: it cannot be read.
    """
    claimed = checkpoint.load(directory)
    paths = segments.listing(directory)
    if claimed is None and not paths and not applied:
        return Found(Tree(), 0, 0)
    known = min(applied, claimed.size if claimed else 0)
    walk = Walk(directory, claimed, start=segments.holding(paths, known))
    segment = last = end = 0
    for _ in walk:
        last = end if walk.segment == segment else 0
        segment, end = walk.segment, walk.end
    walk.check_claim()
    if walk.tree.size < applied:
        missing = f"{applied} records were applied, the log holds {walk.tree.size}"
        raise Damaged("truncated", missing, walk.tree.size)
    if claimed and claimed.origin != origin:
        raise LogFault(
            "foreign", f"{directory}: this is the log {claimed.origin!r}, not {origin!r}"
        )
    if segment != walk.segment:
        last = 0  # no group of it is whole
    return Found(walk.tree, max(0, walk.segment), walk.end, last)


def signed(directory: Path, key: Key) -> int:
    """How many records the checkpoint covers, if the log's key signed it.

    Raises Damaged: the file is not a checkpoint. OSError.
    """
    try:
        note = notes.parse((directory / checkpoint.NAME).read_bytes())
        notes.verify(note, [key])
    except (FileNotFoundError, BadNote):
        return 0
    return checkpoint.parse(note.text).size


def require_asked(directory: Path, signed: int, boundary: Boundary) -> None:
    """Whether who writes this log made the erasures behind the first `signed` records of it. Who
    can write to its files can put one behind what a crash left, and once it is signed keys go.

    Raises:
        Damaged: somebody else made one.
        OSError: the log cannot be read.
    """
    for group in Walk(directory, start=segments.holding(segments.listing(directory), signed)):
        for seq, data in enumerate(group.entries, group.size - len(group.entries)):
            if seq >= signed:
                try:
                    boundary.require_asked(decode(data))
                except ValueError as error:
                    raise Damaged("edited", f"record {seq}: {error}", seq) from error


def replay(directory: Path, projection: Projection, boundary: Boundary | None = None) -> None:
    """Applies what the projection has not seen of a log whose end is proven and flushed, with the
    users that the boundary knows.

    Raises:
        Damaged: a record is not as this log writes it.
        LogFault: the projection refuses a record that was accepted when it was written.
        OSError: the log cannot be read.
    """
    applied = projection.applied()
    walk = Walk(directory, start=segments.holding(segments.listing(directory), applied))
    pending = 0
    projection.begin()
    try:
        for group in walk:
            _reaches(walk, applied)
            first = group.size - len(group.entries)
            for seq, data in enumerate(group.entries, first):
                if seq >= applied:
                    _apply(projection, seq, data, boundary)
                    pending += 1
            if pending >= _REPLAY_BATCH:
                projection.commit()
                projection.begin()
                pending = 0
    except BaseException:
        projection.rollback()
        raise
    projection.commit()


def _reaches(walk: Walk, applied: int) -> None:
    """Raises Damaged: the state lacks records that were pruned."""
    begins = walk.began.size
    if begins > applied:
        needed = f"the state needs record {applied}, and the log was pruned up to record {begins}"
        raise Damaged("truncated", needed, begins)


def _apply(projection: Projection, seq: int, data: bytes, boundary: Boundary | None) -> None:
    try:
        record = decode(data)
    except ValueError as error:
        raise Damaged("edited", f"record {seq}: {error}", seq) from error
    if record.get(SEQUENCE) != seq:
        raise Damaged("edited", f"record {seq} says that it is another", seq)
    known = record if boundary is None else boundary.shown(record)
    conflict = projection.apply(seq, known, replay=True)
    if conflict is not None:
        raise LogFault("projection", f"record {seq} contradicts what was applied: {conflict}")
