"""Child processes that end with the story, however the story ends."""

import asyncio
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

_START_S = 20
_STOP_S = 5


class Child:
    """A running child process."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log: Path) -> None:
        self._name = name
        self._process = process
        self._log = log

    @property
    def returncode(self) -> int | None:
        """The exit status, or None while the child runs."""
        return self._process.returncode

    async def first_line(self) -> bytes:
        """Wait for the line on stdout by which the child says that it is ready.

        Raises RuntimeError, with what the child wrote to stderr, when it ends instead, and
        TimeoutError when it takes too long.
        """
        if self._process.stdout is None:
            raise RuntimeError("stdout is always a pipe")
        async with asyncio.timeout(_START_S):
            line = await self._process.stdout.readline()
        if not line:
            said = self._log.read_text(encoding="utf-8", errors="replace")
            raise RuntimeError(f"{self._name} did not start: {said}")
        return line

    async def ended(self) -> int:
        """Wait until the child ends by itself; returns its exit status."""
        return await self._process.wait()

    async def stop(self) -> None:
        """End the child, by force if it does not want to."""
        if self._process.returncode is None:
            self._process.terminate()
        try:
            async with asyncio.timeout(_STOP_S):
                await self._process.wait()
        except TimeoutError:
            self._process.kill()
            await self._process.wait()


@asynccontextmanager
async def child(
    name: str, *command: str, directory: Path, env: dict[str, str] | None = None
) -> AsyncGenerator[Child]:
    """Run a command until the context ends. What it writes to stderr goes to `directory`."""
    log = directory / f"{name}.log"
    with log.open("wb") as stderr:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=stderr,
            env=os.environ | (env or {}),
            # Ctrl-C in the terminal is for us; we end our children ourselves.
            start_new_session=True,
        )
    running = Child(name, process, log)
    try:
        yield running
    finally:
        await running.stop()
