"""One HTTP/1.1 connection, and the response that is arriving on it (RFC 9112).

The parser is strict: no bare line feeds, no folded fields, one framing. On top of that the head is
bounded, informational responses are skipped and trailer fields are dropped. What comes after the
end of a response, or while nothing was asked, ends the connection and belongs to no answer.
"""

from __future__ import annotations

import asyncio
import re
import select
from collections.abc import Callable
from typing import Final, cast

from httptools import HttpParserError, HttpParserUpgrade, HttpResponseParser

MAX_HEAD_BYTES: Final = 32 * 1024
MAX_FIELDS: Final = 100
# Beyond this nothing more is read until somebody takes what is there.
_HIGH_WATER: Final = 64 * 1024
_NO_BODY: Final = frozenset({204, 304})
_FRAMING: Final = frozenset({b"content-length", b"transfer-encoding"})
_NO_TEXT: Final = re.compile(rb"[\0-\x08\x0a-\x1f\x7f]")


class Lost(ConnectionError):
    """The connection ended before the response did."""


class NotHTTP(ValueError):
    """What came is not a response of HTTP/1.1, or exceeds a bound of the head."""


class _Response:
    """What has arrived of one response."""

    __slots__ = (
        *("status", "headers", "fields", "complete", "until_close", "keep_alive"),
        *("chunks", "buffered", "bare"),
    )

    def __init__(self) -> None:
        self.status = 0  # set once the head is there
        self.headers: dict[str, str] = {}
        self.fields = 0
        self.complete = False
        self.until_close = False
        self.keep_alive = False
        self.chunks: list[bytes] = []
        self.buffered = 0  # bytes in the chunks
        self.bare = 0  # bytes of framing and fields since the last one of a body


class Connection(asyncio.Protocol):
    """Carries one request at a time: `send`, `head`, then `read` until it is empty, `release`."""

    def __init__(self, lost: Callable[[Connection], None]) -> None:
        self._loop = asyncio.get_running_loop()
        self._lost = lost
        self._parser = HttpResponseParser(self)
        self._transport = asyncio.Transport()  # until there is one
        self._response = _Response()
        self._asked = False
        self._paused = False
        self._waiter: asyncio.Future[None] | None = None
        self._fault: Lost | NotHTTP | None = None
        self.ended: asyncio.Future[None] = self._loop.create_future()
        self.idle_since = 0.0

    # --- for the exchange -------------------------------------------------------------------------

    @property
    def usable(self) -> bool:
        """Whether a request can be sent."""
        return not (self._asked or self._fault is not None or self._transport.is_closing())

    @property
    def silent(self) -> bool:
        """Whether nothing has arrived, its end included, that the event loop has not read yet. What
        has before a request is sent would be taken for the answer. Asked of one that is `usable`.
        """
        unread = select.poll()
        unread.register(self._transport.get_extra_info("socket"), select.POLLIN)
        return not unread.poll(0)

    @property
    def reusable(self) -> bool:
        """Whether the response is over, and with it everything that was said."""
        return (
            self._response.complete
            and self._response.keep_alive
            and not (self._paused or self._fault is not None or self._transport.is_closing())
            and not self._transport.get_write_buffer_size()
        )

    @property
    def over(self) -> bool:
        """Whether there is nothing left to read, and nothing to wait for."""
        return self._response.complete and not self._response.chunks

    def send(self, request: bytes) -> None:
        """Write a whole request."""
        self._asked = True
        self._transport.write(request)

    async def head(self) -> tuple[int, dict[str, str]]:
        """Wait for the head: the HTTP status, and the header with names in lower case.

        Raises:
            Lost: the connection ended before.
            NotHTTP: something else came.
        """
        response = self._response
        while not response.status:
            await self._more()
        return response.status, response.headers

    async def read(self) -> bytes:
        """What has arrived of the body, after waiting for something; empty at its end.

        Raises:
            Lost: the connection ended before.
            NotHTTP: something else came.
        """
        response = self._response
        while not response.chunks:
            if response.complete:
                return b""
            await self._more()
        data = b"".join(response.chunks)
        response.chunks.clear()
        response.buffered = 0
        if self._paused:
            self._paused = False
            self._transport.resume_reading()
        return data

    def release(self) -> None:
        """Forget the response; what comes before the next request ends the connection."""
        self._response = _Response()
        self._asked = False

    def abort(self) -> None:
        """End the connection and forget what has not left yet."""
        self._transport.abort()

    async def _more(self) -> None:
        if self._fault is not None:
            raise self._fault
        self._waiter = self._loop.create_future()
        try:
            await self._waiter
        finally:
            self._waiter = None

    def _wake(self) -> None:
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    def _end(self, fault: Lost | NotHTTP) -> None:
        """No more will be heard. A response that is complete stays so."""
        if self._fault is None:
            self._fault = fault
        self._transport.abort()
        self._wake()

    # --- for the event loop -----------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # Both loops set TCP_NODELAY themselves.
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        if not self._asked:
            self._end(NotHTTP("an answer to nothing"))
            return
        response = self._response
        response.bare += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade) as error:
            self._end(NotHTTP(str(error.__context__ or error)))
            return
        if response.bare > MAX_HEAD_BYTES and not response.complete:
            self._end(NotHTTP("too much around the body"))
            return
        self._wake()

    def eof_received(self) -> None:
        if self._response.until_close:
            self._response.complete = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._end(Lost())
        self._lost(self)
        self.ended.set_result(None)

    # --- for the parser ---------------------------------------------------------------------------

    def on_message_begin(self) -> None:
        if self._response.complete:
            raise NotHTTP("more than one response")

    def on_status(self, reason: bytes) -> None:
        if _NO_TEXT.search(reason):
            raise NotHTTP("a reason that is no text")

    def on_header(self, name: bytes, value: bytes) -> None:
        response = self._response
        if response.status:  # a trailer field
            if name.lower() in _FRAMING:
                raise NotHTTP("framing behind the body")
            return
        response.fields += 1
        if response.fields > MAX_FIELDS:
            raise NotHTTP("too many fields")
        key, text = name.lower().decode("latin-1"), value.decode("latin-1")
        before = response.headers.get(key)
        # RFC 9110 section 5.2. A second value is never lost, so nobody can choose between two.
        response.headers[key] = text if before is None else f"{before}, {text}"

    def on_headers_complete(self) -> None:
        response, status = self._response, self._parser.get_status_code()
        headers = response.headers
        if not 100 <= status < 600:
            raise NotHTTP("a status that there is not")  # RFC 9110 section 15
        if status < 200:
            if status == 101:
                raise NotHTTP("another protocol")
            headers.clear()
            return
        if self._parser.get_http_version() not in {"1.1", "1.0"}:
            raise NotHTTP("another version")
        coding = headers.get("transfer-encoding")
        if coding is not None and coding.lower() != "chunked":
            raise NotHTTP("a transfer coding that was not asked for")
        # No head is longer than what has come since the request was sent.
        if response.bare > MAX_HEAD_BYTES and (
            sum(map(len, headers)) + sum(map(len, headers.values())) > MAX_HEAD_BYTES
        ):
            raise NotHTTP("a head that is too long")
        response.status = status
        response.keep_alive = self._parser.should_keep_alive()
        framed = coding is not None or "content-length" in headers
        response.until_close = not framed and status not in _NO_BODY

    def on_body(self, body: bytes) -> None:
        response = self._response
        response.bare = 0
        response.chunks.append(body)
        response.buffered += len(body)
        if response.buffered > _HIGH_WATER and not self._paused:
            self._paused = True
            self._transport.pause_reading()

    def on_message_complete(self) -> None:
        if self._response.status:
            self._response.complete = True
