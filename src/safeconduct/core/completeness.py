"""Whether records are all that there are: the counters in them leave no gap. Pure.

Records of a task, or of what an agent does for a user, are counted from 1. Those of a span of time
are all there if they are contiguous and the one before and the one after lie outside of the span.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple


class Counted(NamedTuple):
    """A record's counter, and its time in milliseconds."""

    number: int
    at_ms: int


def gap(records: Sequence[Counted], since_ms: int | None, until_ms: int) -> str | None:
    """What is missing of the records from `since_ms` to before `until_ms`; None: nothing is.

    `records` are in the order of their counters, with those at both ends that lie outside.
    """
    if not records:
        return "there is no record that was counted"
    for before, after in pairwise(records):
        if after.number != before.number + 1:
            return f"after number {before.number} comes {after.number}"
    first, last = records[0], records[-1]
    if first.number != 1 and (since_ms is None or first.at_ms >= since_ms):
        return f"number {first.number - 1} is missing before the first"
    if last.at_ms < until_ms:
        return f"nothing shows that number {last.number} was the last"
    return None
