"""Ends what lasts, once the task that it belongs to is over."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from safeconduct.ports import Bearer

TICK_S: Final = 0.5
"""How often is looked, in seconds: what lasts ends within 1 s of a revocation."""


class Watch:
    """Looks after streams and waiting calls. Nothing runs while there are none."""

    def __init__(self, over: Callable[[Bearer], bool]) -> None:
        self._over = over
        self._watched: dict[object, tuple[Bearer, Callable[[], object]]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, bearer: Bearer, end: Callable[[], object]) -> Callable[[], None]:
        """`end` is called once, when the bearer's time is up or something that it hangs on was
        revoked. The result makes that undone.
        """
        key = object()
        self._watched[key] = bearer, end
        if self._timer is None:
            self._arm()

        def leave() -> None:
            self._watched.pop(key, None)

        return leave

    @contextmanager
    def watching(self, bearer: Bearer, end: Callable[[], object]) -> Generator[None]:
        """As `add`, for as long as it lasts."""
        leave = self.add(bearer, end)
        try:
            yield
        finally:
            leave()

    def _arm(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(TICK_S, self._look)

    def _look(self) -> None:
        self._timer = None
        for key, (bearer, end) in list(self._watched.items()):
            if self._over(bearer):
                self._watched.pop(key, None)
                end()
        if self._watched:
            self._arm()
