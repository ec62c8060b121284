"""Whether the disk is quick enough for the event loop to wait for it.

Judged by an average, as one flush says little on a busy machine: a disk that takes `SLOW_S` for
each flush is slow, and so is one that took `RECENT` times as long just once. While a thread waits
for the disk, its times say little (it also waits for the interpreter), so that going back is tried
after a pause: a longer one each time that it was too early.
"""

from __future__ import annotations

from math import inf
from typing import Final

SLOW_S: Final = 0.002
RECENT: Final = 8  # flushes
PAUSE_S: Final = 1.0
MAX_PAUSE_S: Final = 64.0


class Pace:
    """What the last flushes said of the disk; `quick` is the verdict."""

    def __init__(self) -> None:
        self.quick = True
        self._average_s = 0.0
        self._quick_since_s = -inf
        self._slow_until_s = -inf
        self._pause_s = PAUSE_S

    def flushed(self, took_s: float, now_s: float) -> None:
        """A flush took so long, by a clock that never goes back."""
        if self.quick:
            self._average_s += (took_s - self._average_s) / RECENT
            if self._average_s > SLOW_S:
                self._slow(now_s)
        elif took_s <= SLOW_S and now_s >= self._slow_until_s:
            self.quick = True
            self._average_s = 0.0
            self._quick_since_s = now_s

    def _slow(self, now_s: float) -> None:
        too_early = now_s - self._quick_since_s <= self._pause_s
        self._pause_s = min(2 * self._pause_s, MAX_PAUSE_S) if too_early else PAUSE_S
        self._slow_until_s = now_s + self._pause_s
        self.quick = False
