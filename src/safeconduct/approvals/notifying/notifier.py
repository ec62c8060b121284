"""One way to tell people: a queue and one task, so that no call waits for a message.

A service that is slow or down costs notices and nothing else: the question stands, and the console
shows it. What was not told is counted and in the log of the program.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol

import msgspec

from safeconduct.approvals.notifying.notice import Notice, Settled

MAX_WAITING: Final = 1_000
"""How many messages may wait for one service; further ones are not sent."""

PAUSES_S: Final = (1.0, 5.0, 20.0)
"""How long to wait before each further try, in seconds."""

LONGEST_PAUSE_S: Final = 60.0
"""A service that asks for more is not waited for."""

_log = logging.getLogger(__name__)


class Undelivered(Exception):
    """A message that did not go out. `again`: another try may help, `after_s` seconds later at the
    earliest. The words are for the operator, and quote nothing that was sent.
    """

    def __init__(self, why: str, *, again: bool, after_s: float = 0.0) -> None:
        super().__init__(why)
        self.again = again
        self.after_s = after_s


class To(msgspec.Struct, frozen=True):
    """Whom a message is for: a user and what they are called there; neither, where it goes to a
    channel or a program.
    """

    user: str | None = None
    address: str | None = None


class Wire(Protocol):
    """How messages go out. The methods raise Undelivered."""

    async def tell(self, notice: Notice, to: To, now_ms: int) -> str | None:
        """What names the message to whoever can change it later."""
        ...

    async def settle(self, notice: Notice, to: To, message: str, settled: Settled) -> None:
        """Says in a message what became of its question."""
        ...


class Counts(msgspec.Struct):
    """What became of messages since the start; `fault` is the last thing that went wrong."""

    told: int = 0
    failed: int = 0
    fault: str = ""


class _Sent(msgspec.Struct, frozen=True):
    notice: Notice
    to: To
    message: str


class Notifier:
    """Tells people of questions, and what became of them."""

    def __init__(
        self,
        name: str,
        wire: Wire,
        *,
        people: Mapping[str, str],
        all_at_once: bool,
        stands: Callable[[str], bool],
        clock_ms: Callable[[], int],
        pause: Callable[[float], Awaitable[None]] = asyncio.sleep,
    ) -> None:
        """`people` are users and what they are called there. `all_at_once`: one message to all, if
        none of these is asked. `stands` says whether a question still waits.
        """
        self._name = name
        self._wire = wire
        self._people = people
        self._all_at_once = all_at_once
        self._stands = stands
        self._clock_ms = clock_ms
        self._pause = pause
        self._waiting: asyncio.Queue[tuple[Notice, To | Settled]] = asyncio.Queue(MAX_WAITING)
        # By question, what stands somewhere and can be changed.
        self._sent: dict[str, list[_Sent]] = {}
        self.counts = Counts()

    def tell(self, notice: Notice, concerns: Callable[[str], bool]) -> None:
        """Has those told whom a question concerns: each once. Never waits, never fails."""
        to = [To(*one) for one in self._people.items() if concerns(one[0])]
        for one in to or [To()] * self._all_at_once:
            self._put(notice, one)

    def settle(self, notice: Notice, settled: Settled) -> None:
        """Has it said that a question was answered. Never waits, never fails."""
        self._put(notice, settled)

    async def idle(self) -> None:
        """Until all that waits was sent, or given up."""
        await self._waiting.join()

    async def run(self) -> None:
        """Until cancelled: sends what waits, and tells of questions that nobody answered."""
        while True:
            try:
                async with asyncio.timeout(self._next_s()):
                    notice, what = await self._waiting.get()
            except TimeoutError:
                await self._lapse()
                continue
            if isinstance(what, Settled):
                await self._settle(notice.approval, what)
            elif self._stands(notice.approval):
                await self._tell(notice, what)
            self._waiting.task_done()

    async def _tell(self, notice: Notice, to: To) -> None:
        async def send() -> None:
            message = await self._wire.tell(notice, to, self._clock_ms())
            if message is not None:
                self._sent.setdefault(notice.approval, []).append(_Sent(notice, to, message))

        await self._tried(send, notice.approval)

    async def _settle(self, approval: str, settled: Settled) -> None:
        for one in self._sent.pop(approval, []):

            async def send(one: _Sent = one) -> None:
                await self._wire.settle(one.notice, one.to, one.message, settled)

            await self._tried(send, None)

    async def _tried(self, send: Callable[[], Awaitable[None]], approval: str | None) -> None:
        """Sends, a few times if need be, and no longer than the question stands."""
        why = ""
        for pause_s in (*PAUSES_S, None):
            try:
                await send()
            except Undelivered as fault:
                why = str(fault)
                wait_s = max(pause_s or 0.0, fault.after_s)
                if not fault.again or pause_s is None or wait_s > LONGEST_PAUSE_S:
                    break
            except Exception as fault:  # noqa: BLE001  whatever it is, the next message is due
                why = type(fault).__name__
                break
            else:
                self.counts.told += 1
                return
            await self._pause(wait_s)
            if approval is not None and not self._stands(approval):
                break
        self._failed(why)

    async def _lapse(self) -> None:
        for approval, sent in list(self._sent.items()):
            if sent[0].notice.expires_ms <= self._clock_ms():
                await self._settle(approval, Settled("lapsed"))

    def _next_s(self) -> float | None:
        """When the next question lapses that somebody was told of, in seconds from now."""
        ends = [sent[0].notice.expires_ms for sent in self._sent.values()]
        return max(0, min(ends) - self._clock_ms()) / 1000 if ends else None

    def _put(self, notice: Notice, what: To | Settled) -> None:
        try:
            self._waiting.put_nowait((notice, what))
        except asyncio.QueueFull:
            self._failed("too many messages wait")

    def _failed(self, why: str) -> None:
        self.counts.failed += 1
        self.counts.fault = why
        _log.warning("notifier %s: somebody was not told: %s", self._name, why)
