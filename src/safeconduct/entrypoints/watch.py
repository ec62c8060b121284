"""Ends what lasts, once the task that it belongs to is over."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from safeconduct.ports import Bearer

_log = logging.getLogger(__name__)

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

    def over(self, bearer: Bearer) -> bool:
        """Whether nothing more may come to a bearer; also where nobody can tell."""
        try:
            return self._over(bearer)
        except Exception:  # noqa: BLE001  what cannot be told ends what lasts, and nothing else
            _log.exception("whether a task is over cannot be told")
            return True

    def _look(self) -> None:
        self._timer = None
        try:
            for key, (bearer, end) in list(self._watched.items()):
                if self.over(bearer):
                    self._watched.pop(key, None)
                    end()
        finally:
            if self._watched:
                self._arm()
