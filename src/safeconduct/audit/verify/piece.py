"""One segment of a log, verified on its own, so that several can be at the same time.

A segment's header says which tree it continues. That it does is for `whole`, which sees the one
before; everything else about the segment is looked at here.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.damage import Damaged
from safeconduct.audit.verify.contents import Contents, Reader
from safeconduct.audit.verify.report import Finding
from safeconduct.audit.walk import Walk

State = tuple[int, tuple[bytes, ...]]
"""A tree: its size and its nodes."""


class Job(msgspec.Struct, frozen=True):
    """What to look at: a segment, up to the end of the log if it is the last; the newest tree that
    is claimed; and of which sizes the roots are wanted.
    """

    directory: str
    segment: int
    last: bool
    claimed: Checkpoint | None
    sizes: tuple[int, ...]


class Piece(msgspec.Struct, frozen=True, kw_only=True):
    """What was seen of a segment, up to the first thing that is not as it was written.

    `began` and `ended` are trees, `whole` says that the segment ends with a whole group, `tail` is
    as in `Walk`. `roots` has those of the wanted sizes that are in it.
    """

    segment: int
    origin: str | None
    began: State
    ended: State
    root: bytes
    whole: bool
    tail: int
    roots: dict[int, bytes]
    contents: Contents
    damage: Finding | None


def look(job: Job) -> Piece:
    """Verifies one piece.

    Raises:
        OSError: a file cannot be read.
    """
    directory, damage = Path(job.directory), None
    reader = Reader(directory)
    stop = None if job.last else job.segment + 1
    walk = Walk(directory, job.claimed, start=job.segment, stop=stop, sizes=job.sizes)
    try:
        for group in walk:
            first = group.size - len(group.entries)
            if first in job.sizes:
                reader.behind(first, group.entries)
            reader.add(first, group.entries)
    except Damaged as found:
        damage = Finding(found.code, found.sentence, found.seq)
    finally:
        reader.close()
    return Piece(
        segment=job.segment,
        origin=walk.origin,
        began=(walk.began.size, walk.began.nodes),
        ended=(walk.tree.size, walk.tree.nodes),
        root=walk.tree.root(),
        whole=bool(walk.end) and not walk.tail,
        tail=walk.tail,
        roots=walk.roots,
        contents=reader.contents,
        damage=damage,
    )
