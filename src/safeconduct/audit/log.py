"""The append-only log: record before act.

One thread writes. It takes whatever is queued, makes it durable with one flush, and then answers
all who wait (group commit), so many appends in flight share a flush and a single one waits for
nothing else. While many are in flight it waits a moment before it takes them, as PostgreSQL does
with `commit_delay`: a group of ten costs little more than one append.
"""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from pathlib import Path
from queue import SimpleQueue
from threading import Lock, Thread
from typing import Any, Final

from safeconduct.audit import checkpoint, lock, recovery
from safeconduct.audit.checkpoint import Checkpoint, Checkpointer
from safeconduct.audit.committer import Append, Committer
from safeconduct.audit.faults import Damaged, LogFault
from safeconduct.audit.tail import Tail
from safeconduct.ports import Projection

_MAX_GROUP: Final = 1024  # appends
_GATHER_S: Final = 0.00025  # for each append that came with others
_GATHER_MAX_S: Final = 0.004


class _Waiting(Append):
    """An append, and the future that is told of its answer in its own event loop."""

    __slots__ = ("future", "loop")

    def __init__(
        self, records: tuple[Mapping[str, Any], ...], loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(records)
        self.loop = loop
        self.future: asyncio.Future[int] = loop.create_future()


class Log:
    """An open log. Implements `Ledger`."""

    def __init__(self, directory: Path, origin: str, committer: Committer, held: ExitStack) -> None:
        """Use `open`. `held` is released when the log closes."""
        self._committer = committer
        self._held = held
        self._queue: SimpleQueue[_Waiting | None] = SimpleQueue()
        self._gate = Lock()
        self._open = True
        self._checkpointer = Checkpointer(directory, self._checkpoint)
        self._origin = origin
        self._writer = Thread(target=self._run, name="safeconduct-audit", daemon=True)
        self._writer.start()

    @classmethod
    def open(cls, directory: Path, projection: Projection, *, origin: str) -> Log:
        """Opens or creates the log in a directory and brings the projection up to it.

        `origin` is the log's name, the first line of its checkpoints: not empty, without white
        space or plus signs.

        Raises:
            LogFault: the log is open elsewhere, damaged, shorter than what the projection or the
                checkpoint knows of, or contradicts the projection.
            OSError: the directory or a file in it cannot be used.
            ValueError: the origin is not one.
        """
        if not checkpoint.is_origin(origin):
            raise ValueError(f"{origin!r} cannot be the name of a log")
        directory = directory.absolute()
        held = ExitStack()
        try:
            held.callback(os.close, lock.acquire(directory))
            end = recovery.find_end(directory, origin, projection.applied())
            tail = Tail(directory, origin, end.segment, end.offset)
            held.callback(tail.close)
            if projection.applied() < end.tree.size:
                recovery.replay(directory, projection)
            committer = Committer(tail, end.tree, projection)
            # From the first moment on, so that a log that is gone can be told from a new one.
            checkpoint.store(directory, Checkpoint(origin, *committer.head))
        except BaseException as error:
            held.close()
            if isinstance(error, Damaged):
                raise LogFault(error.code, f"{directory}: {error.sentence}") from error
            raise
        return cls(directory, origin, committer, held)

    @property
    def size(self) -> int:
        """How many records are durable and applied."""
        return self._committer.head[0]

    @property
    def root(self) -> bytes:
        """The Merkle tree hash of these records."""
        return self._committer.head[1]

    async def append(self, *records: Mapping[str, Any]) -> int:
        """Makes records durable and applies them: all, or none.

        Returns the first one's sequence number. A caller that is cancelled does not know what
        became of its records: once queued they are written.

        Raises:
            LedgerConflict: the projection refused; nothing was written.
            LogFault: nothing may be assumed of these records.
            RecordTooLarge: one has more than 8 KiB.
            NotCanonical, ValueError: one has no exact bytes, or no record was given.
        """
        if not records:
            raise ValueError("no record to append")
        waiting = _Waiting(records, asyncio.get_running_loop())
        with self._gate:
            if not self._open:
                raise LogFault("closed", "the log is closed")
            self._queue.put(waiting)
        return await waiting.future

    def close(self) -> None:
        """Writes what is queued, and a last checkpoint; then others may open the log."""
        with self._gate:
            if not self._open:
                return
            self._open = False
            self._queue.put(None)
        self._writer.join()
        self._checkpointer.close()
        self._held.close()

    def _checkpoint(self) -> Checkpoint:
        return Checkpoint(self._origin, *self._committer.head)

    def _run(self) -> None:
        last = False
        group: list[_Waiting] = []
        while not last:
            if len(group) > 1:
                time.sleep(min(len(group) * _GATHER_S, _GATHER_MAX_S))
            group, last = self._next_group()
            if group:
                self._committer.commit(group)
                self._checkpointer.wake()
                _answer(group)

    def _next_group(self) -> tuple[list[_Waiting], bool]:
        """What is queued, at least one append unless the log closes; and whether it closes."""
        group: list[_Waiting] = []
        waiting = self._queue.get()
        for _ in range(min(self._queue.qsize(), _MAX_GROUP - 1)):
            if waiting is None:
                break
            group.append(waiting)
            waiting = self._queue.get()
        if waiting is not None:
            group.append(waiting)
        return group, waiting is None


def _answer(group: list[_Waiting]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
    for waiting in group:
        by_loop.setdefault(waiting.loop, []).append(waiting)
    for loop, waitings in by_loop.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, waitings)


def _settle(group: list[_Waiting]) -> None:
    for waiting in group:
        if waiting.future.done():  # cancelled
            continue
        if isinstance(waiting.answer, int):
            waiting.future.set_result(waiting.answer)
        elif waiting.answer is not None:
            waiting.future.set_exception(waiting.answer)
