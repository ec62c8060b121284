"""What is under way towards an HTTP upstream: calls, and messages that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Final

import msgspec

from safeconduct.core.asks import Capability
from safeconduct.ports import JSON, Credential, Listener, UpstreamFault
from safeconduct.upstreams import revisions
from safeconduct.upstreams.deadline import Deadline
from safeconduct.upstreams.wire import REJECTED, UNREACHABLE, Exchange, Wire

_COURTESY_S: Final = 2.0

FIXED: Final = {
    "accept": "application/json, text/event-stream",
    "content-type": "application/json",
}
"""The header fields of every message."""


Key = tuple[str, frozenset[Capability]]
"""Whose session it is, and what was declared in it."""


class Call(msgspec.Struct, kw_only=True, eq=False):
    """One request on its way; `exchange` is the POST that carries it, once there is one."""

    method: str
    params: JSON
    owner: str
    credential: Credential | None
    deadline: Deadline
    listener: Listener | None = None
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
    def key(self) -> Key:
        """The session that this call belongs in, where there are sessions."""
        return self.owner, revisions.able(self.listener)

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


async def tell(wire: Wire, headers: dict[str, str], message: bytes) -> None:
    """Send a message that has no answer. Raises UpstreamFault: it did not arrive."""
    async with wire.post(headers, message) as exchange:
        if not 200 <= exchange.status < 300:
            detail = f"HTTP status {exchange.status}"
            raise UpstreamFault(REJECTED, detail, may_have_happened=True)
        await exchange.body()


class Return:
    """The way back to an upstream while an exchange is under way (`safeconduct.upstreams.asks`):
    messages in POSTs of their own, with the headers of the request. `exchange` is what its answer
    is awaited from.
    """

    __slots__ = ("_courtesies", "_headers", "_wire", "exchange")

    def __init__(
        self, wire: Wire, courtesies: Courtesies, headers: dict[str, str], exchange: Exchange
    ) -> None:
        self._wire = wire
        self._courtesies = courtesies
        self._headers = headers
        self.exchange = exchange

    async def tell(self, message: bytes) -> None:
        await tell(self._wire, self._headers, message)

    def post(self, message: bytes) -> None:
        self._courtesies.add(self.tell(message))

    def cut(self) -> None:
        self.exchange.cut()

    def resume(self, place: dict[str, str]) -> Exchange:
        """A GET of the rest of the answer. Raises UpstreamFault: the wire is closed."""
        if self.exchange.is_cut:
            raise UpstreamFault(UNREACHABLE, "given up", may_have_happened=True)
        self.exchange = self._wire.get(self._headers | place)
        return self.exchange


async def _quietly(work: Coroutine[None, None, None]) -> None:
    try:
        async with asyncio.timeout(_COURTESY_S):
            await work
    except (UpstreamFault, TimeoutError):
        pass
