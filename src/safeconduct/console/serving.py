"""The console as the gateway serves it: uvicorn in its event loop, on a listener of its own."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from socket import socket
from typing import Final, TypeGuard, cast

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from safeconduct.app.logins import login
from safeconduct.app.served import Served
from safeconduct.console.signing_in import SIGNED_IN
from safeconduct.console.site import site
from safeconduct.console.watch import Watch
from safeconduct.entrypoints.server import listener

MAX_CONNECTIONS: Final = 200
SPARE: Final = 20
"""How many places are kept for who asks next: stopping an agent must not find all of them taken."""

MAX_HEAD: Final = 32_768
"""How long the head of a request may be, in bytes."""

MAX_SILENT: Final = 20
"""How many connections of one address may wait for the head of their first request at once."""

IDLE_S: Final = 20.0
"""How long a connection may be open without a whole request, in seconds."""

STOP_S: Final = 2
"""How long pages have to come to their end when the gateway stops, in seconds."""


class _Server(uvicorn.Server):
    """Leaves signals to the gateway, and says when it listens."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.listens = asyncio.Event()

    async def startup(self, sockets: list[socket] | None = None) -> None:
        """As it is called; `serve` comes to it first."""
        try:
            await super().startup(sockets)
        finally:
            self.listens.set()

    @contextmanager
    def capture_signals(self) -> Generator[None]:
        yield


class _Connection(H11Protocol):
    """Ends when no request came to its end for a while: nobody holds places that others need."""

    quiet_s = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        self.quiet_s = self.loop.time()
        self._look()
        silent = [one for one in self.connections if self._like(one)]
        if len(silent) > MAX_SILENT:
            # Whoever means to ask does so at once: the oldest goes.
            min(silent, key=lambda one: one.quiet_s).transport.close()
        if len(self.connections) > MAX_CONNECTIONS - SPARE:
            self._make_room()

    def _make_room(self) -> None:
        """Of the address for whose next bytes most places wait, the one that waits longest goes."""
        waiting = [one for one in self.connections if one is not self and _waits(one)]
        held = Counter(map(_address, waiting))
        if waiting:
            most = min(waiting, key=lambda one: (-held[_address(one)], one.quiet_s))
            most.transport.close()

    def _like(self, other: object) -> TypeGuard[_Connection]:
        """Whether another connection is of the same address, and nothing was asked over it yet."""
        return (
            isinstance(other, _Connection)
            and cast("RequestResponseCycle | None", other.cycle) is None
            and not other.transport.is_closing()
            and _address(other) == _address(self)
        )

    def _look(self) -> None:
        now_s = self.loop.time()
        under_way = cast("RequestResponseCycle | None", self.cycle)
        if under_way is not None and not under_way.response_complete:
            self.quiet_s = now_s
        if now_s - self.quiet_s >= IDLE_S:
            self.transport.close()
        elif not self.transport.is_closing():
            self.loop.call_later(IDLE_S / 4, self._look)


def _waits(one: object) -> TypeGuard[_Connection]:
    """Whether it is the other side's turn: to ask, or to send the rest of a form."""
    if not isinstance(one, _Connection) or one.transport.is_closing():
        return False
    cycle = cast("RequestResponseCycle | None", one.cycle)
    return cycle is None or cycle.response_complete or cycle.more_body


def _address(one: _Connection) -> str:
    return (one.client or ("",))[0]


class Console:
    """`safeconduct.app.served.Beside`: the pages over a gateway's rooms."""

    def __init__(self, served: Served) -> None:
        """The configuration has a `console`."""
        rooms, block = served.rooms, served.rooms.config.root.console
        if block is None or rooms.passkeys is None:
            raise ValueError("no console is configured")
        url = block.url.rstrip("/")
        people = login(rooms.config, served.evidence.person, url + SIGNED_IN)
        self._listen = block.listen
        self._watch = Watch(rooms)
        self._server = _Server(
            uvicorn.Config(
                site(
                    rooms,
                    rooms.passkeys,
                    url,
                    people,
                    served.clicks,
                    self._watch,
                    served.policy.shown,
                ),
                http=_Connection,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                proxy_headers=False,
                limit_concurrency=MAX_CONNECTIONS,
                h11_max_incomplete_event_size=MAX_HEAD,
                timeout_keep_alive=int(IDLE_S),
                timeout_graceful_shutdown=STOP_S,
            )
        )
        self._serving: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listens. Raises OSError: the address is taken, or not ours."""
        listening = listener(self._listen)
        self._serving = asyncio.create_task(self._server.serve([listening]))
        await self._server.listens.wait()
        self._watch.start()

    async def close(self) -> None:
        """Ends what is under way within `STOP_S`, and streams at once."""
        self._watch.stop()
        self._server.should_exit = True
        if self._serving is not None:
            await self._serving
