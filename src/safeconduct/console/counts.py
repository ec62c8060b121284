"""How many records said what, over time: what pictures are made of.

What lies some minutes back does not change any more, so that it is counted once, and only the rest
again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock
from typing import Final, NamedTuple

import msgspec

from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Search

HOUR_MS: Final = 3_600_000
SETTLED_MS: Final = 120_000
"""After how long nothing is added to a stretch of time: a record is written after its time."""

_MAX_KEPT: Final = 64

Over = dict[int, dict[str, int]]
"""Counts by the start of their stretch, and by what was said."""


class Span(NamedTuple):
    """A time that ends now, in stretches."""

    name: str
    long_ms: int
    every_ms: int


SPANS: Final = {
    "24h": Span("the last 24 hours", 24 * HOUR_MS, 600_000),
    "7d": Span("the last 7 days", 7 * 24 * HOUR_MS, HOUR_MS),
}


def hourly(span: Span) -> Span:
    """The same time, in hours."""
    return span._replace(every_ms=HOUR_MS)


class _Kept(msgspec.Struct):
    until_ms: int
    counts: Over


class Counted(msgspec.Struct, frozen=True):
    """Counts between two times, which begin and end with a stretch."""

    since_ms: int
    until_ms: int
    every_ms: int
    over: Over

    def reaching(self, records: int) -> int | None:
        """The start of the latest stretch since which there are so many; None: there are fewer."""
        found = 0
        for start_ms in sorted(self.over, reverse=True):
            found += sum(self.over[start_ms].values())
            if found >= records:
                return start_ms
        return None


class Counting:
    """Counts, and remembers what does not change."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._gate = Lock()
        self._kept: OrderedDict[tuple[Query, int], _Kept] = OrderedDict()

    def count(self, search: Search, query: Query, span: Span) -> Counted:
        """What answers a question without times, in a span. Raises as `Search.count`."""
        with self._gate:
            return self._count(search, query, span)

    def _count(self, search: Search, query: Query, span: Span) -> Counted:
        now_ms, every_ms = self._clock_ms(), span.every_ms
        until_ms = now_ms // every_ms * every_ms + every_ms
        since_ms = until_ms - span.long_ms
        key = query, every_ms
        kept = self._kept.pop(key, None)
        if kept is None or kept.until_ms < since_ms:
            kept = _Kept(since_ms, {})
        again = msgspec.structs.replace(query, since_ms=kept.until_ms, until_ms=until_ms)
        fresh: Over = {}
        for start_ms, said, records in search.count(again, every_ms):
            fresh.setdefault(start_ms, {})[said] = records
        settled_ms = (now_ms - SETTLED_MS) // every_ms * every_ms
        over = {at: said for at, said in (kept.counts | fresh).items() if at >= since_ms}
        kept.counts = {at: said for at, said in over.items() if at < settled_ms}
        kept.until_ms = max(kept.until_ms, settled_ms)
        self._kept[key] = kept
        while len(self._kept) > _MAX_KEPT:
            self._kept.popitem(last=False)
        return Counted(since_ms, until_ms, every_ms, over)
