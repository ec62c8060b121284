"""Somebody who hears what an upstream says while a call runs, and answers what it asks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from safeconduct.core.asks import Capability
from safeconduct.ports import JSON, AskRefused

Hear = Callable[[JSON], Awaitable[None]]
Reply = Callable[[str, JSON], Awaitable[JSON]]


class Hears:
    """A listener (`safeconduct.ports.Listener`): progress and log lines go to `hear`, asks to
    `reply`; both are kept, and so are partings.
    """

    def __init__(
        self,
        hear: Hear | None = None,
        reply: Reply | None = None,
        *,
        able: frozenset[Capability] = frozenset(),
        log_level: str | None = None,
        modern: bool = True,
    ) -> None:
        self.modern = modern
        self.able = able
        self.wants_progress = hear is not None
        self.log_level = log_level
        self.heard: list[tuple[str, JSON]] = []
        self.asks: list[tuple[str, JSON]] = []
        self.partings: list[int] = []
        self._hear = hear
        self._reply = reply

    async def notified(self, method: str, params: JSON) -> None:
        self.heard.append((method, params))
        if self._hear is not None:
            await self._hear(params)

    async def asked(self, method: str, params: JSON) -> JSON:
        self.asks.append((method, params))
        if self._reply is None:
            raise AskRefused
        return await self._reply(method, params)

    async def parted(self, retry_ms: int) -> None:
        self.partings.append(retry_ms)


def hears(hear: Hear | None) -> Hears | None:
    """A listener for progress alone, where somebody wants it."""
    return None if hear is None else Hears(hear)


async def three(method: str, params: JSON) -> JSON:
    """Fills in a form, whatever it asks."""
    return {"action": "accept", "content": {"n": 3}}


async def never(method: str, params: JSON) -> JSON:
    """Nobody replies."""
    await asyncio.Event().wait()
    raise AssertionError


class Unanswered:
    """A reply that does not come: the question was `asked`, and `withdrawn` at last."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.withdrawn = asyncio.Event()

    async def __call__(self, method: str, params: JSON) -> JSON:
        self.asked.set()
        try:
            return await never(method, params)
        finally:
            self.withdrawn.set()
