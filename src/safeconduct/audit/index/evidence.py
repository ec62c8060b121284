"""The records that show an answer to be complete, and the proofs that they are in the log.

Of a question about one task, or about what one agent did for one user, nothing can be missing
without a gap in the counters: so the evidence is every record from the one before to the newest,
whether it was asked for or not, and the starts of the tasks that say whose they are. What was asked
for more widely is shown to be in the log, and no more.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec
from msgspec.structs import replace

from safeconduct.audit import checkpoint
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.faults import Damaged
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Hit, Search
from safeconduct.audit.tiles import Hashes
from safeconduct.core.completeness import Counted, gap
from safeconduct.core.merkle import leaf_hash
from safeconduct.core.proofs import inclusion, is_included

Counter = Literal["pair_n", "task_n"]

PATIENCE_S: Final = 10.0
"""How long to wait for a checkpoint that covers a record."""

BESIDE: Final = 32
"""How many records of before a span are looked at first."""

_STEP_S: Final = 0.05
_NARROWING: Final = ("kind", "verdict", "tool", "reason", "label", "limit")


class Evidence(msgspec.Struct, frozen=True):
    """Records by rising number, and what they show about an answer.

    `counter` is what shows that nothing is missing; None where the question is too wide for one.
    `flaw` is why it does not show that, None where it does; `contiguous`: it can only be that there
    is more at the end. `last` is a task that a record has to name to be counted as the next.
    """

    hits: tuple[Hit, ...]
    counter: Counter | None = None
    flaw: str | None = None
    contiguous: bool = True
    last: str | None = None


class Proven(NamedTuple):
    """A record, and the path from its leaf to the root of a checkpoint."""

    hit: Hit
    path: list[bytes]


def counter_of(query: Query) -> Counter | None:
    """Which counter an answer can be shown to be complete by."""
    if query.mark is not None:
        return None
    if query.task is not None:
        return "task_n"
    return "pair_n" if query.agent is not None and query.user is not None else None


def narrowed(query: Query) -> bool:
    """Whether less is asked for than all that a counter counts in its span."""
    return any(getattr(query, name) is not None for name in _NARROWING)


def bare(query: Query) -> Query:
    """All that a counter counts in the span of a question."""
    return replace(query, **dict.fromkeys(_NARROWING))


def gather(search: Search, query: Query) -> Evidence:
    """The evidence for the answer to a question that says until when.

    Where counters have a gap, the index is built anew before that is believed.

    Raises: as `Search.find`.
    """
    counter = counter_of(query)
    if counter is None:
        return Evidence(tuple(search.find(query)))
    found = _gathered(search, query, counter)
    if not found.contiguous and search.damage is None:
        search.rebuild(f"it has a gap: {found.flaw}")
        found = _gathered(search, query, counter)
    return found


def prove(
    directory: Path, hits: Iterable[Hit], *, sleep: Callable[[float], None] = time.sleep
) -> tuple[Checkpoint, bytes, list[Proven]]:
    """The newest checkpoint, its file, and checked proofs that it covers these records.

    Raises:
        Damaged: they are not under the checkpoint, or there is none that covers them.
        OSError: the log cannot be read.
    """
    wanted = list(hits)
    size = max((hit.entry.n + 1 for hit in wanted), default=0)
    tree, note = _covering(directory, size, sleep)
    hashes = Hashes(directory, tree.size)
    proven: list[Proven] = []
    for hit in wanted:
        n, leaf = hit.entry.n, leaf_hash(hit.data)
        path = inclusion(n, tree.size, hashes)
        if not is_included(leaf, n, tree.size, path, tree.root):
            raise Damaged("forked", f"record {n} does not stand under the checkpoint", n)
        proven.append(Proven(hit, path))
    return tree, note, proven


def _covering(
    directory: Path, size: int, sleep: Callable[[float], None]
) -> tuple[Checkpoint, bytes]:
    for _ in range(int(PATIENCE_S / _STEP_S)):
        note = (directory / checkpoint.NAME).read_bytes()
        tree = checkpoint.parse(note.decode())
        if tree.size >= size:
            return tree, note
        sleep(_STEP_S)
    raise Damaged("truncated", f"no checkpoint covers the log's first {size} records")


def _gathered(search: Search, query: Query, counter: Counter) -> Evidence:
    span = bare(query)
    members = _members(search, span, counter)
    counted = [Counted(hit.record[counter], hit.entry.at_ms) for hit in members]
    end_ms = min(span.until_ms or 0, counted[-1].at_ms) if counted else 0
    tasks = {hit.entry.task for hit in members}
    starts = search.find(replace(span, since_ms=None, until_ms=None, kind="task"))
    whole = {hit.entry.n: hit for hit in [*members, *starts] if hit.entry.task in tasks}
    hits = tuple(whole[n] for n in sorted(whole))
    return Evidence(
        hits,
        counter,
        gap(counted, span.since_ms, span.until_ms or 0),
        not counted or gap(counted, span.since_ms, end_ms) is None,
        members[-1].entry.task if members else None,
    )


def _members(search: Search, span: Query, counter: Counter) -> list[Hit]:
    """The records from the last before the span to the newest, in the order of the log.

    That is the order of their numbers, and need not be that of their times: where a clock was set
    back, one that belongs to the span may follow one after it, however much later. So nothing but
    all that followed shows that there is none.
    """
    found = search.find(replace(span, until_ms=None))
    if span.since_ms is not None:
        found += _before(search, span, counter, min((one.entry.n for one in found), default=0))
    counted = sorted(
        (hit for hit in found if type(hit.record.get(counter)) is int), key=lambda hit: hit.entry.n
    )
    return _cut(counted, span)


def _before(search: Search, span: Query, counter: Counter, first: int) -> list[Hit]:
    """The newest records of a time before the span, until one of them stands before `first`."""
    limit = BESIDE
    while True:
        query = replace(span, since_ms=None, until_ms=span.since_ms, limit=limit)
        found = search.find(query)
        if len(found) < limit or any(
            one.entry.n < first and counter in one.record for one in found
        ):
            return found
        limit *= 4


def _cut(found: Sequence[Hit], span: Query) -> list[Hit]:
    """From the last record that is before the span and all of it, to the end."""
    since_ms, until_ms = span.since_ms or 0, span.until_ms or 0
    inside = [at for at, hit in enumerate(found) if span.fits(hit.entry)]
    after = [at for at, hit in enumerate(found) if hit.entry.at_ms >= until_ms]
    first = next(iter([*inside, *after]), len(found))
    start = max((at for at in range(first) if found[at].entry.at_ms < since_ms), default=0)
    return list(found[start:])
