"""Turns: what many ask for and few can have at once goes round among those who ask."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from safeconduct.core.findings import UNINSPECTED, Unexamined

T = TypeVar("T")

MAX_WAITING: Final = 32
"""How much of one owner may wait at once."""


class TooMany(Unexamined):
    """As much of this owner waits as may."""

    def __init__(self) -> None:
        super().__init__(UNINSPECTED, "too much of the same agent is looked at already")


class Turns:
    """Of each owner so much goes on at a time, and the next when something is done."""

    def __init__(self, at_once: int = 1) -> None:
        self._at_once = at_once
        self._turns: WeakValueDictionary[str, asyncio.Semaphore] = WeakValueDictionary()
        self._waiting: Counter[str] = Counter()

    async def take(self, owner: str) -> Callable[[], None]:
        """A turn of this owner; what it returns gives it back. Raises TooMany."""
        if self._waiting[owner] >= MAX_WAITING:
            raise TooMany
        turn = self._turns.setdefault(owner, asyncio.Semaphore(self._at_once))
        self._waiting[owner] += 1
        try:
            await turn.acquire()
        finally:
            self._waiting[owner] -= 1
            self._waiting += Counter()  # keeps those alone that wait
        return turn.release

    @asynccontextmanager
    async def of(self, owner: str) -> AsyncGenerator[None]:
        """A turn of this owner, while it lasts. Raises TooMany."""
        given_back = await self.take(owner)
        try:
            yield
        finally:
            given_back()


class Aside:
    """A thread for what would hold up an event loop. However much one owner has to run, all others
    wait for one of its things at most.

    What runs there ends by itself: nothing can end it.
    """

    def __init__(self) -> None:
        """Starts nothing; the thread starts with the first thing to run."""
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="aside")
        self._turns = Turns()

    async def run(self, owner: str, function: Callable[[], T]) -> T:
        """What the function returns, or raises. Raises TooMany."""
        given_back = await self._turns.take(owner)
        running = asyncio.get_running_loop().run_in_executor(self._thread, function)
        # Who does not wait any longer ends nothing: its owner has no other turn until this is done.
        running.add_done_callback(partial(_done, given_back))
        return await asyncio.shield(running)


def _done(given_back: Callable[[], None], running: asyncio.Future[T]) -> None:
    if not running.cancelled():
        running.exception()  # said to who waits, if anybody does
    given_back()
