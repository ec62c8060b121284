"""Processes that evaluate Rego: one that is asked, and one that waits to take its place."""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Coroutine
from typing import Any, Final, cast

import msgspec

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.policy.rego.child import ANSWERED, ASKED
from safeconduct.policy.rego.starting import Limits, Started

MAX_ANSWER_BYTES: Final = 1024 * 1024
RETRY_S: Final = 1.0
"""How long nobody tries again after a child did not come up."""

_TRIES: Final = 3
_DECODER: Final = msgspec.json.Decoder(PolicyAnswer)


class Lost(Exception):
    """No process answered; the text says why, and quotes nothing of the input."""


class _Asked:
    """A question on its way."""

    __slots__ = ("answer", "frame")

    def __init__(self, frame: bytes, answer: asyncio.Future[PolicyAnswer]) -> None:
        self.frame = frame
        self.answer = answer

    def refuse(self, why: str) -> None:
        if not self.answer.done():
            self.answer.set_exception(Lost(why))


class _Child(asyncio.Protocol):
    """The gateway's end of a child, which answers in the order in which it is asked.

    `since` is when it could turn to the first of what it is asked, by the clock of the loop.
    """

    def __init__(self, started: Started, lost: Callable[[_Child], None]) -> None:
        self.asked: deque[_Asked] = deque()
        self.since = 0.0
        self.ended = False
        self.process = started.process
        self._loop = asyncio.get_running_loop()
        self.gone: asyncio.Future[None] = self._loop.create_future()
        self._lost = lost
        self._given = bytearray()
        self._transport: asyncio.WriteTransport | None = None

    def ask(self, asked: _Asked) -> None:
        assert self._transport is not None  # noqa: S101 it is asked once it is connected
        if not self.asked:
            self.since = self._loop.time()
        self.asked.append(asked)
        self._transport.write(asked.frame)

    def end(self) -> None:
        """Nothing that it says counts from here on."""
        self.ended = True
        self.process.kill()
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)

    def data_received(self, data: bytes) -> None:
        self._given += data
        try:
            while not self.ended and (text := self._frame()) is not None:
                answer = _DECODER.decode(text)
                asked = self.asked.popleft()
                self.since = self._loop.time()
                if not asked.answer.done():
                    asked.answer.set_result(answer)
        except (msgspec.DecodeError, IndexError):
            self.end()

    def connection_lost(self, exc: Exception | None) -> None:
        self.end()
        self._lost(self)
        self.gone.set_result(None)

    def _frame(self) -> bytes | None:
        """The next whole answer. Raises IndexError for one of a length that none has."""
        given, head = self._given, ANSWERED.size
        if len(given) < head:
            return None
        (length,) = ANSWERED.unpack_from(given)
        if length > MAX_ANSWER_BYTES:
            raise IndexError
        if len(given) < head + length:
            return None
        text = bytes(given[head : head + length])
        del given[: head + length]
        return text


class Children:
    """Asks the child that is there, and replaces it when it is lost.

    A question on which a child is lost is refused; those behind it are put to the next one. All
    questions come from one event loop.
    """

    def __init__(self, bundle: Bundle, limits: Limits) -> None:
        """Blocks until the first child is there. Raises PolicyRefused."""
        self._bundle = bundle
        self._limits = limits
        self._first: Started | None = Started(bundle, limits)
        self.described = self._first.described
        self._current: _Child | None = None
        self._spare: asyncio.Task[_Child] | None = None
        self._one_at_a_time = asyncio.Lock()
        self._timer: asyncio.TimerHandle | None = None
        self._errands: set[asyncio.Task[object]] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._not_before = 0.0
        self._closed = False

    @property
    def pids(self) -> tuple[int, ...]:
        """The child that is asked, and the one that waits, as far as they are up."""
        spare = self._spare
        up: list[Started | _Child | None] = [self._first, self._current]
        if spare is not None and spare.done() and spare.exception() is None:
            up.append(spare.result())
        return tuple([child.process.pid for child in up if child is not None])

    async def ask(self, input_json: bytes, now_ms: int) -> PolicyAnswer:
        """What the rules say. Raises Lost."""
        frame = ASKED.pack(len(input_json), now_ms) + input_json
        asked = _Asked(frame, asyncio.get_running_loop().create_future())
        self._put(asked, self._current or await self._promoted())
        return await asked.answer

    async def close(self) -> None:
        """End all children; what was asked and is not answered is refused."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._first is not None:
            self._first.end()
        left = [self._current] if self._current is not None else []
        if self._spare is not None:
            with contextlib.suppress(Lost):
                left.append(await self._spare)
        for child in left:
            child.end()
            await child.gone
        others = [task for task in self._errands if task is not asyncio.current_task()]
        await asyncio.gather(*others, return_exceptions=True)

    def abandon(self) -> None:
        """As `close`, for when nobody is left who could ask or wait. From any thread."""
        if self._loop is None:
            assert self._first is not None  # noqa: S101 nobody has asked
            self._first.end()
            return
        with contextlib.suppress(RuntimeError):  # the loop is closed, and the children with it
            self._loop.call_soon_threadsafe(lambda: self._errand(self.close()))

    def _put(self, asked: _Asked, child: _Child) -> None:
        child.ask(asked)
        if self._timer is None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(self._limits.wall_s, self._look)

    async def _promoted(self) -> _Child:
        """The child to ask, when there is none. Raises Lost."""
        async with self._one_at_a_time:
            for _ in range(_TRIES):
                child = self._current or await self._next()
                if not child.ended:
                    self._current = child
                    self._spare = self._spare or self._start()
                    return child
            raise Lost("the processes for the rules do not last")

    async def _next(self) -> _Child:
        """The child that was waiting, or a new one. Raises Lost."""
        loop = self._loop = asyncio.get_running_loop()
        if self._closed or loop.time() < self._not_before:
            raise Lost("there is no process for the rules")
        if self._first is not None:
            first, self._first = self._first, None
            return await self._connected(first)
        if self._spare is None:
            self._spare = self._start()
        try:
            # Who waits for it may be cancelled; the others want it still.
            child = await asyncio.shield(self._spare)
        except Lost:
            self._not_before = loop.time() + RETRY_S
            raise
        self._spare = None
        return child

    def _start(self) -> asyncio.Task[_Child]:
        async def start() -> _Child:
            try:
                started = await asyncio.to_thread(Started, self._bundle, self._limits)
            except PolicyRefused as error:
                raise Lost(error.sentence) from None
            return await self._connected(started)

        def over(task: asyncio.Task[_Child]) -> None:
            # That none came up while none was needed says nothing of when one is.
            if task.cancelled() or task.exception() is not None:
                self._spare = None

        task = asyncio.ensure_future(start())
        task.add_done_callback(over)
        return task

    async def _connected(self, started: Started) -> _Child:
        _, child = await asyncio.get_running_loop().create_unix_connection(
            lambda: _Child(started, self._lost), sock=started.connection
        )
        return child

    def _look(self) -> None:
        """Ends a child that is at one question for too long; looks again when it may be."""
        self._timer = None
        if self._current is None or not self._current.asked:
            return
        loop = asyncio.get_running_loop()
        left_s = self._current.since + self._limits.wall_s - loop.time()
        if left_s <= 0:
            self._current.end()
        else:
            self._timer = loop.call_later(left_s, self._look)

    def _lost(self, child: _Child) -> None:
        if child is self._current:
            self._current = None
        self._errand(asyncio.to_thread(child.process.wait))
        if child.asked:
            first, *behind = child.asked
            first.refuse("the rules ended their process, or took too long")
            self._errand(self._again(behind))

    async def _again(self, questions: list[_Asked]) -> None:
        for asked in questions:
            try:
                self._put(asked, self._current or await self._promoted())
            except Lost as error:
                asked.refuse(str(error))

    def _errand(self, work: Coroutine[Any, Any, object]) -> None:
        task = asyncio.ensure_future(work)
        self._errands.add(task)
        task.add_done_callback(self._errands.discard)
