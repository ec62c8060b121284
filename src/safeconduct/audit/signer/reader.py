"""Reading a log as it grows: each record once, and nothing that its group's root does not cover."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from safeconduct.audit import segments
from safeconduct.audit.damage import Damaged
from safeconduct.core.merkle import Tree, leaf_hash


class Reader:
    """Where a reading of a log has got to: `tree` is the tree of all that was read."""

    def __init__(self, directory: Path, origin: str, before: int) -> None:
        """Begins with the segment in which record number `before` is, or the last one there is.

        Raises:
            Damaged: a segment is missing.
            OSError: the log cannot be read.
        """
        self.tree = Tree()
        self._directory = directory
        self._origin = origin
        self._segment = segments.holding(segments.listing(directory), before + 1)
        self._offset = 0
        self._begun = self._segment == 0

    def advance(self, size: int) -> Iterator[list[bytes]]:
        """The leaf hashes of the records up to `size`, a group at a time.

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
            finally:
                os.close(fd)
            if self.tree.size < size:  # the rest is in the next one: what is asked for is durable
                self._segment += 1
                self._offset = 0

    def _groups(self, fd: int, size: int) -> Iterator[list[bytes]]:
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
                raise self._edited(f"records {self.tree.size} to {group.size - 1}")
            self.tree, self._offset = grown, group.end
            yield leaves
            if grown.size == size:
                return

    def _enter(self, fd: int) -> None:
        opening = segments.read_header(fd)
        try:
            header, self._offset = opening or (None, 0)
            tree = None if header is None else header.tree()
        except ValueError:
            header = tree = None
        if header is None or tree is None or header.origin != self._origin:
            raise self._edited(f"the header of segment {self._segment}")
        if self._begun and (tree.size, tree.nodes) != (self.tree.size, self.tree.nodes):
            raise self._edited(f"the end of segment {self._segment - 1}")
        self.tree, self._begun = tree, True

    def _edited(self, what: str) -> Damaged:
        return Damaged("edited", f"{what}: not as written", self.tree.size)
