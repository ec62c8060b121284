"""What an upstream says unasked, and how fast it is listened to: one that talks without end takes
its own time and not everybody's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

BYTES: Final = 262_144
LEAST: Final = 1_024
"""After how much there is a pause, and what a message counts for at least, in bytes."""

PAUSE_S: Final = 0.1


class Pace:
    """The pace of one stream."""

    def __init__(self, sleep: Callable[[float], Awaitable[object]] = asyncio.sleep) -> None:
        self._sleep = sleep
        self._heard = 0

    async def take(self, size: int) -> None:
        """So many bytes were heard; returns when more should be."""
        self._heard += max(size, LEAST)
        if self._heard >= BYTES:
            pauses, self._heard = divmod(self._heard, BYTES)
            await self._sleep(pauses * PAUSE_S)
