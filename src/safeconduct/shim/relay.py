"""The shim's loop: lines of a local client go to the gateway, and its messages come back as lines.

Requests run side by side. What has an order keeps it: a handshake, notifications and responses are
each delivered before the next line is looked at.
"""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Awaitable, Callable
from typing import Final, Literal

from safeconduct.shim import message as messages
from safeconduct.shim.carrier import Carrier
from safeconduct.shim.faults import Failed
from safeconduct.shim.message import Id, Message, Unreadable
from safeconduct.shim.stdio import Line, Lines, Output, TooLong

DELIVERY_S: Final = 30.0
"""How long a message that holds up the next ones may take."""

DRAIN_S: Final = 1.0
"""How long calls go on when the client will say no more; clients kill after two seconds."""


PAUSE_S: Final = 1.0
"""How long after the end of the gateway's own stream it is opened again."""


class Relay:
    """One local client's conversation."""

    def __init__(
        self, lines: Lines, output: Output, carrier: Carrier, say: Callable[[str], None]
    ) -> None:
        self._lines = lines
        self._output = output
        self._carrier = carrier
        self._say = say
        self._running: dict[Id, asyncio.Task[None]] = {}
        self._deaf = asyncio.Event()
        self._listening: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Until the client closes its end. Calls that are under way then are cut off soon."""
        deaf = asyncio.ensure_future(self._deaf.wait())
        try:
            while (line := await self._next(deaf)) is not None:
                await self._take(line)
            if self._running and not deaf.done():
                await asyncio.wait(self._running.values(), timeout=DRAIN_S)
        finally:
            deaf.cancel()
            left = [*self._running.values(), *filter(None, [self._listening])]
            for task in left:
                task.cancel()
            await asyncio.gather(*left, return_exceptions=True)

    async def _next(self, deaf: asyncio.Future[Literal[True]]) -> Line | None:
        """The next line; None also when nobody reads what is answered."""
        following = asyncio.ensure_future(self._lines.next())
        try:
            await asyncio.wait((following, deaf), return_when=asyncio.FIRST_COMPLETED)
            return following.result() if following.done() and not deaf.done() else None
        finally:
            following.cancel()

    async def _take(self, line: Line) -> None:
        if isinstance(line, TooLong):
            sentence = f"The line is longer than {messages.MAX_BYTES} bytes."
            await self._send(messages.error(None, messages.INVALID_REQUEST, sentence))
            return
        if not line.strip():
            return
        try:
            message = messages.parse(line.strip())
        except Unreadable as fault:
            await self._send(messages.error(None, fault.code, str(fault)))
            return
        if message.id is None or message.method is None:
            await self._told(message)
        elif message.id in self._running:
            sentence = "A request with this id is under way."
            await self._send(messages.error(message.id, messages.INVALID_REQUEST, sentence))
        elif message.method == "initialize":
            await self._in_time(self._asked(message, message.id), message.id)
            if self._carrier.listens and self._listening is None:
                self._listening = asyncio.ensure_future(self._listen())
        else:
            task = asyncio.ensure_future(self._asked(message, message.id))
            self._running[message.id] = task
            task.add_done_callback(functools.partial(self._over, message.id))

    def _over(self, number: Id, _: asyncio.Task[None]) -> None:
        del self._running[number]

    async def _asked(self, message: Message, number: Id) -> None:
        """One request, which gets one answer."""
        try:
            await self._carrier.carry(message, self._send)
        except Failed as fault:
            await self._failed(number, fault)

    async def _listen(self) -> None:
        while True:
            if not await self._carrier.listen(self._send):
                return
            await asyncio.sleep(PAUSE_S)

    async def _told(self, message: Message) -> None:
        """A notification, or the client's answer to a question of the gateway's."""
        if message.method == "notifications/cancelled":
            await self._cancelled(message)
        else:
            await self._in_time(self._delivered(message), None)

    async def _delivered(self, message: Message) -> None:
        try:
            await self._carrier.carry(message, self._send)
        except Failed as fault:
            self._say(f"{message.method or 'an answer'} was not delivered: {fault.sentence}")

    async def _cancelled(self, message: Message) -> None:
        """Ends a call. Over HTTP, a client that hangs up says so; revisions with a handshake want
        to be told, too.
        """
        number: object = message.params.get("requestId")
        if not isinstance(number, str | int) or number not in self._running:
            return
        call = self._running[number]
        if self._carrier.negotiated is not None:
            await self._in_time(self._delivered(message), None)
        call.cancel()

    async def _in_time(self, work: Awaitable[None], number: Id | None) -> None:
        try:
            async with asyncio.timeout(DELIVERY_S):
                await work
        except TimeoutError:
            sentence = f"The gateway did not answer within {DELIVERY_S:g} s."
            if number is None:
                self._say(sentence)
            else:
                await self._failed(number, Failed(sentence))

    async def _failed(self, number: Id, fault: Failed) -> None:
        self._say(fault.sentence)
        await self._send(
            messages.error(number, messages.INTERNAL_ERROR, fault.sentence, fault.data)
        )

    async def _send(self, line: bytes) -> None:
        try:
            await self._output.send(line)
        except OSError:
            self._deaf.set()
