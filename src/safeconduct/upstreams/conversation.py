"""From one HTTP response to the one JSON-RPC answer that counts.

What else an upstream sends while it answers, and what becomes of it:

- progress for our own token: handed on; other notifications: ignored;
- a request (sampling, roots, elicitation): refused with "method not found", a ping answered. The
  stateless revision forbids requests, so there they make the answer malformed;
- an answer with another id, or of another JSON type of id, or a second answer: malformed. The
  stream is mixed up, and picking one of two answers would let the upstream choose what is admitted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import lru_cache
from typing import Final

from safeconduct.ports import OnProgress, UpstreamFault
from safeconduct.upstreams import messages
from safeconduct.upstreams.messages import Answer, Ask, Malformed
from safeconduct.upstreams.sse import EventStream, EventTooLarge
from safeconduct.upstreams.wire import MALFORMED, REJECTED, UNREACHABLE, Exchange

# How long a stream may stay open after its answer before the connection is given up: it ends at
# once where the answer is the last event, as the revisions recommend.
_TAIL_S: Final = 0.25
_MAX_ASKS: Final = 16
_JSON: Final = "application/json"
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


class Conversation:
    """Everything about one request that matters for reading its response."""

    def __init__(
        self,
        request_id: int,
        *,
        max_bytes: int,
        on_progress: OnProgress | None = None,
        reply: Callable[[bytes], None] | None = None,
    ) -> None:
        """`reply` sends a message back; None where the revision has no requests of the upstream."""
        self._id = request_id
        self._max_bytes = max_bytes
        self._on_progress = on_progress
        self._reply = reply
        self._asks = 0
        self._answer: Answer | None = None

    async def hear(self, exchange: Exchange) -> Answer:
        """Read the response until its one answer.

        Raises:
            StatusFault: the status says that there is none.
            UpstreamFault: the response is malformed, too long, or broke off.
        """
        if exchange.status != 200:
            return await self._unsuccessful(exchange)
        if exchange.header("content-encoding").lower() not in _UNCODED:
            raise _malformed("a compressed answer that was not asked for")
        kind = _content_type(exchange)
        if kind == _JSON:
            await self._take(await exchange.body())
        elif kind == "text/event-stream":
            await self._listen(exchange)
        else:
            raise _malformed("an answer that is neither JSON nor an event stream")
        if self._answer is None:
            raise _malformed("a response without an answer")
        return self._answer

    async def _listen(self, exchange: Exchange) -> None:
        events = EventStream(self._max_bytes)
        while self._answer is None:
            if not await self._next(exchange, events):
                raise UpstreamFault(
                    UNREACHABLE, "the stream ended without an answer", may_have_happened=True
                )
        try:
            async with asyncio.timeout(_TAIL_S):
                while await self._next(exchange, events):
                    pass
        except TimeoutError:
            pass  # the connection is closed on the way out, and what it might still say is unheard

    async def _next(self, exchange: Exchange, events: EventStream) -> bool:
        chunk = await exchange.chunk()
        try:
            complete = events.feed(chunk)
        except EventTooLarge:
            raise _malformed("an event that is too long") from None
        for data in complete:
            await self._take(data)
        return bool(chunk)

    async def _take(self, data: bytes) -> None:
        try:
            message = messages.read(data, self._max_bytes)
        except Malformed as error:
            raise _malformed(str(error)) from None
        if isinstance(message, Answer):
            if type(message.id) is not int or message.id != self._id:
                raise _malformed("an answer to something else")
            if self._answer is not None:
                raise _malformed("a second answer")
            self._answer = message
        elif isinstance(message, Ask):
            self._asked(message)
        elif self._on_progress is not None and self._answer is None:
            progress = messages.progress_of(message, self._id)
            if progress is not None:
                await self._on_progress(progress)

    def _asked(self, ask: Ask) -> None:
        self._asks += 1
        if self._reply is None or self._asks > _MAX_ASKS:
            raise _malformed("a request from the upstream")
        self._reply(messages.reply_to(ask))

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


def _malformed(detail: str) -> UpstreamFault:
    return UpstreamFault(MALFORMED, detail, may_have_happened=True)
