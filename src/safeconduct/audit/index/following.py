"""Bringing an index up to its log."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import orjson

from safeconduct.audit import checkpoint, segments
from safeconduct.audit.faults import Damaged
from safeconduct.audit.index.entry import Entries, Entry, Party, place
from safeconduct.audit.index.port import Index, IndexDamaged, Position
from safeconduct.audit.segments import Group
from safeconduct.audit.walk import Walk
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


class _Step(NamedTuple):
    """A proven group, where it lies, and the tree with it."""

    group: Group
    segment: int
    origin: str
    tree: Tree


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
    last: _Step | None = None
    try:
        for last in _steps(directory, position):
            batch += _taken(last, entries, parties)
            if len(batch) >= BATCH:
                _add(index, batch, last, entries.tenant)
                batch = []
    finally:
        if batch and last is not None:
            _add(index, batch, last, entries.tenant)
    return last.tree.size if last is not None else 0 if position is None else position.size


def _taken(step: _Step, entries: Entries, parties: Parties) -> Iterator[Entry]:
    group = step.group
    n = group.size - len(group.entries)
    offset = group.end - _TRAILER - sum(_FRAME + len(data) for data in group.entries)
    for data in group.entries:
        entry = entries.entry(n, place(step.segment, offset), _record(data, n))
        if entry.task:
            parties.put(entry.task, entry.party)
        yield entry
        n += 1
        offset += _FRAME + len(data)


def _add(index: Index, batch: list[Entry], last: _Step, tenant: str) -> None:
    position = Position(
        origin=last.origin,
        size=last.tree.size,
        segment=last.segment,
        offset=last.group.end,
        nodes=tuple(node.hex() for node in last.tree.nodes),
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


def _steps(directory: Path, position: Position | None) -> Iterator[_Step]:
    """The groups after a position; Damaged at the first thing that is not as it was written."""
    start = 0
    before: Tree | None = None  # what the first group has to go on from
    if position is not None:
        start, before = position.segment + 1, _tree(position)
        for step in _rest(directory, position):
            before = step.tree
            yield step
    known = 0 if before is None else before.size
    walk = Walk(directory, checkpoint.load(directory), start=start, before=known)
    for group in walk:
        if before is not None:
            before.extend(group.entries)
            if before.root() != group.root:
                sentence = f"segment {walk.segment} does not continue the one before it"
                raise Damaged("edited", sentence, group.size - len(group.entries))
            before = None
        yield _Step(group, walk.segment, walk.origin or "", walk.tree)


def _rest(directory: Path, position: Position) -> Iterator[_Step]:
    """What was added to the segment that a position is in."""
    tree, end = _tree(position), position.offset
    fd = os.open(segments.path(directory, position.segment), os.O_RDONLY | os.O_NOFOLLOW)
    try:
        for group in segments.groups(fd, position.offset):
            tree = tree.copy()
            tree.extend(group.entries)
            if (group.size, group.root) != (tree.size, tree.root()):
                break
            end = group.end
            yield _Step(group, position.segment, position.origin, tree)
        doubtful = segments.has_trailer(fd, end)
    finally:
        os.close(fd)
    if doubtful:  # a walk knows what is a write under way and what is damage, and says which
        for _ in Walk(directory, checkpoint.load(directory), start=position.segment):
            pass


def _tree(position: Position) -> Tree:
    try:
        return Tree(position.size, [bytes.fromhex(node) for node in position.nodes])
    except ValueError as error:
        raise IndexDamaged(f"its position is none: {error}") from error


def _continues(directory: Path, position: Position) -> bool:
    """Whether the log still has, where the index had come to, the tree that it had there."""
    tree = _tree(position)
    trailer = segments.group((), tree.size, tree.root())
    try:
        fd = os.open(segments.path(directory, position.segment), os.O_RDONLY | os.O_NOFOLLOW)
    except FileNotFoundError:
        return False
    try:
        return os.pread(fd, _TRAILER, max(0, position.offset - _TRAILER)) == trailer
    finally:
        os.close(fd)
