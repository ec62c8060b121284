"""One message to the gateway over Streamable HTTP, and every message that comes back for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, cast

from safeconduct.kit import strictjson
from safeconduct.ports import JSON, UpstreamFault
from safeconduct.shim import message as messages
from safeconduct.shim.faults import Failed, broken, no_answer, refused, unclear
from safeconduct.shim.message import Message
from safeconduct.shim.passage import NoPassage, Passage
from safeconduct.upstreams.mirror import Mirror
from safeconduct.upstreams.sse import EventStream, EventTooLarge
from safeconduct.upstreams.wire import Exchange, Wire

_FIXED: Final = {
    "accept": "application/json, text/event-stream",
    "content-type": "application/json",
}
_CONNECTIONS: Final = 256
_FAREWELL_S: Final = 1.0
_UNBOUNDED: Final = 2**62
"""A stream may go on for as long as the task; each message of it is bounded by itself."""

_EVENTS: Final = "text/event-stream"
_SESSION: Final = "mcp-session-id"

Hand = Callable[[bytes], Awaitable[None]]


class Carrier:
    """The HTTP side of a shim. `url` is the gateway's MCP endpoint."""

    def __init__(
        self, url: str, passage: Passage, *, issuer: str, say: Callable[[str], None]
    ) -> None:
        """Raises ValueError for a URL that is not http(s)."""
        self._url = url
        self._issuer = issuer
        self._passage = passage
        self._say = say
        self._mirror = Mirror()
        self._wire = Wire(url, _FIXED, max_body_bytes=_UNBOUNDED, max_connections=_CONNECTIONS)
        self._session: str | None = None
        self.negotiated: str | None = None
        """What `initialize` agreed on; None before, and with clients that need none."""

    async def carry(self, message: Message, hand: Hand) -> None:
        """Sends a message and hands on what comes back, for a request up to its answer.

        Raises:
            Failed: there is no answer; a request still needs one.
            OSError: from `hand`.
        """
        try:
            headers = await self._passage.headers(self._url) | self._about(message)
        except NoPassage as why:
            raise Failed(str(why)) from None
        try:
            async with self._wire.post(headers, message.line) as exchange:
                await self._heard(message, exchange, hand)
        except UpstreamFault as fault:
            raise broken(fault, self._issuer) from None
        except EventTooLarge:
            raise Failed("The gateway's answer is too long.", may_have_happened=True) from None

    @property
    def listens(self) -> bool:
        """Whether the gateway keeps a session, and may so have something to say by itself."""
        return self._session is not None

    async def listen(self, hand: Hand) -> bool:
        """Hands on what the gateway says outside of any answer, until that stream ends.

        Returns False when there is no such stream, and when it is not worth to ask again. Raises
        OSError from `hand`.
        """
        try:
            headers = await self._passage.headers(self._url, "GET") | self._versions(None)
            async with self._wire.get(headers) as exchange:
                if exchange.status != 200 or _kind(exchange) != _EVENTS:
                    return False
                events = EventStream(messages.MAX_BYTES)
                while chunk := await exchange.chunk():
                    for data in events.feed(chunk):
                        if "method" not in (_object(data) or {}):
                            return False
                        await hand(messages.one_line(data))
        except (NoPassage, UpstreamFault, EventTooLarge):
            return False
        return True

    async def close(self) -> None:
        """Ends the session, if the gateway keeps one, and all connections."""
        if self._session is not None:
            try:
                headers = await self._passage.headers(self._url, "DELETE") | self._versions(None)
                async with asyncio.timeout(_FAREWELL_S), self._wire.delete(headers):
                    pass
            except (NoPassage, UpstreamFault, TimeoutError):
                pass  # it forgets by itself
        await self._wire.close()

    # --- what is sent ------------------------------------------------------------------------

    def _about(self, message: Message) -> dict[str, str]:
        """The header fields that the message's revision wants beside it."""
        if message.method == "initialize":
            return {}
        headers = self._versions(message.revision)
        if message.revision is not None and message.method is not None:
            headers |= self._mirror.headers(message.method, message.params)
        return headers

    def _versions(self, revision: str | None) -> dict[str, str]:
        version = revision or self.negotiated
        headers = {} if version is None else {"mcp-protocol-version": version}
        if revision is None and self._session is not None:
            headers[_SESSION] = self._session
        return headers

    # --- what comes back ---------------------------------------------------------------------

    async def _heard(self, message: Message, exchange: Exchange, hand: Hand) -> None:
        if message.id is None or message.method is None:
            if exchange.status >= 300:
                raise refused(exchange, await _whole(exchange), self._issuer)
            return
        kind = _kind(exchange)
        if exchange.status == 200 and kind == _EVENTS:
            await self._streamed(message, exchange, hand)
            return
        body = await _whole(exchange)
        answer = _object(body) if kind == "application/json" else None
        if answer is None or not ("result" in answer or "error" in answer):
            raise refused(exchange, body, self._issuer)
        if exchange.status == 403:
            self._say(f"a scope is missing: {exchange.header('www-authenticate')}")
        if answer.get("id") == message.id:
            self._learn(message, answer, exchange)
            await hand(messages.one_line(body))
        elif answer.get("id") is None and isinstance(answer.get("error"), dict):
            # It could not read whose request it was; we know.
            said = cast("JSON", answer["error"])
            code = said.get("code")
            code = code if isinstance(code, int) else messages.INTERNAL_ERROR
            await hand(messages.error(message.id, code, str(said.get("message")), None))
        else:
            raise unclear("it answers another request")

    async def _streamed(self, message: Message, exchange: Exchange, hand: Hand) -> None:
        events = EventStream(messages.MAX_BYTES)
        while chunk := await exchange.chunk():
            for data in events.feed(chunk):
                told = _object(data)
                if told is None:
                    raise unclear("an event of it is no message")
                ends = "method" not in told
                if ends and told.get("id") != message.id:
                    raise unclear("it answers another request")
                if ends:
                    self._learn(message, told, exchange)
                await hand(messages.one_line(data))
                if ends:
                    return
        raise no_answer()

    def _learn(self, message: Message, answer: JSON, exchange: Exchange) -> None:
        result = answer.get("result")
        if not isinstance(result, dict):
            return
        said = cast("JSON", result)
        if message.method == "tools/list":
            self._mirror.learn(said)
        elif message.method == "initialize":
            version = said.get("protocolVersion")
            self.negotiated = version if isinstance(version, str) else None
            self._session = exchange.header(_SESSION) or None


def _kind(exchange: Exchange) -> str:
    return exchange.header("content-type").partition(";")[0].strip().lower()


async def _whole(exchange: Exchange) -> bytes:
    body = bytearray()
    while chunk := await exchange.chunk():
        body += chunk
        if len(body) > messages.MAX_BYTES:
            raise EventTooLarge
    return bytes(body)


def _object(text: bytes) -> JSON | None:
    try:
        value: object = strictjson.loads(text, max_bytes=messages.MAX_BYTES)
    except strictjson.StrictJSONError:
        return None
    return cast("JSON", value) if isinstance(value, dict) else None
