"""The processes that read documents, from the gateway: a few, each replaced when it fails."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal

import msgspec

from safeconduct.inspectors.documents.limits import Limits, unreadable
from safeconduct.inspectors.documents.wire import LENGTH, Answer, Question, Ready, framed
from safeconduct.kit.programs import program

_MODULE = "safeconduct.inspectors.documents.worker"


class _Worker:
    """One worker: it is asked one thing at a time, and ended when it does not answer."""

    def __init__(self, process: asyncio.subprocess.Process, max_answer_bytes: int) -> None:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("started without pipes")
        self.process = process
        self._stdin = process.stdin
        self._stdout = process.stdout
        self._max_answer_bytes = max_answer_bytes
        self.confined: tuple[str, ...] = ()

    @classmethod
    async def start(cls, limits: Limits) -> _Worker:
        """Raises Unread where it cannot work."""
        command, environment = program(_MODULE, msgspec.json.encode(limits).decode())
        try:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                env=environment,
                start_new_session=True,
            )
        except OSError:
            raise unreadable("no process could be started to read it") from None
        worker = cls(process, 8 * limits.max_characters)
        try:
            ready = msgspec.msgpack.decode(await worker._frame(), type=Ready)
        except BaseException:
            worker.end()
            raise
        if ready.missing:
            worker.end()
            await process.wait()
            raise unreadable(ready.missing)
        worker.confined = ready.confined
        return worker

    @property
    def gone(self) -> bool:
        return self.process.returncode is not None or self._stdout.at_eof()

    async def ask(self, question: Question) -> Answer:
        self._stdin.write(framed(question))
        await self._stdin.drain()
        return msgspec.msgpack.decode(await self._frame(), type=Answer)

    def end(self) -> None:
        """Ends it, and whatever it started."""
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self._stdin.close()

    async def _frame(self) -> bytes:
        (length,) = LENGTH.unpack(await self._stdout.readexactly(LENGTH.size))
        if length > self._max_answer_bytes:
            raise OSError("no answer is so long")
        return await self._stdout.readexactly(length)


class Workers:
    """A pool of them: `limits.workers` at most, started when they are first needed."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._free = asyncio.Semaphore(limits.workers)
        self._idle: list[_Worker] = []
        self._all: set[_Worker] = set()
        self._ending: set[_Worker] = set()

    @property
    def pids(self) -> tuple[int, ...]:
        """Those that were not ended."""
        return tuple(worker.process.pid for worker in self._all)

    async def confined(self) -> tuple[str, ...]:
        """How a worker is confined, in words for a person: what is not named is not in force.

        Raises:
            Unread: no worker starts.
        """
        async with self._free:
            worker = await self._worker()
            self._idle.append(worker)
            return worker.confined

    async def read(self, question: Question) -> Answer:
        """What a document says. A worker that does not answer is ended: when it dies, says what
        is no answer, or when nobody waits any longer.

        Raises:
            Unread: the worker did not answer.
        """
        async with self._free:
            worker = await self._worker()
            try:
                answer = await worker.ask(question)
            except (OSError, EOFError, msgspec.DecodeError):
                self._end(worker)
                raise unreadable("the process that read it ended") from None
            except BaseException:
                self._end(worker)
                raise
            self._idle.append(worker)
            return answer

    async def close(self) -> None:
        """Ends them all."""
        for worker in list(self._all):
            self._end(worker)
        for worker in self._ending:
            await worker.process.wait()
        self._ending.clear()

    async def _worker(self) -> _Worker:
        while self._idle:
            worker = self._idle.pop()
            if not worker.gone:
                return worker
            self._end(worker)
        try:
            worker = await _Worker.start(self._limits)
        except (OSError, EOFError, msgspec.DecodeError):
            raise unreadable("the process that reads documents does not start") from None
        self._all.add(worker)
        return worker

    def _end(self, worker: _Worker) -> None:
        worker.end()
        self._all.discard(worker)
        self._ending = {one for one in self._ending if one.process.returncode is None} | {worker}
        if worker in self._idle:
            self._idle.remove(worker)
