"""Who writes the next group: the event loop while the disk is quick, a thread while it is not.

A flush into a quick disk takes an eighth of a millisecond, and handing it to another thread and
back costs more than waiting for it. So the event loop writes: the first append asks it to come back
when it has run what is ready, and all that was queued by then is one group (group commit). A slow
disk would hold up every stream and every timeout, so that a thread takes over from the first flush
that shows it (see `pace`). That one the loop has waited for: should it never end, the stall
watchdog ends the process.

While many are in flight, whoever writes waits a moment before, as PostgreSQL does with
`commit_delay`, or until there are enough: as many as came together lately, since those who got an
answer are back then. A group of ten costs little more than one append, which itself waits for
nothing.

There is one queue, and whoever writes has taken its group from the front of it and has put
`_writing` up: never do two write, and no append overtakes another.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from math import ceil
from threading import Condition, Lock, Thread
from time import perf_counter
from typing import Any, Final

from safeconduct.audit.committer import Append
from safeconduct.audit.faults import LogFault
from safeconduct.audit.pace import Pace
from safeconduct.audit.sequencer import Sequencer

_MAX_GROUP: Final = 1024  # appends
_GATHER_S: Final = 0.00025  # for each append that came with others
_GATHER_MAX_S: Final = 0.004
_ENOUGH: Final = 64  # appends: what a group costs beside its records is small then
_FADES: Final = 7 / 8  # with each group, how many came together


class _Waiting(Append):
    """An append, and the future that is told of its answer in its own event loop."""

    __slots__ = ("future", "loop")

    def __init__(
        self, records: tuple[Mapping[str, Any], ...], loop: asyncio.AbstractEventLoop
    ) -> None:
        super().__init__(records)
        self.loop = loop
        self.future: asyncio.Future[int] = loop.create_future()

    def settle(self) -> None:
        if self.future.done():  # cancelled
            return
        if isinstance(self.answer, int):
            self.future.set_result(self.answer)
        elif self.answer is not None:
            self.future.set_exception(self.answer)


class Writer:
    """Queues appends from any event loop and has them committed in order, one group at a time."""

    def __init__(self, sequencer: Sequencer, committed: Callable[[], None]) -> None:
        """`committed` is called after every group, by who wrote it."""
        self._sequencer = sequencer
        self._committed = committed
        self._gate = Lock()  # guards what follows
        self._turn = Condition(self._gate)
        self._queue: list[_Waiting] = []
        self._open = True
        self._writing = False
        self._pace = Pace()
        self._gather_s = 0.0
        self._lately = 0.0
        self._enough = 0  # appends
        self._asked: asyncio.AbstractEventLoop | None = None  # was asked to write, and will
        self._later: asyncio.TimerHandle | None = None  # when, if not as soon as it can
        self._thread = Thread(target=self._run, name="safeconduct-audit", daemon=True)
        self._thread.start()

    def add(self, records: tuple[Mapping[str, Any], ...]) -> asyncio.Future[int]:
        """Queues an append of the running event loop; what the future raises, `Log.append` tells.

        Raises:
            LogFault: the log is closed.
        """
        loop = asyncio.get_running_loop()
        waiting = _Waiting(records, loop)
        with self._gate:
            if not self._open:
                raise LogFault("closed", "the log is closed")
            self._queue.append(waiting)
            if self._writing:
                pass  # who writes passes on what was queued meanwhile
            elif self._is_threads():
                if len(self._queue) in {1, self._enough}:
                    self._turn.notify()
            elif self._asked is not loop:
                self._asked = loop
                if self._gather_s:
                    self._later = loop.call_later(self._gather_s, self._write_here, loop)
                else:
                    loop.call_soon(self._write_here, loop)
            elif self._later is not None and len(self._queue) >= self._enough:
                self._later.cancel()
                self._later = None
                loop.call_soon(self._write_here, loop)
        return waiting.future

    def close(self) -> None:
        """Returns when all that is queued is written and answered; nothing more is taken."""
        with self._gate:
            self._open = False
            self._turn.notify()
        self._thread.join()

    def _write_here(self, loop: asyncio.AbstractEventLoop) -> None:
        """Runs in an event loop that was asked; another one may have been quicker."""
        with self._gate:
            self._asked = self._later = None
            if self._writing or self._is_threads() or not self._queue:
                return
            group = self._take()
        self._write(group, loop)

    def _run(self) -> None:
        while group := self._next():
            self._write(group, None)
            if self._gather_s:
                with self._gate:
                    self._turn.wait_for(self._is_enough, self._gather_s)

    def _next(self) -> list[_Waiting]:
        """The thread's next group; empty when the log is closed and all is written."""
        with self._gate:
            while self._open or self._queue or self._writing:
                if self._queue and not self._writing and self._is_threads():
                    return self._take()
                self._turn.wait()
        return []

    def _is_threads(self) -> bool:
        """Whether the thread is to write, and event loops are not."""
        return not (self._pace.quick and self._open)

    def _is_enough(self) -> bool:
        return len(self._queue) >= self._enough or not self._open

    def _take(self) -> list[_Waiting]:
        group = self._queue[:_MAX_GROUP]
        del self._queue[:_MAX_GROUP]
        size = len(group)
        self._gather_s = min(size * _GATHER_S, _GATHER_MAX_S) if size > 1 else 0.0
        self._lately = max(size, self._lately * _FADES)
        self._enough = min(ceil(self._lately), _ENOUGH)
        self._writing = True
        return group

    def _write(self, group: list[_Waiting], here: asyncio.AbstractEventLoop | None) -> None:
        try:
            self._sequencer.commit(group)
        finally:
            with self._gate:
                self._writing = False
                self._pace.flushed(self._sequencer.disk_s, perf_counter())
                if self._queue or not self._open:
                    self._pass_on()
            self._committed()
            _answer(group, here)

    def _pass_on(self) -> None:
        """Somebody else writes what is queued."""
        if self._is_threads():
            self._turn.notify()
            return
        # All of them: one that has stopped does not hear it, and must not hold up the others.
        for loop in {waiting.loop for waiting in self._queue}:
            with suppress(RuntimeError):  # closed: the next append, or the end, writes for it
                loop.call_soon_threadsafe(self._write_here, loop)


def _answer(group: list[_Waiting], here: asyncio.AbstractEventLoop | None) -> None:
    elsewhere: dict[asyncio.AbstractEventLoop, list[_Waiting]] = {}
    for waiting in group:
        if waiting.loop is here:
            waiting.settle()
        else:
            elsewhere.setdefault(waiting.loop, []).append(waiting)
    for loop, waitings in elsewhere.items():
        with suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(_settle, waitings)


def _settle(group: list[_Waiting]) -> None:
    for waiting in group:
        waiting.settle()
