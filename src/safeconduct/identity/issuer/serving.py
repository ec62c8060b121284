"""The Workload API as a server: a Unix socket, and a beat for what changes."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from safeconduct.identity.issuer.grpc import Service
from safeconduct.identity.issuer.workload_api import BEAT_S, WorkloadApi

_BACKLOG: Final = 128


async def serve(api: WorkloadApi, path: Path, ready: Callable[[], None]) -> None:
    """Serves until cancelled. `ready` is called once the socket listens.

    Raises OSError: the place is not ours to use, or another issuer answers there.
    """
    service = Service(api.methods())
    loop = asyncio.get_running_loop()
    with _listening(path) as listener:
        server = await loop.create_unix_server(service.connection, sock=listener)
        try:
            ready()
            while True:
                await asyncio.sleep(BEAT_S)
                api.beat()
        finally:
            server.close()
            service.close()


@contextmanager
def _listening(path: Path) -> Generator[socket.socket]:
    """A socket that every local process may connect to: who it is decides what it gets."""
    if path.is_socket():
        if _answers(path):
            raise OSError(f"another issuer answers at {path}")
        path.unlink()
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as listener:
        before = os.umask(0o111)
        try:
            listener.bind(str(path))
        except OSError as error:
            raise OSError(f"no socket can be made at {path}: {error.strerror or error}") from None
        finally:
            os.umask(before)
        ours = path.stat().st_ino
        listener.listen(_BACKLOG)
        try:
            yield listener
        finally:
            # Another issuer may have taken the place meanwhile.
            if path.is_socket() and path.stat().st_ino == ours:
                path.unlink()


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(str(path))
        except OSError:
            return False
    return True
