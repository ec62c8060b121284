"""The messages of a response that is an event stream."""

from __future__ import annotations

from collections import deque

from safeconduct.ports import UpstreamFault
from safeconduct.upstreams import messages
from safeconduct.upstreams.messages import Malformed, Message
from safeconduct.upstreams.pace import Pace
from safeconduct.upstreams.sse import EventStream, EventTooLarge, Place
from safeconduct.upstreams.wire import MALFORMED, Exchange


class MessageStream:
    """Reads one message after the other."""

    def __init__(
        self,
        exchange: Exchange,
        max_bytes: int,
        place: Place | None = None,
        pace: Pace | None = None,
    ) -> None:
        """`place` is where it goes on; `pace` is for one that has no end."""
        self._pace = pace
        self._exchange = exchange
        self._max_bytes = max_bytes
        self._events = EventStream(max_bytes, place)
        self._ready: deque[bytes] = deque()

    async def next(self) -> Message | None:
        """The next message, or None at the end.

        Raises:
            UpstreamFault: it is malformed or too long, or the stream broke off.
        """
        while not self._ready:
            chunk = await self._exchange.chunk()
            if not chunk:
                return None
            if self._pace is not None:
                await self._pace.take(len(chunk))
            try:
                self._ready.extend(self._events.feed(chunk))
            except EventTooLarge:
                raise malformed("an event that is too long") from None
        if self._pace is not None:
            await self._pace.take(0)
        return taken(self._ready.popleft(), self._max_bytes)


def taken(data: bytes, max_bytes: int) -> Message:
    """One message. Raises UpstreamFault: it is malformed."""
    try:
        return messages.read(data, max_bytes)
    except Malformed as error:
        raise malformed(str(error)) from None


def malformed(detail: str) -> UpstreamFault:
    """The fault of a response that makes no sense."""
    return UpstreamFault(MALFORMED, detail, may_have_happened=True)
