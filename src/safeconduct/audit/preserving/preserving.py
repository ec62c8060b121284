"""What of a log is put where nobody can change it: whole segments, and checkpoints over them."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from safeconduct.audit import checkpoint, notes, segments
from safeconduct.audit.payloads import blobs
from safeconduct.audit.preserving import Altered, NotPreserved, Store
from safeconduct.audit.walk import Walk

CHECKPOINTS: Final = "checkpoints"
_CHECKPOINT: Final = re.compile(rf"{CHECKPOINTS}/(\d{{20}})")
_PUBLIC: Final = "log.pub"


class Preserved(msgspec.Struct, frozen=True):
    """What was put there now, how many records are there in all, and how many of them the newest
    checkpoint that is there covers.
    """

    put: tuple[str, ...]
    records: int
    covered: int


def preserve(directory: Path, store: Store) -> Preserved:
    """Puts what is new, and looks at segments that were there whether they are what the log has.

    Only what will not change any more goes: all but the last segment and the last file of payloads.
    A payload that was overwritten since, because somebody was forgotten, stays as it was sealed,
    and nobody has its key.

    Raises:
        Altered: a segment, here or there, is not what it was.
        NotPreserved: the store does not take it, or takes it back.
        Damaged: the log is not as it was written.
        OSError: the log cannot be read.
    """
    there = store.names()
    put: list[str] = []
    records = 0
    for path in segments.listing(directory)[:-1]:
        number = segments.number(path)
        walk = Walk(directory, start=number, stop=number + 1)
        for _ in walk:
            pass
        records = walk.tree.size
        if path.name not in there:
            store.put(path.name, path)
            put.append(path.name)
        elif store.read(path.name) != path.read_bytes():
            raise Altered(f"{path.name} is not what was preserved of it")
    for path in _sealed(directory):
        if path.name not in there:
            store.put(path.name, path)
            put.append(path.name)
    put += _checkpoint(directory, store, there)
    sizes = {int(one[1]) for name in (*there, *put) if (one := _CHECKPOINT.fullmatch(name))}
    covered = max((size for size in sizes if size <= records), default=0)
    if covered:
        # So that a copy of the store is a log that verifies.
        store.point(checkpoint.NAME, store.read(_name(covered)))
    return Preserved(tuple(put), records, covered)


def _sealed(directory: Path) -> Iterator[Path]:
    for number in range(blobs.last(directory)):
        path = blobs.path(directory, number)
        if path.exists():
            yield path


def _checkpoint(directory: Path, store: Store, there: frozenset[str]) -> list[str]:
    """The signed checkpoint of now, as one more file that stays, and the key that checks it."""
    data = (directory / checkpoint.NAME).read_bytes()
    name = _name(checkpoint.parse(notes.parse(data).text).size)
    put: list[str] = []
    if name not in there:
        with tempfile.NamedTemporaryFile() as file:
            file.write(data)
            file.flush()
            store.put(name, Path(file.name))
        put.append(name)
    store.point(_PUBLIC, (directory / _PUBLIC).read_bytes())
    return put


def _name(size: int) -> str:
    return f"{CHECKPOINTS}/{size:020}"


def opened(to: str, *, days: int | None, endpoint: str | None = None) -> Store:
    """The store of an address: `s3://bucket/prefix`, or a directory.

    Raises:
        NotPreserved: it cannot be one.
        OSError: the directory cannot be made.
    """
    if not to.startswith("s3://"):
        from safeconduct.audit.preserving.directory import Directory  # noqa: PLC0415 - Linux alone

        return Directory(Path(to))
    from safeconduct.audit.preserving.s3 import Bucket  # noqa: PLC0415 - an extra

    bucket, _, prefix = to.removeprefix("s3://").partition("/")
    if not bucket or days is None:
        raise NotPreserved("s3://bucket/prefix needs --days: how long each object is locked")
    return Bucket(bucket, prefix, days=days, endpoint=endpoint)
