"""HTTP/1.1 POSTs to one URL over pooled connections: all that this room knows of aiohttp.

No cookies, redirects, proxies from the environment, decompression or retries. A POST is never sent
twice, also when a kept-alive connection dies before the first byte of the answer: only the caller
can know whether its effect may happen twice.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from aiohttp.http_exceptions import HttpProcessingError
from aiohttp.payload import Payload

from safeconduct.ports import UpstreamFault

# Below the 5 s after which uvicorn and Node.js close idle connections: a POST that crosses the
# server's FIN has an unknown outcome, so it is better not to be the later of the two.
_IDLE_S: Final = 4.0
_SLICE: Final = 256 * 1024

UNREACHABLE: Final = "upstream-unreachable"
MALFORMED: Final = "upstream-malformed"
REJECTED: Final = "upstream-rejected"


class Wire:
    """A pool of connections to one URL. Made outside an event loop, used inside one."""

    def __init__(self, url: str, *, max_body_bytes: int) -> None:
        self._url = url
        self._max_body_bytes = max_body_bytes
        self._session: aiohttp.ClientSession | None = None
        self._closed = False

    def post(self, headers: Mapping[str, str], body: bytes) -> Exchange:
        """One POST; nothing happens before it is entered."""
        return self._exchange("POST", headers, body)

    def delete(self, headers: Mapping[str, str]) -> Exchange:
        """One DELETE; nothing happens before it is entered."""
        return self._exchange("DELETE", headers, None)

    async def close(self) -> None:
        """Close all connections; what is under way on them fails."""
        self._closed = True
        if self._session is not None:
            await self._session.close()

    def _exchange(self, method: str, headers: Mapping[str, str], body: bytes | None) -> Exchange:
        if self._closed:
            raise UpstreamFault(UNREACHABLE, "closed", may_have_happened=False)
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=_IDLE_S),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(),  # the caller's time-out is the only one
                headers={"accept-encoding": "identity", "user-agent": "safeconduct"},
                auto_decompress=False,
                trust_env=False,
            )
        return Exchange(self._session, self._url, method, headers, body, self._max_body_bytes)


class Exchange:
    """One request and its response, as a context manager.

    `sent` tells whether a byte may have left; it holds after failures too. Leaving the context
    closes the connection, unless the response was read to its end: then it is pooled again.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        url: str,
        method: str,
        headers: Mapping[str, str],
        body: bytes | None,
        max_body_bytes: int,
    ) -> None:
        self._session = session
        self._url = url
        self._method = method
        self._headers = headers
        self._body = None if body is None else _Body(self, body)
        self._room = max_body_bytes
        self._response: aiohttp.ClientResponse | None = None
        self.sent = False

    async def __aenter__(self) -> Self:
        """Send the request and read the head of the response.

        Raises:
            UpstreamFault: the connection failed, or what came back is not HTTP.
        """
        try:
            self._response = await self._session.request(
                self._method,
                self._url,
                headers=self._headers,
                data=self._body,
                allow_redirects=False,
            )
        except (aiohttp.ClientError, OSError, ValueError, RuntimeError) as error:
            raise self._fault(error) from None
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._response is not None:
            self._response.close()

    @property
    def response(self) -> aiohttp.ClientResponse:
        """The response; there is one once the context is entered."""
        if self._response is None:
            raise RuntimeError("not entered")
        return self._response

    @property
    def status(self) -> int:
        """The HTTP status."""
        return self.response.status

    def header(self, name: str) -> str:
        """A response header, or the empty string."""
        return self.response.headers.get(name, "")

    async def chunk(self) -> bytes:
        """The next bytes of the body, empty at its end.

        Raises:
            UpstreamFault: the body is too long, or it broke off.
        """
        try:
            data = await self.response.content.readany()
        except (aiohttp.ClientError, HttpProcessingError, OSError) as error:
            raise self._fault(error) from None
        self._room -= len(data)
        if self._room < 0:
            raise UpstreamFault(MALFORMED, "the answer is too long", may_have_happened=True)
        return data

    async def body(self) -> bytes:
        """The whole body. Raises like `chunk`."""
        chunks: list[bytes] = []
        while data := await self.chunk():
            chunks.append(data)
        return b"".join(chunks)

    def _fault(self, error: Exception) -> UpstreamFault:
        name = type(error).__name__
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return UpstreamFault(UNREACHABLE, f"cannot connect: {name}", may_have_happened=False)
        if isinstance(error, aiohttp.ClientResponseError | HttpProcessingError):
            return UpstreamFault(MALFORMED, f"not HTTP: {name}", may_have_happened=self.sent)
        if isinstance(error, aiohttp.ClientError | OSError | RuntimeError):
            detail = f"the connection broke: {name}"
            return UpstreamFault(UNREACHABLE, detail, may_have_happened=self.sent)
        # ValueError: a header that cannot be written.
        return UpstreamFault(REJECTED, f"cannot be sent: {name}", may_have_happened=self.sent)


class _Body(Payload):
    """Bytes that tell their exchange when they begin to leave."""

    _value: bytes
    _autoclose = True  # holds no file

    def __init__(self, exchange: Exchange, value: bytes) -> None:
        super().__init__(value, content_type="application/json")
        self._exchange = exchange
        self._size = len(value)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._value.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        self._exchange.sent = True
        for start in range(0, len(self._value), _SLICE):
            await writer.write(self._value[start : start + _SLICE])

    async def write_with_length(
        self, writer: AbstractStreamWriter, content_length: int | None
    ) -> None:
        await self.write(writer)  # the length is our own: there is nothing to cut off
