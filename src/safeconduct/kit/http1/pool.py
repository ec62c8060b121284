"""Connections to one target, kept for the next request while they are fresh."""

from __future__ import annotations

import asyncio
import ssl
from pathlib import Path
from time import monotonic
from typing import Final

from safeconduct.kit.http1.connection import Connection, Lost
from safeconduct.kit.http1.target import Target

# Below the 5 s after which uvicorn and Node.js close idle connections: a POST that crosses the
# server's FIN has an unknown outcome, so it is better not to be the later of the two.
_IDLE_S: Final = 4.0
_CONNECT_S: Final = 10.0


class Full(Exception):
    """As many connections as there may be are in use."""


class Pool:
    """Lends connections, the one used last first."""

    def __init__(self, target: Target, limit: int, ca: Path | None = None) -> None:
        """`ca` is a file of PEM certificates to trust instead of the system's.

        Raises OSError: the file cannot be read, or holds no certificate.
        """
        self._target = target
        self._limit = limit
        self._tls: ssl.SSLContext | None = None
        if target.tls:
            self._tls = ssl.create_default_context(cafile=ca)
            self._tls.set_alpn_protocols(["http/1.1"])
        self._idle: list[Connection] = []
        self._open: set[Connection] = set()
        self._opening = 0
        self._sweep: asyncio.TimerHandle | None = None
        self._closed = False

    def fresh(self) -> Connection | None:
        """An idle connection, or None."""
        while self._idle:
            connection = self._idle.pop()
            age = monotonic() - connection.idle_since
            if connection.usable and age < _IDLE_S and connection.silent:
                return connection
            connection.abort()
        return None

    async def connect(self) -> Connection:
        """A new connection.

        Raises:
            Full: there are too many.
            Lost: the pool was closed.
            OSError: there is no connection, or no certificate that can be trusted.
        """
        if len(self._open) + self._opening >= self._limit:
            raise Full
        self._opening += 1
        try:
            async with asyncio.timeout(_CONNECT_S):
                _, connection = await asyncio.get_running_loop().create_connection(
                    lambda: Connection(self._ended),
                    self._target.host,
                    self._target.port,
                    ssl=self._tls,
                    server_hostname=self._target.host if self._tls is not None else None,
                )
        finally:
            self._opening -= 1
        if not connection.usable:
            raise Lost
        self._open.add(connection)
        if self._closed:
            connection.abort()
            raise Lost
        return connection

    def give_back(self, connection: Connection) -> None:
        """Keep a connection whose response is over, or end it."""
        if self._closed or not connection.reusable:
            connection.abort()
            return
        connection.release()
        connection.idle_since = monotonic()
        self._idle.append(connection)
        if self._sweep is None:
            self._sweep = asyncio.get_running_loop().call_later(_IDLE_S, self._swept)

    async def close(self) -> None:
        """End all connections, also those in use."""
        self._closed = True
        if self._sweep is not None:
            self._sweep.cancel()
        ending = [connection.ended for connection in self._open]
        for connection in list(self._open):
            connection.abort()
        await asyncio.gather(*ending)

    def _ended(self, connection: Connection) -> None:
        self._open.discard(connection)
        if connection in self._idle:
            self._idle.remove(connection)

    def _swept(self) -> None:
        """End what has been idle for too long; the oldest stand first."""
        while self._idle and monotonic() - self._idle[0].idle_since >= _IDLE_S:
            self._idle.pop(0).abort()
        self._sweep = None
        if self._idle:
            left_s = self._idle[0].idle_since + _IDLE_S - monotonic()
            self._sweep = asyncio.get_running_loop().call_later(left_s, self._swept)
