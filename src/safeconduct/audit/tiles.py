"""Hash tiles: the tree of a log in files of 256 hashes, as C2SP tlog-tiles lays it out.

A tile of level 0 holds leaf hashes, one of level 1 the roots of 256 tiles of level 0, and so on. In
a log's directory there are full tiles only, written by its signer; what is not in them is computed
from the segments. So tiles are worth nothing as evidence, and can be thrown away: whoever gets a
proof made of them checks it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Final

from safeconduct.audit import segments
from safeconduct.audit.damage import Damaged
from safeconduct.audit.segments import Group
from safeconduct.core.merkle import HASH_BYTES, leaf_hash, node_hash

HEIGHT: Final = 8
WIDTH: Final = 1 << HEIGHT
TILE_BYTES: Final = WIDTH * HASH_BYTES
ENTRIES: Final = "entries"
"""What stands for the level in the path of a bundle of entries."""

_NEAR_BYTES: Final = 1 << 16
_KEPT: Final = 512  # tiles with all that is hashed of them, 32 KB each


def path(level: int | str, index: int, width: int = WIDTH) -> str:
    """Where a tile, or a bundle of entries, is below a log's directory or address."""
    groups = [f"{index % 1000:03}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03}")
    partial = "" if width == WIDTH else f".p/{width}"
    return f"tile/{level}/{'/'.join(reversed(groups))}{partial}"


def above(row: Sequence[bytes]) -> list[bytes]:
    """The nodes over the whole pairs of a row of nodes."""
    return [node_hash(row[at], row[at + 1]) for at in range(0, len(row) - 1, 2)]


def fold(row: Sequence[bytes]) -> bytes:
    """The node over a row of as many nodes as a power of two says."""
    while len(row) > 1:
        row = above(row)
    return row[0]


def read(directory: Path, level: int, index: int) -> list[bytes] | None:
    """The hashes of a full tile; None where there is none of the right length. Raises OSError."""
    try:
        fd = os.open(directory / path(level, index), os.O_RDONLY | os.O_NONBLOCK)
    except FileNotFoundError:
        return None
    try:
        data = os.read(fd, TILE_BYTES + 1)
    finally:
        os.close(fd)
    if len(data) != TILE_BYTES:
        return None
    return [data[at : at + HASH_BYTES] for at in range(0, TILE_BYTES, HASH_BYTES)]


class Hashes:
    """The hashes of a log's first `size` records for `core.proofs`: from tiles, else segments."""

    def __init__(self, directory: Path, size: int) -> None:
        self._directory = directory
        self._size = size
        self._leaves: dict[int, list[bytes]] = {}
        self._nodes = lru_cache(_KEPT)(self._computed)

    def __call__(self, level: int, index: int) -> bytes:
        """The hash of a perfect subtree.

        Raises:
            Damaged: the segments do not hold it.
            OSError: a file cannot be read.
        """
        height = level % HEIGHT
        tile, at = divmod(index << height, WIDTH)
        try:
            return self._nodes(level // HEIGHT, tile)[height][at >> height]
        except IndexError:
            raise Damaged("truncated", f"the log does not hold {self._size} records") from None

    def tile(self, level: int, index: int) -> list[bytes]:
        """The hashes of a tile: 256, or at the right edge of the tree as many as there are.

        Raises: as when called.
        """
        return self._nodes(level, index)[0]

    def _computed(self, level: int, index: int) -> list[list[bytes]]:
        rows = [read(self._directory, level, index) or self._missing(level, index)]
        for _ in range(HEIGHT - 1):
            rows.append(above(rows[-1]))
        return rows

    def _missing(self, level: int, index: int) -> list[bytes]:
        if level:
            first = index * WIDTH
            # The last row of a full tile has the two nodes below its root: no more is hashed again.
            return [
                fold(self._nodes(level - 1, first + at)[-1])
                for at in range(self._width(level, index))
            ]
        if index not in self._leaves:
            self._read_leaves(index)
        return self._leaves.get(index, [])

    def _read_leaves(self, tile: int) -> None:
        """Reads the leaves of a tile from the segments, and of those after it that are not kept."""
        found: dict[int, list[bytes]] = {}
        start = tile * WIDTH
        for group in _groups(self._directory, start):
            first = group.size - len(group.entries)
            for seq, entry in enumerate(group.entries, first):
                if start <= seq < self._size:
                    found.setdefault(seq // WIDTH, []).append(leaf_hash(entry))
            at = group.size // WIDTH
            if group.size >= self._size or (at > tile and read(self._directory, 0, at)):
                break
        for index, leaves in found.items():
            if len(leaves) == self._width(0, index):
                self._leaves.setdefault(index, leaves)

    def _width(self, level: int, index: int) -> int:
        return min(WIDTH, (self._size >> HEIGHT * level) - index * WIDTH)


def entry(directory: Path, index: int) -> bytes:
    """The exact bytes of a record, for whoever proves them by themselves: here nothing is proven.

    Raises:
        Damaged: the segments do not hold it.
        OSError: a file cannot be read.
    """
    for group in _groups(directory, index):
        if index < group.size:
            # A group after the record: what is before it was removed.
            at = index - (group.size - len(group.entries))
            if at >= 0:
                return group.entries[at]
            break
    raise Damaged("truncated", f"the log does not hold record {index}", index)


def _groups(directory: Path, start: int) -> Iterator[Group]:
    """The groups from the one that holds a record on, or a few before it. They are not proven: what
    is made of them is.
    """
    paths = segments.listing(directory)
    holding = segments.holding(paths, start + 1)
    for path in paths:
        if segments.number(path) < holding:
            continue
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
        try:
            opening = segments.read_header(fd)
            if opening is not None:
                yield from segments.groups(fd, _near(fd, opening[1], start))
        finally:
            os.close(fd)


def _near(fd: int, low: int, start: int) -> int:
    """Where in a segment to begin for a record: after the last trailer that bisecting finds before
    it, as a segment is too long to read for a few leaves.
    """
    high = os.fstat(fd).st_size
    while high - low > _NEAR_BYTES:
        middle = (low + high) // 2
        end = segments.after_trailer(fd, middle)
        group = None if end is None else next(segments.groups(fd, end), None)
        if end is not None and group is not None and group.size - len(group.entries) <= start:
            low = end
        else:
            high = middle
    return low
