"""Programs that run for the length of a block, each with a log of its own."""

import asyncio
import os
import signal
import socket
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path

START_S = 30.0

Command = Sequence[str | Path]

ROOT = Path(__file__).parent.parent

ENVIRONMENT = os.environ | {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@asynccontextmanager
async def serving(
    command: Command, port: int, log: Path, *, cwd: Path = ROOT, says: str = ""
) -> AsyncGenerator[asyncio.subprocess.Process]:
    """The process of a server that has begun to listen at a port, and has said that in its log.
    Raises RuntimeError if it never does.
    """
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env=ENVIRONMENT,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        async with asyncio.timeout(START_S):
            while not (await _listens(port) and says in _read(log)):
                if process.returncode is not None:
                    raise RuntimeError(
                        f"{command[0]} did not start, see {log}:\n{_read(log)[-2000:]}"
                    )
                await asyncio.sleep(0.05)
        yield process
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        try:
            async with asyncio.timeout(5):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()


async def run(
    command: Command,
    log: Path,
    *,
    cwd: Path = ROOT,
    env: Mapping[str, str] | None = None,
) -> int:
    """Run a program to its end, and give its exit code. What it started does not outlive it."""
    with log.open("ab") as out:
        process = await asyncio.create_subprocess_exec(
            *command,
            cwd=cwd,
            env=ENVIRONMENT | dict(env or {}),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        return await process.wait()
    finally:
        # The whole group: the suite ends a client that is late by ending only the shell around it.
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        await process.wait()


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection("127.0.0.1", port)
    except OSError:
        return False
    writer.close()
    return True


def _read(log: Path) -> str:
    return log.read_text(encoding="utf-8", errors="replace")
