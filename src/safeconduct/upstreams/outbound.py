"""What is under way towards an HTTP upstream: calls, and messages that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from functools import partial
from typing import Final

import msgspec

from safeconduct.ports import JSON, Credential, Listener, OnProgress, UpstreamFault
from safeconduct.upstreams.wire import Exchange

_COURTESY_S: Final = 2.0

FIXED: Final = {
    "accept": "application/json, text/event-stream",
    "content-type": "application/json",
}
"""The header fields of every message."""


def progress_to(listener: Listener | None) -> OnProgress | None:
    """Who hears progress, if anybody wants any."""
    if listener is None or not listener.wants_progress:
        return None
    return partial(listener.notified, "notifications/progress")


class Call(msgspec.Struct, kw_only=True, eq=False):
    """One request on its way; `exchange` is the POST that carries it, once there is one."""

    method: str
    params: JSON
    owner: str
    credential: Credential | None
    timeout_s: float
    on_progress: OnProgress | None = None
    exchange: Exchange | None = None

    def headers(self, *parts: dict[str, str]) -> dict[str, str]:
        """The credential's headers under the protocol's own, which it thus cannot replace."""
        headers: dict[str, str] = {}
        if self.credential is not None:
            headers = {name.lower(): value for name, value in self.credential.headers.items()}
            for name in FIXED:
                headers.pop(name, None)
        for part in parts:
            headers |= part
        return headers

    @property
    def sent(self) -> bool:
        """Whether the request itself may have left; negotiation does not count."""
        return self.exchange is not None and self.exchange.sent


class Courtesies:
    """Work whose failure has no consequence: farewells, cancellations, refusals."""

    def __init__(self) -> None:
        self._tasks: set[asyncio.Task[None]] = set()

    def add(self, work: Coroutine[None, None, None]) -> None:
        """Do it in the background, within a bound of time."""
        task = asyncio.get_running_loop().create_task(_quietly(work))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def finish(self) -> None:
        """Wait for what is under way; each has its bound."""
        if self._tasks:
            await asyncio.wait(self._tasks)


async def _quietly(work: Coroutine[None, None, None]) -> None:
    try:
        async with asyncio.timeout(_COURTESY_S):
            await work
    except (UpstreamFault, TimeoutError):
        pass
