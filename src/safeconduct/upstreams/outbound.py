"""What is under way towards an HTTP upstream: calls, and messages that nobody waits for."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Final

import msgspec

from safeconduct.core.asks import Capability
from safeconduct.core.trace import FIELDS
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


class Head(msgspec.Struct, frozen=True):
    """The header fields of messages: the protocol's own, and those of a credential, which may be
    made for the very bytes of each. It cannot replace the protocol's.
    """

    own: dict[str, str]
    credential: Credential | None = None

    def of(self, http_method: str, body: bytes = b"") -> dict[str, str]:
        """The fields of one message."""
        if self.credential is None:
            return self.own
        made = self.credential.fields(http_method, body)
        fields = {name.lower(): value for name, value in made.items()}
        for name in FIXED:
            fields.pop(name, None)
        return fields | self.own

    def also(self, more: dict[str, str]) -> Head:
        """With more fields of the protocol's own."""
        return Head(self.own | more, self.credential)


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

    def head(self, *parts: dict[str, str]) -> Head:
        """The credential under fields of the protocol's own."""
        own: dict[str, str] = {}
        for part in parts:
            own |= part
        return Head(own, self.credential)

    @property
    def trace(self) -> dict[str, str]:
        """The trace context, as header fields: they say what `_meta` says."""
        meta: JSON = self.params.get("_meta", {})
        return {name: meta[name] for name in meta.keys() & FIELDS}

    def rejected(self) -> None:
        """Say that the upstream does not accept the credential."""
        if self.credential is not None and self.credential.rejected is not None:
            self.credential.rejected()

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


async def tell(wire: Wire, head: Head, message: bytes) -> None:
    """Send a message that has no answer. Raises UpstreamFault: it did not arrive."""
    async with wire.post(head.of("POST", message), message) as exchange:
        if not 200 <= exchange.status < 300:
            detail = f"HTTP status {exchange.status}"
            raise UpstreamFault(REJECTED, detail, may_have_happened=True)
        await exchange.body()


class Return:
    """The way back to an upstream while an exchange is under way (`safeconduct.upstreams.asks`):
    messages in POSTs of their own, under the head of the request. `exchange` is what its answer
    is awaited from.
    """

    __slots__ = ("_courtesies", "_head", "_wire", "exchange")

    def __init__(self, wire: Wire, courtesies: Courtesies, head: Head, exchange: Exchange) -> None:
        self._wire = wire
        self._courtesies = courtesies
        self._head = head
        self.exchange = exchange

    async def tell(self, message: bytes) -> None:
        await tell(self._wire, self._head, message)

    def post(self, message: bytes) -> None:
        self._courtesies.add(self.tell(message))

    def cut(self) -> None:
        self.exchange.cut()

    def resume(self, place: dict[str, str]) -> Exchange:
        """A GET of the rest of the answer. Raises UpstreamFault: the wire is closed."""
        if self.exchange.is_cut:
            raise UpstreamFault(UNREACHABLE, "given up", may_have_happened=True)
        self.exchange = self._wire.get(self._head.also(place).of("GET"))
        return self.exchange


async def _quietly(work: Coroutine[None, None, None]) -> None:
    try:
        async with asyncio.timeout(_COURTESY_S):
            await work
    except (UpstreamFault, TimeoutError):
        pass
