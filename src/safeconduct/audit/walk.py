"""Reading a log with proof: every group is checked before its records are seen.

A walk takes no lock and changes nothing, so it may read a log that is being written: of its last
segment it reads what was there when it got to it.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from safeconduct.audit import segments
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.damage import Damaged
from safeconduct.audit.segments import Group, Header
from safeconduct.core.merkle import Tree


class Reached(NamedTuple):
    """How far somebody has read a log, with proof: to where in a segment the tree ends."""

    origin: str
    tree: Tree
    segment: int
    end: int


class Walk:
    """The groups of a log, from one of its segments or what was reached on, and up to a segment.

    While it is iterated, `tree` is the tree with all groups so far, the one just yielded included,
    and `began` the one it began with; `origin` the log's name; `segment` the number of the segment
    being read (-1 before the first) and `end` the offset in it up to which all is proven (0 before
    its header). After the last group `tail` is the number of bytes that follow and belong to no
    whole group, without the zeros at the end of a file: a torn write, or one that is under way.
    `roots` has the root at each of the sizes that were asked for, as far as a group ended there.
    """

    def __init__(
        self,
        directory: Path,
        claimed: Checkpoint | None = None,
        *,
        start: int = 0,
        reached: Reached | None = None,
        stop: int | None = None,
        sizes: Iterable[int] = (),
    ) -> None:
        """A walk that also looks for the tree that a checkpoint claims.

        A log may grow meanwhile: load its checkpoint first, so that the claim is the older one.

        Args:
            directory: Where the log is.
            claimed: Its checkpoint, for `check_claim`.
            start: The number of the first segment to read.
            reached: From where to go on, instead. `check_claim` knows no roots from before it.
            stop: The number of the first not to read; None reads to the end.
            sizes: Further sizes whose roots are of interest.

        Raises:
            Damaged: a segment is missing.
            OSError: the directory cannot be read.
        """
        self.tree = Tree() if reached is None else reached.tree
        self.origin: str | None = None if reached is None else reached.origin
        self.end = 0
        self.tail = 0
        self.began = self.tree
        self.roots: dict[int, bytes] = {}
        self._claimed = claimed
        self._sizes = {*sizes} if claimed is None else {*sizes, claimed.size}
        if self.tree.size in self._sizes:
            self.roots[self.tree.size] = self.tree.root()
        found = segments.listing(directory)
        self._reached = reached
        start = start if reached is None else reached.segment
        self._start = start = max(start, segments.number(found[0]) if found else 0)
        self._paths = [
            one
            for one in found
            if start <= segments.number(one) and (stop is None or segments.number(one) < stop)
        ]
        self.segment = start - 1
        self._doubt = ""
        self._is_whole = False  # what is in doubt has all its checksums

    def __iter__(self) -> Iterator[Group]:
        """Raises Damaged at the first thing that is not as it was written, OSError."""
        for path in self._paths:
            if self.segment >= self._start and (self.tail or not self.end):
                raise self._damaged(f"segment {self.segment} has no end, and {path.name} exists")
            self.segment += 1
            self.end = 0
            if self._reached is not None and self._reached.segment == self.segment:
                self.end = self._reached.end
            fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
            try:
                yield from self._segment(fd)
            finally:
                os.close(fd)

    def check_claim(self) -> None:
        """After the walk: raises Damaged when the log is not what its checkpoint claims."""
        check_claim(self._claimed, self.origin, self.tree.size, self.roots)

    def _segment(self, fd: int) -> Iterator[Group]:
        horizon = os.fstat(fd).st_size
        if horizon > segments.MOST_BYTES:
            raise self._damaged(f"segment {self.segment} has {horizon} bytes, and none is so long")
        trailer_ahead = False
        while self.end < horizon:
            before = self.end
            yield from self._proven(fd, horizon)
            if trailer_ahead and self.end == before:
                if not self._is_torn(fd):
                    raise self._damaged(self._doubt)
                break
            # Groups are written in order. With a whole trailer ahead, all before it is in the file
            # by now, so if it is only that a writer was at work, reading again gets further.
            trailer_ahead = segments.has_trailer(fd, self.end)
            if not trailer_ahead:
                break
        self.tail = segments.without_zeros(fd, self.end, horizon)

    def _is_torn(self, fd: int) -> bool:
        """Whether it may be that the power failed while the next group was written: a disk writes
        its sectors in any order, so that a trailer may be there and not all that it ends. Nobody
        was told of that group, no checkpoint knows it, and no other was begun after it.
        """
        if self._is_whole or self._claimed is None or self._claimed.size > self.tree.size:
            return False
        after = segments.after_trailer(fd, self.end)
        return after is not None and not segments.has_trailer(fd, after)

    def _proven(self, fd: int, horizon: int) -> Iterator[Group]:
        """Groups from `end` on, up to the horizon or the first doubt."""
        if not self.end:
            opening = segments.read_header(fd)
            if opening is None:
                self._doubt = f"segment {self.segment} does not open with a header"
                return
            self._enter(*opening)
        self._doubt = f"record {self.tree.size} or one soon after it is not as it was written"
        for group in segments.groups(fd, self.end):
            grown = self.tree.copy()
            grown.extend(group.entries)
            if group.size != grown.size or group.root != grown.root():
                last = self.tree.size + len(group.entries) - 1
                self._doubt = f"records {self.tree.size} to {last} do not give their trailer's root"
                self._is_whole = True
                return
            self.tree, self.end = grown, group.end
            if group.size in self._sizes:
                self.roots[group.size] = group.root
            yield group
            if self.end >= horizon:
                return

    def _enter(self, said: Header, end: int) -> None:
        try:
            tree = said.tree()
        except ValueError as error:
            raise self._damaged(f"the header of segment {self.segment}: {error}") from None
        if self.segment == self._start and self._start > 0:
            self.began = self.tree = tree
        same = tree.size == self.tree.size and tree.nodes == self.tree.nodes
        if said.segment != self.segment or not same:
            raise self._damaged(f"segment {self.segment} does not continue the one before it")
        if self.origin is not None and said.origin != self.origin:
            raise self._damaged(f"segment {self.segment} is of another log, {said.origin!r}")
        self.origin = said.origin
        self.end = end

    def _damaged(self, sentence: str) -> Damaged:
        return Damaged("edited", sentence, self.tree.size)


def check_claim(
    claimed: Checkpoint | None,
    origin: str | None,
    size: int,
    roots: Mapping[int, bytes],
    name: str = "the checkpoint",
) -> None:
    """Raises Damaged when a log is not what a checkpoint claims.

    Args:
        claimed: The checkpoint.
        origin: The name of the log, if it has records.
        size: How many it has.
        roots: By size the roots of trees that the log went through.
        name: What the checkpoint is called.
    """
    if claimed is None:
        raise Damaged("truncated", f"{name} is gone, and perhaps what it knew of", 0)
    if origin is not None and origin != claimed.origin:
        raise Damaged("edited", f"{name} is of another log, {claimed.origin!r}", 0)
    if claimed.size > size:
        raise Damaged(
            "truncated", f"{name} knows {claimed.size} records, the log holds {size}", size
        )
    if roots.get(claimed.size) != claimed.root:
        fork = f"{name} and the log have different roots for the first {claimed.size} records"
        raise Damaged("forked", fork, claimed.size)
