"""The newest records of an answer, part by part, so that nothing is lost between two parts.

Records are ordered by their time, then by their number. An index cuts an answer by number, which is
another order where a clock was set back: so a part is taken from spans of time, of which each is
read whole.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from msgspec.structs import replace

from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Hit, Search

_FIRST_MS: Final = 60_000
_WIDER: Final = 8


class End(NamedTuple):
    """Where a part ended: the time and the number of its oldest record."""

    at_ms: int
    n: int


class Part(NamedTuple):
    """Some records, the newest first, and where older ones go on; None: there are none."""

    hits: list[Hit]
    older: End | None


def newest(
    search: Search, query: Query, until_ms: int, most: int, after: End | None = None
) -> Part:
    """The newest records before a time that answer a question, or those that follow on a part.

    Whatever the question says of a limit is not looked at. Raises: as `Search.find`.
    """
    if after is not None:
        until_ms = min(until_ms, after.at_ms + 1)
    query = replace(query, until_ms=until_ms, limit=None, oldest=False)
    if query.mark is not None or query.trace is not None:
        found = search.find(query)  # few, and not looked up by their time
    else:
        found = _by_time(search, query, until_ms, most, after)
    ordered = sorted(filter(lambda hit: _follows(hit, after), found), key=_place, reverse=True)
    hits = ordered[:most]
    return Part(hits, _place(hits[-1]) if len(ordered) > most else None)


def _by_time(search: Search, query: Query, end_ms: int, most: int, after: End | None) -> list[Hit]:
    floor_ms = query.since_ms or 0
    found: list[Hit] = []
    width_ms = _FIRST_MS
    while end_ms > floor_ms and len(found) <= most:
        need = most + 1 - len(found)
        if after is not None and end_ms == after.at_ms + 1:
            start_ms, taken = end_ms - 1, _moment(search, query, end_ms - 1, need, after)
        else:
            start_ms = max(floor_ms, end_ms - width_ms)
            start_ms, taken = _newest_span(search, query, start_ms, end_ms, need)
            width_ms *= _WIDER
        found += taken
        end_ms = start_ms
    return found


def _newest_span(
    search: Search, query: Query, start_ms: int, end_ms: int, need: int
) -> tuple[int, list[Hit]]:
    """The end of a span that has what is needed: from when on, and its records."""
    while True:
        taken = _span(search, query, start_ms, end_ms, need + 1)
        if len(taken) <= need:
            return start_ms, taken
        if end_ms - start_ms == 1:
            return start_ms, taken  # of one time the newest are those of the highest numbers
        later_ms = sorted((hit.entry.at_ms for hit in taken), reverse=True)[need - 1]
        start_ms = max(later_ms, start_ms + 1)


def _moment(search: Search, query: Query, at_ms: int, need: int, after: End) -> list[Hit]:
    """What is needed of one millisecond, of which a part has been taken before."""
    limit = need
    while True:
        limit *= _WIDER
        taken = _span(search, query, at_ms, at_ms + 1, limit)
        left = [hit for hit in taken if _follows(hit, after)]
        if len(left) >= need or len(taken) < limit:
            return left


def _span(
    search: Search, query: Query, start_ms: int, end_ms: int, limit: int | None = None
) -> list[Hit]:
    return search.find(replace(query, since_ms=start_ms, until_ms=end_ms, limit=limit))


def _place(hit: Hit) -> End:
    return End(hit.entry.at_ms, hit.entry.n)


def _follows(hit: Hit, after: End | None) -> bool:
    return after is None or _place(hit) < after
