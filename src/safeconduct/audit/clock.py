"""Whether somebody set the clock, by which all times in records are told.

The clock that never goes back runs as fast as the one that tells the time, so that what lies
between them changes only when the latter is set, or when the machine slept.
"""

from __future__ import annotations

import time
from typing import Final

BACK_MS: Final = 100
AHEAD_MS: Final = 10_000
_TRIES: Final = 5
_PRECISE_NS: Final = 20_000_000


class Clock:
    """The clock since the last step that was told of."""

    def __init__(self) -> None:
        self._between_ms = _between_ms() or 0

    def step_ms(self) -> int:
        """By how many milliseconds the clock was set since last asked; 0 also for less than 100
        back and 10,000 ahead.
        """
        between_ms = _between_ms()
        if between_ms is None:
            return 0
        step_ms = between_ms - self._between_ms
        if -BACK_MS < step_ms < AHEAD_MS:
            return 0
        self._between_ms = between_ms
        return step_ms


def now_ms() -> int:
    """Milliseconds since the epoch."""
    return time.time_ns() // 1_000_000


def _between_ms() -> int | None:
    """None on a machine so busy that it does not let one read two clocks at one time."""
    for _ in range(_TRIES):
        before_ns = time.monotonic_ns()
        told_ns = time.time_ns()
        if time.monotonic_ns() - before_ns < _PRECISE_NS:
            return (told_ns - before_ns) // 1_000_000
    return None
