"""A deadline that moves often and is hardly ever reached."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Callable


class Alarm:
    """Rings once the deadline has passed. Moving the deadline further away costs no new timer: the
    one that runs looks at it when it goes off.
    """

    def __init__(self, ring: Callable[[], None]) -> None:
        self._ring = ring
        self._loop = asyncio.get_running_loop()
        self._deadline = math.inf
        self._timer: asyncio.TimerHandle | None = None
        self._wakes = math.inf

    def set(self, seconds: float) -> None:
        """From now on the deadline is so many seconds away."""
        self._deadline = self._loop.time() + seconds
        self._arm()

    def clear(self) -> None:
        """There is no deadline any more."""
        self._deadline = math.inf

    def close(self) -> None:
        """Ends the timer."""
        self._deadline = math.inf
        if self._timer is not None:
            self._timer.cancel()

    def _arm(self) -> None:
        if self._deadline < self._wakes:
            if self._timer is not None:
                self._timer.cancel()
            self._wakes = self._deadline
            self._timer = self._loop.call_at(self._deadline, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._wakes = math.inf
        if self._loop.time() < self._deadline:
            self._arm()
        else:
            self._ring()
