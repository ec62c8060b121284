"""A log as static files that anybody's tools read: C2SP tlog-tiles.

Everything that is published is made from the records themselves, not from tiles beside them, and
nothing before it stands under the checkpoint. Bundles and tiles come first and the checkpoint last,
each as a whole, so that a reader at any moment finds all that the checkpoint needs.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Final

from safeconduct.audit import checkpoint, segments, tiles
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.damage import Damaged
from safeconduct.audit.signer.tiler import Tiler
from safeconduct.audit.tiles import ENTRIES, WIDTH
from safeconduct.audit.walk import Walk
from safeconduct.core.merkle import EMPTY_ROOT, HASH_BYTES, leaf_hash
from safeconduct.kit import files

_MODE: Final = 0o600


def publish(
    directory: Path,
    out: Path,
    noted: Callable[[Iterator[tuple[int, bytes]]], None] | None = None,
) -> Checkpoint:
    """Brings a directory of static files up to a log's checkpoint, which it returns.

    The log may be in use. What was published stays, but for partial tiles that are full now.
    `noted` is given the numbers and exact bytes of the records before any of them is written, and
    what it raises is raised.

    Raises:
        Damaged: the log is not what its checkpoint says, or another one was published there.
        OSError: something cannot be read or written.
    """
    note = (directory / checkpoint.NAME).read_bytes()
    tree = _parsed(note)
    before = _published(out, tree.origin)
    if before.size > tree.size:
        raise Damaged("truncated", f"{before.size} records were published, there are {tree.size}")
    publishing = _Publishing(directory, out, before, tree)
    if noted is not None:
        noted(publishing.entries())
    out.mkdir(mode=0o700, parents=True, exist_ok=True)
    publishing.run()
    files.replace(out / checkpoint.NAME, note, mode=_MODE)
    return tree


class _Publishing:
    """The way from one published size to the next."""

    def __init__(self, directory: Path, out: Path, before: Checkpoint, tree: Checkpoint) -> None:
        self._directory = directory
        self._out = out
        self._before = before
        self._tree = tree
        self._tiler = Tiler(out)
        base = before.size & -WIDTH
        if not self._tiler.take_up(base):
            self._tiler, base = Tiler(out), 0
        self._base = base
        self._bundle: list[bytes] = []
        self._number = base // WIDTH

    def entries(self) -> Iterator[tuple[int, bytes]]:
        """Numbers and bytes of the records that are about to be written."""
        for group in self._walk():
            for n, entry in enumerate(group.entries, group.size - len(group.entries)):
                if self._base <= n < self._tree.size:
                    yield n, entry
            if group.size >= self._tree.size:
                return

    def run(self) -> None:
        walk = self._walk()
        for group in walk:
            if walk.began.size > self._base:
                gone = f"records before {walk.began.size} were pruned and are not published there"
                raise Damaged("truncated", gone, self._base)
            first = group.size - len(group.entries)
            self._add(group.entries[max(0, self._base - first) :])
            if group.size >= self._tree.size:
                break
        walk.roots.setdefault(walk.began.size, walk.began.root())
        for one in (self._before, self._tree):
            if walk.roots.get(one.size) != one.root:
                told = f"the log is not the one whose first {one.size} records were signed"
                raise Damaged("forked", told, one.size)
        if not self._tiler.stands_under(walk.tree):
            raise Damaged("forked", f"{self._out} holds tiles of another log")
        self._tiler.flush()
        for level, index, hashes in self._tiler.partial():
            width = len(hashes) // HASH_BYTES
            files.replace(self._out / tiles.path(level, index, width), hashes, mode=_MODE)
            if level:
                self._clear(level, index - 1)
        self._write_bundle()

    def _walk(self) -> Walk:
        return Walk(
            self._directory,
            start=segments.holding(segments.listing(self._directory), self._base + 1),
            sizes=(self._before.size, self._tree.size),
        )

    def _add(self, entries: list[bytes]) -> None:
        self._tiler.add(leaf_hash(entry) for entry in entries)
        for entry in entries:
            self._bundle.append(len(entry).to_bytes(2) + entry)
            if len(self._bundle) == WIDTH:
                self._write_bundle()
                self._clear(ENTRIES, self._number)
                self._clear(0, self._number)
                self._bundle.clear()
                self._number += 1

    def _write_bundle(self) -> None:
        if self._bundle:
            path = tiles.path(ENTRIES, self._number, len(self._bundle))
            files.replace(self._out / path, b"".join(self._bundle), mode=_MODE)

    def _clear(self, level: int | str, index: int) -> None:
        """Removes the partial ones of a tile that is full."""
        if index >= 0:
            shutil.rmtree(self._out / f"{tiles.path(level, index)}.p", ignore_errors=True)


def _published(out: Path, origin: str) -> Checkpoint:
    with suppress(FileNotFoundError):
        found = _parsed((out / checkpoint.NAME).read_bytes())
        if found.origin != origin:
            raise Damaged("forked", f"{out} holds the log {found.origin!r}, not {origin!r}")
        return found
    return Checkpoint(origin, 0, EMPTY_ROOT)


def _parsed(note: bytes) -> Checkpoint:
    try:
        return checkpoint.parse(note.decode())
    except ValueError:
        raise Damaged("edited", "the checkpoint file holds no checkpoint") from None
