"""What of a log is put where nobody can change it: all that its signed checkpoint covers.

A store is a log with segments of its own: each run adds what came since the run before, so that
nothing waits until a segment of the gateway's is full, and no segment that is there changes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from safeconduct.audit import checkpoint, notes, segments, tail
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.damage import Damaged
from safeconduct.audit.payloads import blobs
from safeconduct.audit.preserving import Altered, NotPreserved, Store
from safeconduct.audit.segments import Group, Header
from safeconduct.audit.signer import keys
from safeconduct.audit.walk import Walk
from safeconduct.core.merkle import HASH_BYTES, Tree

CHECKPOINTS: Final = "checkpoints"
_SEGMENT: Final = re.compile(r"segment-\d{8}\.log")
_PUBLIC: Final = "log.pub"
_END: Final = slice(-8 - HASH_BYTES, -HASH_BYTES)
"""Where a segment says the size of the tree that it ends with."""

_TAG_BYTES: Final = 16
"""What was sealed ends with a tag, all of whose bytes may be zero."""


class Preserved(msgspec.Struct, frozen=True):
    """What was put there now, and how many records are there, which a checkpoint there covers."""

    put: tuple[str, ...]
    records: int


def preserve(directory: Path, store: Store) -> Preserved:
    """Puts what is new, and looks whether what was there is what the log has.

    A payload that was overwritten since, because somebody was forgotten, stays as it was sealed,
    and nobody has its key.

    Raises:
        Altered: what is there is not what the log has.
        NotPreserved: the store does not take it, takes it back, or lacks what was pruned.
        Damaged: the log is not as it was written.
        ValueError: its checkpoint is none.
        OSError: the log cannot be read.
    """
    signed = (directory / checkpoint.NAME).read_bytes()
    claimed = checkpoint.parse(notes.parse(signed).text)
    there = store.names()
    kept = sorted(filter(_SEGMENT.fullmatch, there))
    tree = _compared(directory, claimed, store, kept)
    first = _opening(directory).segment
    number = segments.number(Path(kept[-1])) + 1 if kept else first
    # Payloads first: whoever reads a record there finds what it leads to.
    put = list(_payloads(directory, store, there))
    for at, piece in enumerate(_pieces(directory, claimed, tree, number), number):
        name = segments.path(directory, at).name
        store.put(name, piece)
        put.append(name)
    name = f"{CHECKPOINTS}/{claimed.size:020}"
    if name not in there:
        store.put(name, signed)
        put.append(name)
    # So that a copy of the store is a log that verifies.
    _point(store, there, checkpoint.NAME, store.read(name))
    _point(store, there, _PUBLIC, (directory / _PUBLIC).read_bytes())
    if first and not kept:
        _point(store, there, segments.PRUNED, b"%d" % first)
    return Preserved(tuple(put), claimed.size)


def _compared(directory: Path, claimed: Checkpoint, store: Store, kept: Sequence[str]) -> Tree:
    """The tree that the store's segments end with. Raises as `preserve` does."""
    walk = Walk(directory, claimed)
    groups = iter(walk)
    tree = begun = _opening(directory).tree()
    end = 0
    for name in kept:
        there = store.read(name)
        end = int.from_bytes(there[_END])
        if end <= begun.size > 0:  # what it has was pruned here
            continue
        if end > claimed.size:
            raise Altered(f"{name} goes on to size {end}, the checkpoint to {claimed.size}")
        # Of the one in which the log begins now, only the end can be compared.
        is_cut = tree is begun and begun.size > 0
        said = segments.header(claimed.origin, segments.number(Path(name)), tree)
        at = None if is_cut else len(said)
        is_same = is_cut or there.startswith(said)
        for data in map(_bytes, _until(walk, groups, end)):
            at = max(there.find(data), 0) if at is None else at
            is_same = is_same and there.startswith(data, at)
            if not is_same:
                break
            at += len(data)
        if not is_same or at != len(there):
            raise Altered(f"{name} is not what was preserved of it")
        tree = walk.tree
    if kept and end < begun.size:
        raise NotPreserved(
            f"records {end} to {begun.size - 1} were pruned before they were preserved (fix: "
            "preserve into another place)"
        )
    for _ in _until(walk, groups, claimed.size):
        pass
    walk.check_claim()
    return tree


def _pieces(directory: Path, claimed: Checkpoint, tree: Tree, number: int) -> Iterator[bytes]:
    """What came after a tree, as segments of the store."""
    if tree.size == claimed.size:
        return
    walk = Walk(directory, start=segments.holding(segments.listing(directory), tree.size + 1))
    before, piece = tree, bytearray()
    for group in _until(walk, iter(walk), claimed.size):
        if group.size <= tree.size:
            continue
        piece += _bytes(group)
        if len(piece) >= tail.SEGMENT_BYTES or group.size == claimed.size:
            yield segments.header(claimed.origin, number, before) + bytes(piece)
            before, number, piece = walk.tree, number + 1, bytearray()


def _until(walk: Walk, groups: Iterator[Group], size: int) -> Iterator[Group]:
    """The next groups of a walk, until its tree has that size."""
    while walk.tree.size < size and (group := next(groups, None)) is not None:
        yield group


def _bytes(group: Group) -> bytes:
    return segments.group(group.entries, group.size, group.root)


def _opening(directory: Path) -> Header:
    """What the first segment says that there is. Raises Damaged, OSError."""
    paths = segments.listing(directory)
    if not paths:
        raise Damaged("truncated", "the log has no segment", 0)
    with paths[0].open("rb") as file:
        opening = segments.read_header(file.fileno())
    if opening is None:
        raise Damaged("edited", f"{paths[0].name} does not open with a header", 0)
    return opening[0]


def _payloads(directory: Path, store: Store, there: frozenset[str]) -> Iterator[str]:
    """Puts files of payloads, the one that still grows included, and yields their names."""
    last = blobs.last(directory)
    for number in range(last + 1):
        path = blobs.path(directory, number)
        name, after = path.name, blobs.path(directory, number + 1).name
        if after in there or not path.exists():
            continue
        data = path.read_bytes()
        data = data[: len(data.rstrip(b"\0")) + _TAG_BYTES]
        if name not in there:
            store.put(name, data)
        elif len(store.read(name)) < len(data):
            store.point(name, data)
        else:
            continue
        yield name


def _point(store: Store, there: frozenset[str], name: str, data: bytes) -> None:
    if name not in there or store.read(name) != data:
        store.point(name, data)


def opened(to: str, log: Path, *, days: int | None, endpoint: str | None = None) -> Store:
    """The store of an address: `s3://bucket/prefix`, or a directory, for a log.

    Raises:
        NotPreserved: it cannot be one.
        OSError: the directory cannot be made.
    """
    if not to.startswith("s3://"):
        from safeconduct.audit.preserving.directory import Directory  # noqa: PLC0415 - Linux alone

        place = Path(to)
        _apart(place.resolve(), log.resolve())
        return Directory(place)
    from safeconduct.audit.preserving.s3 import Bucket  # noqa: PLC0415 - an extra

    bucket, _, prefix = to.removeprefix("s3://").partition("/")
    if not bucket or days is None:
        raise NotPreserved("s3://bucket/prefix needs --days: how long each object is locked")
    return Bucket(bucket, prefix, days=days, endpoint=endpoint)


def _apart(place: Path, log: Path) -> None:
    """Raises NotPreserved where a store lies in a log or in a gateway's state, or holds the log."""
    own = log.parent if (log.parent / keys.NAME).exists() else log
    if place.is_relative_to(own) or log.is_relative_to(place):
        raise NotPreserved(
            f"{place} is where the log itself is (fix: --to a directory on another machine's disk)"
        )
