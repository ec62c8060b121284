"""The two legs: the same client, shim and server, with and without the gateway between them."""

import asyncio
import shutil
import sys
import tempfile
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from string import Template
from typing import Literal
from urllib.parse import urlsplit

from conformance.processes import Command, free_port, serving
from conformance.shim import Lines, Shim
from safeconduct.config import load
from safeconduct.identity.client import StartedTask, proof, start_task

Leg = Literal["direct", "gateway"]
LEGS: tuple[Leg, Leg] = ("direct", "gateway")

PROFILE = Path(__file__).parent / "gateway"
AGENT = "spiffe://conformance.example/agents/suite"


@asynccontextmanager
async def leading(leg: Leg, url: str, manifest: str, logs: Path) -> AsyncGenerator[str]:
    """The URL that leads over one leg to the server at `url`, which `manifest` describes."""
    if leg == "direct":
        async with _direct(url) as here:
            yield here
    else:
        async with _through(url, manifest, logs) as here:
            yield here


@asynccontextmanager
async def _direct(url: str) -> AsyncGenerator[str]:
    parts = urlsplit(url)
    assert parts.hostname is not None
    assert parts.port is not None
    async with Shim(parts.hostname, parts.port).listening() as port:
        yield f"http://127.0.0.1:{port}{parts.path}"


@asynccontextmanager
async def _through(url: str, manifest: str, logs: Path) -> AsyncGenerator[str]:
    listen = free_port()
    shim = Shim("127.0.0.1", listen)
    # The path of a socket has to be shorter than that of a log may be.
    with tempfile.TemporaryDirectory(prefix="safeconduct-") as short:
        async with shim.listening() as port:
            # Clients know the gateway by the shim's address, so that the shim leaves Host alone.
            issuer = f"http://127.0.0.1:{port}"
            directory = logs / "gateway"
            configure(
                directory,
                issuer=issuer,
                listen=f"127.0.0.1:{listen}",
                socket=f"{short}/socket",
                manifest=manifest,
                url=url,
            )
            async with served(directory, listen, logs / "gateway.log"):
                task = await asyncio.to_thread(
                    start_task,
                    load(directory),
                    agent=AGENT,
                    user="suite",
                    profile="suite",
                    purpose="Find out whether a gateway can be noticed.",
                    source="app",
                )
                shim.lines = _proving(task, issuer)
                yield f"{issuer}/mcp/server"


def served(
    directory: Path, listen: int, log: Path
) -> AbstractAsyncContextManager[asyncio.subprocess.Process]:
    """A gateway that is ready: it listens before, for those whom its upstreams send to ask."""
    command: Command = [sys.executable, "-m", "safeconduct", "serve", "--config", directory]
    return serving(command, listen, log, says="ready: ")


def configure(directory: Path, **names: str) -> None:
    """Write the fixture profile, with the names that it leaves open."""
    shutil.copytree(PROFILE, directory)
    root = directory / "safeconduct.yaml"
    text = Template(root.read_text(encoding="utf-8")).substitute(names)
    root.write_text(text, encoding="utf-8")


def _proving(task: StartedTask, issuer: str) -> Lines:
    def lines(method: str, target: str) -> bytes:
        signed = proof(task.key, method, issuer + target, task.token)
        return f"Authorization: DPoP {task.token}\r\nDPoP: {signed}\r\n".encode("ascii")

    return lines
