"""Bringing an index up to its log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import orjson

from safeconduct.audit import checkpoint, segments
from safeconduct.audit.faults import Damaged
from safeconduct.audit.index.entry import Entries, Entry, Party, place
from safeconduct.audit.index.port import Index, IndexDamaged, Position
from safeconduct.audit.segments import Group
from safeconduct.audit.walk import Reached, Walk
from safeconduct.core.merkle import EMPTY_ROOT, Tree

BATCH: Final = 20_000
"""Records that are added in one step."""

_PARTIES: Final = 100_000
_FRAME: Final = len(segments.frame(segments.ENTRY, b""))
_TRAILER: Final = len(segments.group((), 0, EMPTY_ROOT))


class Parties:
    """Whose a task is, out of memory as far as it reaches, or asked of the index."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._known: dict[str, Party | None] = {}

    def __call__(self, task: str) -> Party | None:
        if task not in self._known:
            found = self._index.task(task)
            self.put(task, None if found is None else found.party)
        return self._known[task]

    def put(self, task: str, party: Party | None) -> None:
        """Remembers whose a task is."""
        if len(self._known) >= _PARTIES:
            self._known.clear()
        self._known[task] = party


def catch_up(directory: Path, index: Index, *, tenant: str = "") -> int:
    """Adds to an index what the log has gained, every group of it proven; how many records it has.

    Of what is not the beginning of this log any more nothing is kept. `tenant` is that of records
    before the first that names one.

    Raises:
        Damaged: the log is not as it was written. What comes before is in the index.
        IndexDamaged: the index cannot be read or written.
        OSError: the log cannot be read.
    """
    position = index.position()
    if position is not None and not _continues(directory, position):
        index.clear()
        position = None
    parties = Parties(index)
    entries = Entries(tenant if position is None else position.tenant, parties)
    batch: list[Entry] = []
    reached = None if position is None else _reached(position)
    walk = Walk(directory, checkpoint.load(directory), reached=reached)
    try:
        for group in walk:
            batch += _taken(group, walk.segment, entries, parties)
            reached = Reached(walk.origin or "", walk.tree, walk.segment, group.end)
            if len(batch) >= BATCH:
                _add(index, batch, reached, entries.tenant)
                batch = []
    finally:
        if batch and reached is not None:
            _add(index, batch, reached, entries.tenant)
    return 0 if reached is None else reached.tree.size


def _taken(group: Group, segment: int, entries: Entries, parties: Parties) -> Iterator[Entry]:
    n = group.size - len(group.entries)
    offset = group.end - _TRAILER - sum(_FRAME + len(data) for data in group.entries)
    for data in group.entries:
        entry = entries.entry(n, place(segment, offset), _record(data, n))
        if entry.task:
            parties.put(entry.task, entry.party)
        yield entry
        n += 1
        offset += _FRAME + len(data)


def _add(index: Index, batch: list[Entry], reached: Reached, tenant: str) -> None:
    position = Position(
        origin=reached.origin,
        size=reached.tree.size,
        segment=reached.segment,
        offset=reached.end,
        nodes=tuple(node.hex() for node in reached.tree.nodes),
        tenant=tenant,
    )
    index.add(batch, position)


def _record(data: bytes, n: int) -> dict[str, Any]:
    try:
        record = orjson.loads(data)
    except orjson.JSONDecodeError:
        record = None
    if not isinstance(record, dict):
        raise Damaged("edited", f"record {n} is no record", n)
    return cast("dict[str, Any]", record)


def _reached(position: Position) -> Reached:
    try:
        tree = Tree(position.size, [bytes.fromhex(node) for node in position.nodes])
    except ValueError as error:
        raise IndexDamaged(f"its position is none: {error}") from error
    return Reached(position.origin, tree, position.segment, position.offset)


def _continues(directory: Path, position: Position) -> bool:
    """Whether the log still has, where the index had come to, the tree that it had there."""
    tree = _reached(position).tree
    trailer = segments.group((), tree.size, tree.root())
    try:
        fd = os.open(segments.path(directory, position.segment), os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        return os.pread(fd, _TRAILER, max(0, position.offset - _TRAILER)) == trailer
    finally:
        os.close(fd)
