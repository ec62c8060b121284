"""A server as a child process: lines in, lines out, a clean environment, no survivors.

There is no sandbox here; a configuration must say `unsafe_no_sandbox` before it comes to this.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
import signal
import tempfile
from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Final

_GRACE_S: Final = 1.0
_PATH: Final = "/usr/local/bin:/usr/bin:/bin"
_MAX_UNREAD: Final = 4 * 1024 * 1024
_TAIL_LINES: Final = 20
_TAIL_BYTES: Final = 300


class LineTooLong(ValueError):
    """The child wrote a line beyond the bound."""


class Child:
    """One running process, the leader of its own process group."""

    def __init__(self, process: asyncio.subprocess.Process, home: str, max_line_bytes: int) -> None:
        if process.stdin is None or process.stdout is None or process.stderr is None:
            raise RuntimeError("started without pipes")
        self._process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._home = home
        self._max_line_bytes = max_line_bytes
        self._tail: deque[str] = deque(maxlen=_TAIL_LINES)
        self._draining = asyncio.create_task(self._drain(process.stderr))

    @classmethod
    async def start(
        cls,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path | None,
        max_line_bytes: int,
    ) -> Child:
        """Start a process. Of our own environment it sees PATH; HOME is an empty directory.

        Raises:
            OSError: the program cannot be started.
        """
        home = tempfile.mkdtemp(prefix="safeconduct-")
        base = {"PATH": os.environ.get("PATH", _PATH), "HOME": home, "LANG": "C.UTF-8"}
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=base | dict(env),
                cwd=cwd or home,
                start_new_session=True,
                limit=max_line_bytes,
            )
        except BaseException:
            shutil.rmtree(home, ignore_errors=True)
            raise
        return cls(process, home, max_line_bytes)

    @property
    def status(self) -> int | None:
        """The exit status, negative for a signal; None while it runs."""
        return self._process.returncode

    def tail(self) -> list[str]:
        """The last lines of standard error, shortened, with control characters made visible."""
        return list(self._tail)

    @property
    def clogged(self) -> bool:
        """Whether too much waits already for a child that does not read."""
        return self._stdin.transport.get_write_buffer_size() > _MAX_UNREAD

    def post(self, line: bytes) -> None:
        """Write one line, whole or not at all, without waiting for the child to take it."""
        self._stdin.write(line + b"\n")

    async def write(self, line: bytes) -> None:
        """Write one line, whole or not at all; returns when the child has room for more.

        Raises:
            OSError: the child closed its standard input.
        """
        self.post(line)
        await self._stdin.drain()

    async def lines(self) -> AsyncIterator[bytes]:
        """The lines of standard output until it is closed.

        Raises:
            LineTooLong: a line exceeds the bound.
        """
        while True:
            try:
                line = await self._stdout.readuntil(b"\n")
            except asyncio.IncompleteReadError:
                return
            except asyncio.LimitOverrunError:
                raise LineTooLong from None
            except OSError:
                return
            yield line

    async def stop(self) -> None:
        """End the process and all of its group: politely, then not. Nobody reads lines any more."""
        self._stdin.close()
        # A child that cannot get rid of its output does not come to exit, nor does its end show.
        swallowing = asyncio.create_task(self._swallow())
        if not await self._exits():
            self._signal(signal.SIGTERM)
            await self._exits()
        # Also after a clean exit: what it started may still run.
        self._signal(signal.SIGKILL)
        await self._exits()
        # A descendant that left the group may still hold the pipes. Nothing public closes our ends.
        transport = getattr(self._process, "_transport", None)
        if transport is not None:
            transport.close()
        for task in (swallowing, self._draining):
            task.cancel()
        await asyncio.gather(swallowing, self._draining, return_exceptions=True)
        await asyncio.to_thread(shutil.rmtree, self._home, ignore_errors=True)

    async def _exits(self) -> bool:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GRACE_S):
                await self._process.wait()
        return self.status is not None

    async def _swallow(self) -> None:
        while await self._stdout.read(65_536):
            pass

    def _signal(self, number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, number)

    async def _drain(self, stderr: asyncio.StreamReader) -> None:
        """Keep the last lines of standard error; a full pipe must not stop the child."""
        rest = b""
        while chunk := await stderr.read(65_536):
            *lines, rest = (rest + chunk).split(b"\n")
            rest = rest[:_TAIL_BYTES]
            for line in lines[-_TAIL_LINES:]:
                text = line[:_TAIL_BYTES].decode(errors="replace")
                self._tail.append(
                    "".join(c if c.isprintable() else f"\\x{ord(c):02x}" for c in text)
                )
