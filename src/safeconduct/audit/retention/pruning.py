"""Letting go of what was kept long enough: whole segments and whole files of payloads, the oldest.

The hashes of what goes stay in the tiles, so that every proof about what is left stays good. What
somebody holds keeps all that came after it, too. The record comes first; then the file `pruned`
says to whoever opens the log that its beginning is missed by nobody, and then the files go.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from safeconduct.audit import segments, tiles
from safeconduct.audit.flush import flush_directory
from safeconduct.audit.payloads import blobs
from safeconduct.audit.reading import read
from safeconduct.audit.records import decode
from safeconduct.audit.retention.covering import await_checkpoint
from safeconduct.audit.retention.holding import Holds
from safeconduct.audit.walk import Walk
from safeconduct.config.audit import Retention
from safeconduct.kit import files

_DAY_MS: Final = 86_400_000
_INDEX: Final = "index"
RETENTION: Final = "retention"

Record = Mapping[str, Any]


class Plan(msgspec.Struct, frozen=True):
    """Up to which segment, record and file of payloads (these not included) all goes."""

    segments_before: int
    records_before: int
    payloads_before: int


def plan(directory: Path, retention: Retention, holds: Holds, now_ms: int) -> Plan:
    """What of a log may go: all of it is older than that, and nobody holds any of it.

    The last segment and the last file of payloads stay, and so does what full tiles do not cover.

    Raises:
        Damaged: the log is not as it was written.
        ValueError: a record is not.
        OSError: it cannot be read.
    """
    paths = segments.listing(directory)
    whole_ms = _cut_ms(now_ms, retention.records_days)
    sealed_ms = max(whole_ms, _cut_ms(now_ms, retention.payloads_days))
    before = segments.number(paths[0]) if paths else 0
    records = 0
    kept, file = False, blobs.last(directory)
    for path in paths:
        walk = Walk(directory, start=segments.number(path), stop=segments.number(path) + 1)
        for record in _records(walk):
            held, at_ms = holds.holds(record), record.get("at_ms", record.get("started_ms", now_ms))
            kept = kept or held or at_ms >= whole_ms
            if (held or at_ms >= sealed_ms) and "at" in record.get("payload", {}):
                file = min(file, record["payload"]["at"][0])
        kept = kept or path == paths[-1] or not _covered(directory, walk.tree.size)
        if not kept:
            before, records = segments.number(path) + 1, walk.tree.size
    return Plan(before, records, max(file, 0))


def require(said: Record, allowed: Plan) -> None:
    """Whoever writes the log looks itself at what may go. Raises ValueError: that is less."""
    bounds = msgspec.structs.asdict(allowed)
    if any(said[name] > most for name, most in bounds.items()):
        raise ValueError("more would go than `audit.retention` and what is held let go")


def prune(directory: Path, gone: Plan) -> int:
    """Removes what a record says that goes; how many bytes that were. What has gone is passed over.

    The last record that says so has to be covered by a checkpoint first.

    Raises:
        LogFault: the log is damaged, or no checkpoint covers the record in time.
        OSError: some of it may still be there; it is done again with the same plan.
    """
    said = [record["n"] + 1 for record in read(directory) if record.get("kind") == RETENTION]
    await_checkpoint(directory, max(said, default=0))
    files.replace(directory / segments.PRUNED, b"%d" % gone.segments_before, mode=0o600)
    freed = 0
    for path in going(directory, gone):
        freed += path.stat().st_size
        path.unlink()
    # Rows about what is gone lead nowhere; whoever asks next makes the index anew.
    shutil.rmtree(directory / _INDEX, ignore_errors=True)
    flush_directory(directory)
    return freed


def going(directory: Path, gone: Plan) -> Iterator[Path]:
    """The files that a plan removes and that are still there."""
    for path in segments.listing(directory):
        if segments.number(path) < gone.segments_before:
            yield path
    for number in range(gone.payloads_before):
        path = blobs.path(directory, number)
        if path.exists():
            yield path


def _records(walk: Walk) -> Iterator[Record]:
    for group in walk:
        yield from map(decode, group.entries)


def _cut_ms(now_ms: int, days: int | None) -> int:
    """What is older may go; without a bound nothing is."""
    return 0 if days is None else now_ms - days * _DAY_MS


def _covered(directory: Path, size: int) -> bool:
    """Whether full tiles have the hashes of the first so many records."""
    last = (size - 1) // tiles.WIDTH
    return all(tiles.read(directory, 0, index) is not None for index in range(last + 1))
