"""The HTTP server: where it listens, and how it stops."""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
import ssl
import threading
from contextlib import suppress
from typing import Final

from safeconduct.entrypoints.arrival import Limits
from safeconduct.entrypoints.connection import Connection
from safeconduct.entrypoints.http import Site
from safeconduct.entrypoints.tls import HANDSHAKE_S

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


class AddressTaken(OSError):
    """Something else listens at the address; the sentence says what to do."""


class Server:
    """Serves a site within limits. Forwarding headers are not believed, and no header of a response
    says what serves it.
    """

    def __init__(
        self, site: Site, limits: Limits | None = None, tls: ssl.SSLContext | None = None
    ) -> None:
        """Without `tls` it speaks plain HTTP."""
        self._site = site
        self._tls = tls
        self._limits = limits or Limits()
        self._connections: set[Connection] = set()
        self._left = asyncio.Event()
        self._stopped = asyncio.Event()
        self._forced = False

    async def serve(self, listening: socket.socket) -> None:
        """Serves until it is told to stop, by `stop` or by SIGINT or SIGTERM, and then returns:
        what stands around it has a log and child processes to close.

        What is under way has `shutdown_s` to come to its end; a second SIGINT does not wait.
        """
        loop = asyncio.get_running_loop()
        accepting = await loop.create_server(
            lambda: Connection(self._site, self._limits, self._connections, self._left),
            sock=listening,
            backlog=self._limits.backlog,
            ssl=self._tls,
            ssl_handshake_timeout=None if self._tls is None else HANDSHAKE_S,
            ssl_shutdown_timeout=None if self._tls is None else HANDSHAKE_S,
        )
        signalled = threading.current_thread() is threading.main_thread()
        try:
            if signalled:
                for number in _SIGNALS:
                    loop.add_signal_handler(number, self._signalled, number)
            await self._stopped.wait()
        finally:
            accepting.close()
            await self._end()
            if signalled:
                for number in _SIGNALS:
                    loop.remove_signal_handler(number)
        await accepting.wait_closed()

    def stop(self) -> None:
        """Ends `serve`, once what is under way has come to its end."""
        self._stopped.set()

    def _signalled(self, number: int) -> None:
        if self._stopped.is_set() and number == signal.SIGINT:
            self._forced = True
            self._left.set()
        self._stopped.set()

    async def _end(self) -> None:
        for connection in list(self._connections):
            connection.stop()
        with suppress(TimeoutError):
            async with asyncio.timeout(self._limits.shutdown_s):
                while self._connections and not self._forced:
                    self._left.clear()
                    await self._left.wait()
        left = list(self._connections)
        for connection in left:
            connection.abort()
        # A call that is cancelled records its outcome first.
        tasks = (connection.task for connection in left if connection.task is not None)
        await asyncio.gather(*tasks, return_exceptions=True)


def listener(listen: str, backlog: int = Limits().backlog) -> socket.socket:
    """A listening socket on `host:port`, or `[host]:port` for IPv6. Port 0 takes a free one.

    Raises:
        AddressTaken: something listens there already.
        OSError: the address is not this machine's.
        ValueError: it is no address and port.
    """
    host, _, port = listen.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    try:
        return socket.create_server((bare, int(port)), family=family, backlog=backlog)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise AddressTaken(
            f"{listen} is taken (fix: stop what listens there, or change gateway.listen)"
        ) from None
