"""Reading a log as it grows: each record once, and nothing that its group's root does not cover."""

from __future__ import annotations

import os
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple

from safeconduct.audit import segments
from safeconduct.audit.damage import Damaged
from safeconduct.core.merkle import Tree, leaf_hash


class Proven(NamedTuple):
    """A group that gives its root: its entries, their leaf hashes, and the segment they are in."""

    entries: list[bytes]
    leaves: list[bytes]
    segment: int


class Reader:
    """Where a reading of a log has got to: `tree` is the tree of all that was read."""

    def __init__(self, directory: Path, origin: str, segment: int) -> None:
        """Begins with a segment of the log that has this name."""
        self.tree = Tree()
        self._directory = directory
        self._origin = origin
        self._segment = segment
        self._offset = 0
        self._begun = segment == 0

    def advance(self, size: int) -> Generator[Proven]:
        """The groups up to `size` records, which are durable. Who stops in between goes on there.

        Raises:
            Damaged: the log does not hold them as they were written.
            OSError: it cannot be read.
        """
        while self.tree.size < size or not self._begun:
            try:
                path = segments.path(self._directory, self._segment)
                fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            except FileNotFoundError:
                held = self.tree.size
                missing = f"{size} records were written, the log holds {held}"
                raise Damaged("truncated", missing, held) from None
            try:
                yield from self._groups(fd, size)
                if self.tree.size < size and segments.has_trailer(fd, self._offset):
                    n = self.tree.size
                    raise self._edited(f"record {n} or one soon after it is not as it was written")
            finally:
                os.close(fd)
            if self.tree.size < size:  # the rest is in the next one: what is asked for is durable
                self._segment += 1
                self._offset = 0

    def _groups(self, fd: int, size: int) -> Generator[Proven]:
        if not self._offset:
            self._enter(fd)
        if self.tree.size >= size:
            return
        for group in segments.groups(fd, self._offset):
            grown = self.tree.copy()
            leaves = [leaf_hash(entry) for entry in group.entries]
            for leaf in leaves:
                grown.append(leaf)
            if group.size != grown.size or group.root != grown.root() or grown.size > size:
                last = self.tree.size + len(leaves) - 1
                raise self._edited(f"records {self.tree.size} to {last} do not give their root")
            self.tree, self._offset = grown, group.end
            yield Proven(group.entries, leaves, self._segment)
            if grown.size == size:
                return

    def _enter(self, fd: int) -> None:
        opening = segments.read_header(fd)
        if opening is None:
            raise self._edited(f"segment {self._segment} does not open with a header")
        header, offset = opening
        try:
            tree = header.tree()
        except ValueError as error:
            raise self._edited(f"the header of segment {self._segment}: {error}") from None
        if header.origin != self._origin:
            raise self._edited(f"segment {self._segment} is of another log, {header.origin!r}")
        if self._begun and (tree.size, tree.nodes) != (self.tree.size, self.tree.nodes):
            raise self._edited(f"segment {self._segment} does not continue the one before it")
        self.tree, self._offset, self._begun = tree, offset, True

    def _edited(self, sentence: str) -> Damaged:
        return Damaged("edited", sentence, self.tree.size)
