"""The operator socket: how the person who runs the gateway answers and revokes.

A Unix socket that only the gateway's own user (and root) can open; one JSON object a line in, one
out. Until approvals have a page of their own, the terminal is the place for them.
"""

from __future__ import annotations

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Final

from safeconduct.core.canonical import canonical
from safeconduct.kit import accounts
from safeconduct.kit.strictjson import StrictJSONError, loads
from safeconduct.ports import LedgerFault

MAX_LINE: Final = 65_536
"""How long one request may be, in bytes."""

IDLE_S: Final = 30.0
"""How long a connection may stay silent, in seconds."""

Handler = Callable[[Mapping[str, Any], str], Awaitable[dict[str, Any]]]
"""Answers one request; the second argument names the operator (`uid:<n> <account>`)."""


class OperatorError(Exception):
    """A request that cannot be met; the sentence is for the operator."""


class OperatorSocket:
    """Serves `handlers` by their verb."""

    def __init__(self, path: Path, handlers: Mapping[str, Handler]) -> None:
        self._path = path
        self._handlers = handlers
        self._server: asyncio.AbstractServer | None = None

    async def start(self) -> None:
        """Opens the socket, readable and writable by this user alone.

        Raises:
            OSError: the place is not ours to use, or another gateway answers there.
        """
        if self._path.is_socket():
            if await _answered(self._path):
                raise OSError(f"another gateway answers at {self._path}")
            self._path.unlink()
        before = os.umask(0o177)
        try:
            self._server = await asyncio.start_unix_server(
                self._serve, path=self._path, limit=MAX_LINE
            )
        finally:
            os.umask(before)

    async def close(self) -> None:
        """Closes the socket and removes it."""
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._path.unlink(missing_ok=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            who = operator(writer.get_extra_info("socket"))
            async with asyncio.timeout(IDLE_S):
                line = await reader.readline()
            answer = await self._answer(line, who)
            async with asyncio.timeout(IDLE_S):
                writer.write(canonical(answer) + b"\n")
                await writer.drain()
        except (TimeoutError, ValueError, ConnectionError, PermissionError):
            # A line too long, a peer that is not the operator, or one that went away.
            pass
        finally:
            writer.close()

    async def _answer(self, line: bytes, who: str) -> dict[str, Any]:
        try:
            request = loads(line, max_depth=8)
            handler = self._handlers[request["verb"]]
        except (StrictJSONError, KeyError, TypeError):
            return {"error": "not a request"}
        try:
            return await handler(request, who)
        except OperatorError as error:
            return {"error": str(error)}
        except LedgerFault:
            return {"error": "it could not be recorded, so it was not done: see the log's disk"}


def operator(connection: socket.socket) -> str:
    """Who is at the other end, as the kernel tells it: `uid:<n> <account>`, and who logged in.

    Raises PermissionError unless it is us, or root.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return accounts.operator()  # elsewhere the mode of the socket file is the guard
    data = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("iII"))
    pid, uid, _ = struct.unpack("iII", data)
    if uid not in (0, os.getuid()):
        raise PermissionError("not the operator")
    return accounts.working(uid, pid)


async def _answered(path: Path) -> bool:
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True
