"""What an upstream of the older era asks in the course of one request, and what it gets.

Each ask is served in a task of its own, so that the upstream is heard meanwhile. While somebody is
asked, the request's own time stands still. An answer goes back for the ask it belongs to and while
the request runs, or not at all; where it cannot be delivered, or could not be recorded, the request
is over. An upstream that asks without end, or twice under one id, is malformed.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Final, Protocol, Self

from safeconduct.ports import JSON, AskRefused, Listener, UpstreamFault
from safeconduct.upstreams import messages
from safeconduct.upstreams.deadline import Deadline
from safeconduct.upstreams.messages import Ask
from safeconduct.upstreams.wire import MALFORMED, UNREACHABLE

ASK_S: Final = 300.0
"""How long one ask waits for its answer."""

_METHODS: Final = frozenset({"elicitation/create", "sampling/createMessage", "roots/list"})
_MAX_ASKS: Final = 64  # in one request, pings among them
_MAX_OPEN: Final = 16


class Back(Protocol):
    """The way back to an upstream while a request is under way."""

    async def tell(self, message: bytes, /) -> None:
        """Sends a message. Raises UpstreamFault: it did not arrive."""
        ...

    def post(self, message: bytes, /) -> None:
        """Sends a message whose loss has no consequence."""
        ...

    def cut(self) -> None:
        """Ends the request: whoever waits for its answer gets an UpstreamFault."""
        ...


class Asking:
    """The asks of one request, as a context manager around the wait for its answer."""

    __slots__ = ("_back", "_deadline", "_failure", "_listener", "_seen", "_tasks")

    def __init__(self, listener: Listener | None, deadline: Deadline, back: Back) -> None:
        """Without a listener, or with one that can be asked nothing, pings are answered and all
        else is refused.
        """
        self._listener = listener
        self._deadline = deadline
        self._back = back
        self._seen: set[int | str] = set()
        self._tasks: dict[int | str, asyncio.Task[None]] = {}
        self._failure: Exception | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._tasks:
            self.stop()
            await asyncio.wait(self._tasks.values())
        if self._failure is not None and (kind is None or issubclass(kind, UpstreamFault)):
            raise self._failure from None

    def take(self, ask: Ask) -> None:
        """Begin to serve what the upstream asks.

        Raises:
            UpstreamFault: it asks too much, or again under an id.
        """
        if ask.id in self._seen or len(self._seen) == _MAX_ASKS or len(self._tasks) == _MAX_OPEN:
            detail = "requests without end, or twice under one id"
            raise UpstreamFault(MALFORMED, detail, may_have_happened=True)
        self._seen.add(ask.id)
        listener = self._listener
        if listener is None or not listener.able or ask.method not in _METHODS:
            self._back.post(messages.unheard(ask))
            return
        task = asyncio.get_running_loop().create_task(self._serve(ask, listener))
        self._tasks[ask.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(ask.id))

    def take_aside(self, ask: Ask) -> None:
        """Begin to serve what the upstream asks on another stream than the request's own; what
        `take` raises is raised where the request is awaited.
        """
        try:
            self.take(ask)
        except UpstreamFault as fault:
            self._failed(fault)

    def cancelled(self, params: JSON) -> None:
        """Take note that the upstream no longer waits for an answer."""
        asked = params.get("requestId")
        task = self._tasks.get(asked) if type(asked) is int or isinstance(asked, str) else None
        if task is not None:
            task.cancel()

    def stop(self) -> None:
        """Give up what is still open, and hear no more: the request has its answer."""
        self._listener = None
        for task in self._tasks.values():
            task.cancel()

    async def _serve(self, ask: Ask, listener: Listener) -> None:
        try:
            given = await self._given(ask, listener)
            try:
                await self._back.tell(_written(ask, given))
            except UpstreamFault as fault:
                detail = f"an answer did not arrive: {fault.detail}"
                raise UpstreamFault(UNREACHABLE, detail, may_have_happened=True) from None
        except Exception as error:  # noqa: BLE001  raised where the request is awaited
            self._failed(error)

    async def _given(self, ask: Ask, listener: Listener) -> JSON | AskRefused:
        try:
            with self._deadline.paused():
                async with asyncio.timeout(ASK_S):
                    return await listener.asked(ask.method, ask.params)
        except TimeoutError:
            return AskRefused()
        except AskRefused as refusal:
            return refusal

    def _failed(self, error: Exception) -> None:
        self._failure = self._failure or error
        self._back.cut()


def _written(ask: Ask, given: JSON | AskRefused) -> bytes:
    if isinstance(given, AskRefused):
        return messages.refusal(ask, given.code, given.sentence)
    return messages.reply(ask, given)
