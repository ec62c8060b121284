"""The processes that are measured: how they start and end, and what they have used so far."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

ROOT = Path(__file__).parent.parent
CLOCK = os.sysconf("SC_CLK_TCK")
PAGE = os.sysconf("SC_PAGE_SIZE")
START_S = 30.0
LOOK_S = 0.05
"""How often is looked whether a port is open yet."""


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def tree(pid: int) -> Iterator[int]:
    """A process and all that descend from it."""
    yield pid
    for thread in Path(f"/proc/{pid}/task").iterdir():
        children = ""
        with suppress(FileNotFoundError):  # a thread may end while it is looked at
            children = (thread / "children").read_text(encoding="ascii")
        for child in children.split():
            yield from tree(int(child))


def cpu_s(pids: tuple[int, ...]) -> float:
    """User and system time of the processes so far, in seconds, with what descends from them.

    Fields 14 to 17 of proc(5): own time and that of children that have ended.
    """
    total = 0
    for root in pids:
        for pid in tree(root):
            text = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
            total += sum(int(field) for field in text.rpartition(")")[2].split()[11:15])
    return total / CLOCK


def resident_bytes(root: int) -> int:
    """Resident memory of a process, with what descends from it (proc(5), statm)."""
    return PAGE * sum(
        int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]) for pid in tree(root)
    )


@asynccontextmanager
async def running(*command: str) -> AsyncGenerator[int]:
    """A Python process that has said that it is ready, by its id; it ends with the block."""
    async with _started(sys.executable, *command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        async with asyncio.timeout(START_S):
            line = await process.stdout.readline()
        if not line:
            raise RuntimeError(f"{command} did not start")
        yield process.pid


@asynccontextmanager
async def listening(port: int, *command: str) -> AsyncGenerator[int]:
    """Any process that has opened its port, by its id; it ends with the block."""
    async with _started(*command, stdout=sys.stderr.fileno()) as process:
        async with asyncio.timeout(START_S):
            while not await _open(port):
                if process.returncode is not None:
                    raise RuntimeError(f"{command} did not start")
                await asyncio.sleep(LOOK_S)
        yield process.pid


@asynccontextmanager
async def _started(*command: str, stdout: int) -> AsyncGenerator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stdout
    )
    try:
        yield process
    finally:
        # Nothing that they hold is of use to anybody any more.
        with suppress(ProcessLookupError, FileNotFoundError):
            for pid in list(tree(process.pid)):
                os.kill(pid, signal.SIGKILL)
        await process.wait()


async def _open(port: int) -> bool:
    with suppress(OSError):
        _, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.close()
        return True
    return False
