"""Verifying a log from its bytes alone: without a lock, and without the state derived from it.

In the first pass, segment by segment (`piece`), by several processes where there are several:

1 every frame has its checksum, every group its trailer
2 every entry is a leaf under the root in its group's trailer (RFC 6962)
3 every entry is a canonical record with its own sequence number (`contents`)
4 every payload is the bytes whose digest its record has (`payloads`)

Then over the pieces in their order (`whole`):

5 every segment follows the one before
6 every outcome belongs to a permit; permits without an outcome are counted as unknown
7 the counters of every task, and of every tenant, agent and user, have no gap
8 what is missing of payloads was erased or pruned, as segments may be, and a record says so

At last, what is said about the log (`claims`, `tiles`):

9 the hash tiles are those of the tree
10 changes of the log's key were made in it
11 the checkpoint names a tree that the log went through, and so does any that was kept elsewhere;
  the log's key has signed it, and as many witnesses as were asked for

What is gone together with everything that knew of it cannot be found from within: that takes a
witness, or a checkpoint kept elsewhere.
"""

from __future__ import annotations

import gc
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import Final

from safeconduct.audit import checkpoint, lock, segments
from safeconduct.audit.changes import Change
from safeconduct.audit.damage import Damaged
from safeconduct.audit.verify import tiles
from safeconduct.audit.verify.claims import Claims, Held, beside
from safeconduct.audit.verify.piece import Job, Piece, look
from safeconduct.audit.verify.regular import opened
from safeconduct.audit.verify.report import MAX_LISTED, Finding, Report, gravest_first
from safeconduct.audit.verify.whole import Whole

__all__ = ["MAX_LISTED", "Finding", "Held", "Progress", "Report", "holds_log", "verify"]

Progress = Callable[[int, int], None]
"""Is told after each segment how many have been verified, of how many."""

_UNSIGNED_MS: Final = 60_000
"""For how long a log goes on without a checkpoint."""

_WORTH_A_PROCESS: Final = 2
"""So many segments: with fewer, starting one takes longer than what it saves."""


def holds_log(directory: Path) -> bool:
    """Whether anything of a log is in a directory: a segment, or a checkpoint alone.

    Raises:
        OSError: the directory cannot be read.
    """
    if not directory.is_dir():
        return False
    try:
        return (directory / checkpoint.NAME).exists() or bool(segments.listing(directory))
    except Damaged:
        return True


def verify(directory: Path, held: Held | None = None, progress: Progress | None = None) -> Report:
    """Verifies the log in a directory; it may be in use.

    Args:
        directory: Where the log is.
        held: What to hold it against besides.
        progress: Is told how far it is.

    Raises:
        OSError: the directory or a file in it cannot be read.
    """
    # What is claimed comes first: the log may grow while we read, and only away from it.
    claims = Claims(beside(directory), held or Held())
    whole, findings, pending = Whole(), list[Finding](), 0
    try:
        paths = _begun(segments.listing(directory))
    except Damaged as damage:
        findings.append(Finding(damage.code, damage.sentence, damage.seq))
    else:
        for done, piece in enumerate(_pieces(directory, paths, claims), 1):
            if not whole.add(piece):
                break
            if progress is not None:
                progress(done, len(paths))
        if whole.damage is not None:
            findings.append(whole.damage)
        elif whole.tail and lock.is_held(directory):
            pending = whole.tail
        elif whole.tail:
            torn = f"{whole.tail} bytes at the end are no whole group: a torn write, or a cut"
            findings.append(Finding("truncated", torn, whole.size))
        if whole.damage is None:
            findings += _tiles(directory, whole)
            changes = _changes(directory, whole, claims.sizes)
            findings += [_foreign(one) for one in whole.changes if one not in changes]
            findings += claims.check(
                whole.origin,
                whole.size,
                whole.roots,
                changes,
                whole.newest_ms,
                whole.behind_ms,
            )
            findings += _unsigned(directory, whole, claims)
    findings += whole.findings(claims.signed)
    return Report(
        records=whole.size,
        root=whole.root.hex(),
        kinds=dict(sorted(whole.kinds.items())),
        unknown=tuple(islice(whole.waiting, MAX_LISTED)),
        unknown_count=len(whole.waiting),
        pending=pending,
        unsigned=max(0, whole.size - claims.signed),
        payloads=whole.payloads,
        erased=whole.erased,
        pruned=whole.pruned,
        expired=whole.expired,
        signed_by=claims.signed_by,
        pinned=claims.pinned,
        witnesses=claims.witnesses,
        unwitnessed=claims.unwitnessed,
        notes=tuple(claims.notes),
        findings=gravest_first(findings),
    )


def _tiles(directory: Path, whole: Whole) -> Iterator[Finding]:
    try:
        tiles.check(directory, whole.size, whole.nodes)
    except Damaged as damage:
        yield Finding(damage.code, damage.sentence)


def _changes(directory: Path, whole: Whole, claimed: Iterable[int]) -> list[Change]:
    """The changes of the key that were made in this history; and looks up the roots that nobody saw
    who read the records: of trees that end in what was pruned, or between two groups.
    """
    before = {one.before.size for one in whole.changes if one.before.size <= whole.size}
    ends = {size for size in claimed if size < whole.pruned}
    wanted = (before | ends) - whole.roots.keys()
    if wanted:
        whole.roots |= tiles.roots(directory, whole.size, wanted)
    return [one for one in whole.changes if whole.roots.get(one.before.size) == one.before.root]


def _foreign(change: Change) -> Finding:
    sentence = f"record {change.seq}: a change of keys that was made in another history"
    return Finding("edited", sentence, change.seq)


def _unsigned(directory: Path, whole: Whole, claims: Claims) -> Iterator[Finding]:
    """Whether records at the end stand without a signature for longer than a log lets them."""
    unsigned, first_ms = whole.size - claims.signed, whole.behind_ms.get(claims.signed)
    if unsigned <= 0:
        return
    # A log that cannot have itself signed refuses to go on.
    if first_ms is not None and (whole.newest_ms or 0) - first_ms > _UNSIGNED_MS:
        sentence = f"records from {claims.signed} on are not signed, and they go on for too long"
        yield Finding("unsigned", sentence, claims.signed)
    elif claims.strict and not lock.is_held(directory):
        sentence = f"records from {claims.signed} on are not signed, and nobody is writing"
        yield Finding("unsigned", sentence, claims.signed)


def _begun(paths: list[Path]) -> list[Path]:
    """Segments but for a last one without a header: what it is, only who comes from the one before
    it can know.
    """
    if len(paths) > 1:
        with os.fdopen(opened(paths[-1]), "rb") as file:
            if segments.read_header(file.fileno()) is None:
                return paths[:-1]
    return paths


def _pieces(directory: Path, paths: Sequence[Path], claims: Claims) -> Iterator[Piece]:
    """In their order."""
    said = claims.newest, claims.sizes
    jobs = [Job(str(directory), segments.number(path), path == paths[-1], *said) for path in paths]
    others = min(len(os.sched_getaffinity(0)) - 1, len(jobs) // _WORTH_A_PROCESS)
    if others < 1:
        yield from map(look, jobs)
        return
    # A process of its own kind: a fork of one with threads may never get a lock again.
    with ProcessPoolExecutor(others, get_context("spawn"), gc.disable) as pool:
        try:
            yield from _shared(jobs, [pool.submit(look, job) for job in jobs])
        finally:
            pool.shutdown(cancel_futures=True)


def _shared(jobs: Sequence[Job], futures: Sequence[Future[Piece]]) -> Iterator[Piece]:
    """What others look at, and from the end on what none of them has begun: by ourselves, while
    the next piece is still to come.
    """
    ours: dict[int, Piece] = {}
    free = len(jobs) - 1
    for number, future in enumerate(futures):
        while number not in ours and not future.done() and free >= number:
            if futures[free].cancel():
                ours[free] = look(jobs[free])
            free -= 1
        yield ours.pop(number) if number in ours else future.result()
