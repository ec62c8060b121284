"""How often somebody may try: token buckets, a bounded number of them."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

MAX_KNOWN: Final = 10_000
"""How many are told apart; whoever tried longest ago is forgotten first."""

_TRY: Final = 60_000


class Rates:
    """So many tries a minute for each name; as many may come at once."""

    def __init__(self, per_minute: int, clock_ms: Callable[[], int]) -> None:
        self._per_minute = per_minute
        self._clock_ms = clock_ms
        # What is left, of which a try takes as much as comes back in a minute for one a minute.
        self._left: OrderedDict[str, tuple[int, int]] = OrderedDict()

    def allow(self, name: str) -> bool:
        """Whether one more is within the rate; if so it counts."""
        now_ms, full = self._clock_ms(), self._per_minute * _TRY
        left, since_ms = self._left.pop(name, (full, now_ms))
        left = min(full, left + max(0, now_ms - since_ms) * self._per_minute)
        allowed = left >= _TRY
        self._left[name] = (left - _TRY if allowed else left, now_ms)
        while len(self._left) > MAX_KNOWN:
            self._left.popitem(last=False)
        return allowed
