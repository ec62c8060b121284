"""Lines on standard input and output, whatever these are: pipes, files or a terminal.

Each has a thread that blocks, since event loops wait for pipes alone, and for those only by making
them non-blocking for everybody who shares them. The threads are daemons on bare descriptors: one
that hangs in a client that neither writes nor reads does not hold up the end of the process.
"""

from __future__ import annotations

import asyncio
import os
import queue
import threading
from typing import Final

_CHUNK: Final = 65_536
_WAITING: Final = 16


class TooLong:
    """Stands for a line that was longer than allowed, and was skipped."""


Line = bytes | TooLong


class Splitter:
    """Turns chunks of bytes into lines, and keeps no more of a line than it may have."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._pieces: list[bytes] = []  # of the line that has not ended yet
        self._size = 0

    def feed(self, chunk: bytes) -> list[Line]:
        """Take the next bytes; return the lines that they complete, without their ends."""
        *ends, rest = chunk.split(b"\n")
        lines = [self._line(end) for end in ends]
        self._grow(rest)
        return lines

    def rest(self) -> list[Line]:
        """The last line, if it has no end."""
        return [self._line(b"")] if self._size else []

    def _line(self, end: bytes) -> Line:
        self._grow(end)
        line = TooLong() if self._size > self._max_bytes else b"".join(self._pieces)
        self._pieces, self._size = [], 0
        return line

    def _grow(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._max_bytes:
            self._pieces.clear()
        else:
            self._pieces.append(piece)


class Lines:
    """What a descriptor says, line by line. A reader that lags holds up whoever writes."""

    def __init__(self, descriptor: int, max_bytes: int) -> None:
        """Starts to read. Needs a running event loop."""
        self._descriptor = descriptor
        self._max_bytes = max_bytes
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Line | None] = asyncio.Queue(_WAITING)
        threading.Thread(target=self._read, name="stdin", daemon=True).start()

    async def next(self) -> Line | None:
        """The next line without its end, or None when there are no more."""
        return await self._queue.get()

    def _read(self) -> None:
        splitter = Splitter(self._max_bytes)
        try:
            while chunk := self._chunk():
                for line in splitter.feed(chunk):
                    self._put(line)
            for line in splitter.rest():
                self._put(line)
            self._put(None)
        except RuntimeError:
            pass  # the loop has ended: nobody waits any more

    def _chunk(self) -> bytes:
        try:
            return os.read(self._descriptor, _CHUNK)
        except OSError:
            return b""  # a client that is gone says no more

    def _put(self, line: Line | None) -> None:
        asyncio.run_coroutine_threadsafe(self._queue.put(line), self._loop).result()


class Output:
    """Writes whole lines to a descriptor, in the order in which they were given."""

    def __init__(self, descriptor: int) -> None:
        """Needs a running event loop."""
        self._descriptor = descriptor
        self._loop = asyncio.get_running_loop()
        self._queue: queue.SimpleQueue[tuple[bytes, asyncio.Future[None]]] = queue.SimpleQueue()
        threading.Thread(target=self._write, name="stdout", daemon=True).start()

    async def send(self, line: bytes) -> None:
        """Writes a line and waits until it is taken. Raises OSError when nobody reads any more."""
        written: asyncio.Future[None] = self._loop.create_future()
        self._queue.put((line + b"\n", written))
        await written

    def _write(self) -> None:
        while True:
            line, written = self._queue.get()
            fault: OSError | None = None
            try:
                while line:
                    line = line[os.write(self._descriptor, line) :]
            except OSError as error:
                fault = error
            try:
                self._loop.call_soon_threadsafe(_settle, written, fault)
            except RuntimeError:
                return  # the loop has ended


def _settle(written: asyncio.Future[None], fault: OSError | None) -> None:
    if written.cancelled():
        return
    if fault is None:
        written.set_result(None)
    else:
        written.set_exception(fault)
