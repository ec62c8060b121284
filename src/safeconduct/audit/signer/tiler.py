"""Writing full hash tiles as a log grows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from safeconduct.audit import tiles
from safeconduct.audit.flush import flush, flush_directory
from safeconduct.audit.tiles import HEIGHT, WIDTH, fold
from safeconduct.core.merkle import Tree


class Tiler:
    """The tiles of a log that are not full yet, a row of hashes for each level."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._rows: list[list[bytes]] = [[]]
        self._full = [0]
        self._waiting: list[tuple[int, int, bytes]] = []  # full, and not written yet

    def take_up(self, size: int) -> bool:
        """Goes on after the first `size` leaves, which fill whole tiles of level 0.

        Returns whether the tiles that it takes are there. Raises OSError.
        """
        level = 1
        while count := size >> HEIGHT * level:
            row: list[bytes] = []
            for index in range(count & -WIDTH, count):
                tile = tiles.read(self._directory, level - 1, index)
                if tile is None:
                    return False
                row.append(fold(tile))
            self._rows.append(row)
            self._full.append(count >> HEIGHT)
            level += 1
        self._full[0] = size >> HEIGHT
        return True

    def add(self, leaves: Iterable[bytes]) -> None:
        """Takes in leaf hashes; full tiles wait for `flush`."""
        self._rows[0].extend(leaves)
        level = 0
        while len(self._rows[level]) >= WIDTH:
            row = self._rows[level]
            if level + 1 == len(self._rows):
                self._rows.append([])
                self._full.append(0)
            for start in range(0, len(row) - WIDTH + 1, WIDTH):
                tile = row[start : start + WIDTH]
                self._waiting.append((level, self._full[level], b"".join(tile)))
                self._full[level] += 1
                self._rows[level + 1].append(fold(tile))
            del row[: len(row) & -WIDTH]
            level += 1

    def partial(self) -> Iterator[tuple[int, int, bytes]]:
        """The tiles that are not full and not empty: level, number, hashes."""
        for level, row in enumerate(self._rows):
            if row:
                yield level, self._full[level], b"".join(row)

    def stands_under(self, tree: Tree) -> bool:
        """Whether these rows are the right edge of a tree: whether the tiles that were read are."""
        nodes: list[bytes] = []
        for row in reversed(self._rows):
            start = 0
            for height in reversed(range(HEIGHT)):
                if len(row) >> height & 1:
                    nodes.append(fold(row[start : start + (1 << height)]))
                    start += 1 << height
        return tuple(nodes) == tree.nodes

    def flush(self) -> None:
        """Makes all full tiles durable. Raises OSError; then all of them wait for the next time."""
        touched: set[Path] = set()
        for level, index, data in self._waiting:
            path = self._directory / tiles.path(level, index)
            _make(path.parent, touched)
            draft = path.with_name(f".{path.name}")
            fd = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW, 0o600)
            with os.fdopen(fd, "wb") as file:
                file.write(data)
                file.flush()
                flush(fd)
            draft.replace(path)
            touched.add(path.parent)
        for directory in touched:
            flush_directory(directory)
        self._waiting.clear()


def _make(directory: Path, touched: set[Path]) -> None:
    """Makes a directory and those above it; `touched` gets those that one was made in."""
    if not directory.is_dir():
        _make(directory.parent, touched)
        directory.mkdir(mode=0o700, exist_ok=True)
        touched.add(directory.parent)
