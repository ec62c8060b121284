"""A witness that answers over HTTP: for other people's logs, on a machine that is not theirs."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import ssl
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Final

from safeconduct.audit.notes import Key
from safeconduct.audit.witness import keys
from safeconduct.audit.witness.asking import PATH
from safeconduct.audit.witness.cosigning import Cosigner, Reply
from safeconduct.audit.witness.memory import Memory
from safeconduct.audit.witness.policy import Policy
from safeconduct.audit.witness.request import MAX_BYTES
from safeconduct.entrypoints.http import Request, Response, Route, Routes, Site, doors
from safeconduct.entrypoints.server import Server, listener

MEMORY: Final = "witness.sqlite3"

_log = logging.getLogger(__name__)


class Witness:
    """Watches the logs that a policy names, and remembers them in a directory."""

    def __init__(self, directory: Path, name: str, policy: Policy) -> None:
        """Makes the directory and the keys when there are none yet.

        Raises:
            UnusableKey, ValueError: see `keys.signers`.
            OSError, sqlite3.Error: the directory or the memory in it cannot be used.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        signers = keys.signers(directory, name)
        self.keys: tuple[Key, ...] = tuple(one.key for one in signers)
        self.memory = Memory(directory / MEMORY)
        self._origins = tuple(policy.logs)
        self._cosigner = Cosigner(signers, policy, self.memory, lambda: int(time.time()))
        self._turn = asyncio.Lock()

    async def serve(
        self, listen: str, url: str, ready: Callable[[], None], tls: ssl.SSLContext | None = None
    ) -> None:
        """Serves until SIGINT or SIGTERM; `url` is the address that logs know.

        Raises AddressTaken, OSError, ValueError: see `listener`.
        """
        try:
            with listener(listen) as listening:
                site = Site(self._routes(), doors(url, listen))
                serving = asyncio.create_task(Server(site, tls=tls).serve(listening))
                ready()
                await serving
        finally:
            self.memory.close()

    def _routes(self) -> Routes:
        read = Route(self._checkpoint)
        hashes = [sha256(origin.encode()).hexdigest() for origin in self._origins]
        return {
            PATH: {"POST": Route(self._add, MAX_BYTES)},
            **{f"/{one}/checkpoint": {"GET": read} for one in hashes},
        }

    async def _add(self, request: Request) -> Response:
        return await self._answer(lambda: self._cosigner.add(request.body))

    async def _checkpoint(self, request: Request) -> Response:
        origin_hash = request.path.split("/")[1]
        return await self._answer(lambda: self._cosigner.checkpoint(origin_hash))

    async def _answer(self, ask: Callable[[], Reply]) -> Response:
        """What cannot be remembered is not cosigned."""
        try:
            async with self._turn:
                reply = await asyncio.to_thread(ask)
        except sqlite3.Error:
            _log.exception("nothing can be remembered, so nothing is cosigned")
            reply = Reply(500, "nothing can be remembered here\n")
        return Response(
            reply.status, reply.body.encode(), ((b"content-type", reply.type.encode()),)
        )
