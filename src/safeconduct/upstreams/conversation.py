"""From one HTTP response to the one JSON-RPC answer that counts.

What else an upstream sends while it answers, and what becomes of it:

- progress for our own token, log lines: handed on where they are wanted; other notifications:
  ignored;
- a request (`safeconduct.upstreams.asks`). The stateless revision forbids requests, so there they
  make the answer malformed;
- an answer with another id, or of another JSON type of id, or a second answer: malformed. The
  stream is mixed up, and picking one of two answers would let the upstream choose what is admitted.
"""

from __future__ import annotations

import asyncio
from functools import lru_cache
from typing import Final

from safeconduct.core import calls
from safeconduct.ports import Listener, UpstreamFault
from safeconduct.upstreams import messages
from safeconduct.upstreams.asks import Asking
from safeconduct.upstreams.messages import Answer, Ask, Malformed, Message, Notice
from safeconduct.upstreams.pace import Pace
from safeconduct.upstreams.sse import Place
from safeconduct.upstreams.stream import MessageStream, malformed, taken
from safeconduct.upstreams.wire import REJECTED, UNREACHABLE, Exchange

# How long a stream may stay open after its answer before the connection is given up: it ends at
# once where the answer is the last event, as the revisions recommend.
_TAIL_S: Final = 0.25
_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream"
_ENDED: Final = "the stream ended without an answer"
_UNCODED: Final = frozenset({"", "identity"})

_BUSY: Final = frozenset({429, 503})
_BEHIND: Final = frozenset({502, 504})
# Answered before any handler could look at the request: nothing can have happened. 302 and 303 are
# not here, as they are how a form that *was* processed is answered; nor is 503, which proxies also
# send when the server behind them broke off.
_UNTOUCHED: Final = frozenset({
    *(301, 307, 308),
    *(401, 403, 404, 405, 406, 411, 413, 415, 421, 426, 428, 429, 431),
})  # fmt: skip


class StatusFault(UpstreamFault):
    """A response with a status other than 200 and no JSON-RPC answer to our request."""

    def __init__(self, status: int, *, may_have_happened: bool) -> None:
        if status in _BUSY:
            reason = "upstream-busy"
        else:
            reason = UNREACHABLE if status in _BEHIND else REJECTED
        super().__init__(reason, f"HTTP status {status}", may_have_happened=may_have_happened)
        self.status = status


class Parted(UpstreamFault):
    """A stream that ended, or broke off, before its answer, and can be taken up again at a place
    that has an id (MCP 2025-11-25, transports, "Resumability and Redelivery").
    """

    def __init__(self, detail: str, event_id: str, retry_ms: int | None) -> None:
        super().__init__(UNREACHABLE, detail, may_have_happened=True)
        self.event_id = event_id
        self.retry_ms = retry_ms


def is_stream(exchange: Exchange) -> bool:
    """Whether a response is a stream of events, and can be read as one."""
    uncoded = exchange.header("content-encoding").lower() in _UNCODED
    return exchange.status == 200 and uncoded and _content_type(exchange) == _EVENTS


class Conversation:
    """Everything about one request that matters for reading its response."""

    def __init__(
        self,
        request_id: int,
        *,
        max_bytes: int,
        listener: Listener | None = None,
        asking: Asking | None = None,
    ) -> None:
        """`asking` takes requests of the upstream; None where the revision has none."""
        self._id = request_id
        self._max_bytes = max_bytes
        self._listener = listener
        self._asking = asking
        self._answer: Answer | None = None
        self._place = Place()
        self._pace = Pace()

    async def hear(self, exchange: Exchange) -> Answer:
        """Read the response until its one answer, or on from where the one before has ended.

        Raises:
            StatusFault: the status says that there is none.
            Parted: what is missing can be had from another response.
            UpstreamFault: the response is malformed, too long, or broke off.
        """
        if exchange.status != 200:
            return await self._unsuccessful(exchange)
        if exchange.header("content-encoding").lower() not in _UNCODED:
            raise malformed("a compressed answer that was not asked for")
        kind = _content_type(exchange)
        if kind == _JSON:
            await self._take(taken(await exchange.body(), self._max_bytes))
        elif kind == _EVENTS:
            await self._listen(exchange)
        else:
            raise malformed("an answer that is neither JSON nor an event stream")
        if self._answer is None:
            raise malformed("a response without an answer")
        return self._answer

    async def _listen(self, exchange: Exchange) -> None:
        stream = MessageStream(exchange, self._max_bytes, self._place)
        while self._answer is None:
            try:
                message = await stream.next()
            except UpstreamFault as fault:
                if fault.reason != UNREACHABLE:
                    raise
                raise self._ended(fault) from None
            if message is None:
                raise self._ended(UpstreamFault(UNREACHABLE, _ENDED, may_have_happened=True))
            await self._take(message)
        try:
            async with asyncio.timeout(_TAIL_S):
                while (message := await stream.next()) is not None:
                    await self._take(message)
        except TimeoutError:
            pass  # the connection is closed on the way out, and what it might still say is unheard

    def _ended(self, fault: UpstreamFault) -> UpstreamFault:
        """The fault of a stream that ended, or broke off, before the answer."""
        if self._place.id is None:
            return fault
        return Parted(fault.detail, self._place.id, self._place.retry_ms)

    async def _take(self, message: Message) -> None:
        if isinstance(message, Answer):
            if type(message.id) is not int or message.id != self._id:
                raise malformed("an answer to something else")
            if self._answer is not None:
                raise malformed("a second answer")
            self._answer = message
            if self._asking is not None:
                self._asking.stop()
        elif isinstance(message, Ask):
            if self._asking is None:
                raise malformed("a request from the upstream")
            self._asking.take(message)
        elif self._answer is None:
            await self._pace.take(0)
            await self._noticed(message)

    async def _noticed(self, notice: Notice) -> None:
        if self._asking is not None and notice.method == calls.CANCELLED:
            self._asking.cancelled(notice.params)
        elif self._listener is not None:
            params = messages.wanted(notice, self._id, self._listener)
            if params is not None:
                await self._listener.notified(notice.method, params)

    async def _unsuccessful(self, exchange: Exchange) -> Answer:
        """The answer in a response that is not 200: an error for our id, or a fault."""
        status, unread = exchange.status, False
        if status >= 400 and status not in {401, 403} and _content_type(exchange) == _JSON:
            try:
                message = messages.read(await exchange.body(), self._max_bytes)
            except (Malformed, UpstreamFault):
                message = None
            if isinstance(message, Answer) and message.error is not None:
                if type(message.id) is int and message.id == self._id:
                    return message
                # An error without id says that the request was refused before it was read.
                unread = message.id is None and status < 500
        raise StatusFault(status, may_have_happened=not unread and status not in _UNTOUCHED)


def _content_type(exchange: Exchange) -> str:
    value = exchange.header("content-type")
    return _JSON if value == _JSON else _media_type(value)


# An upstream spells its types the same way every time.
@lru_cache(maxsize=64)
def _media_type(value: str) -> str:
    kind, _, parameters = value.partition(";")
    charset = parameters.strip().lower().removeprefix("charset=").strip('"')
    return kind.strip().lower() if charset in {"", "utf-8", "utf8"} else ""
