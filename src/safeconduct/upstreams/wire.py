"""HTTP/1.1 POSTs to one URL over pooled connections, as the rest of this room sees them.

No cookies, redirects, proxies from the environment, decompression or retries. A POST is never sent
twice, also when a kept-alive connection dies before the first byte of the answer: only the caller
can know whether its effect may happen twice.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from types import TracebackType
from typing import Final, Self

from safeconduct.kit.http1.connection import Connection, NotHTTP
from safeconduct.kit.http1.pool import Full, Pool
from safeconduct.kit.http1.target import Target, Unwritable
from safeconduct.ports import UpstreamFault

UNREACHABLE: Final = "upstream-unreachable"
MALFORMED: Final = "upstream-malformed"
REJECTED: Final = "upstream-rejected"
BUSY: Final = "upstream-busy"
TIMEOUT: Final = "upstream-timeout"


class Wire:
    """A pool of connections to one URL. Made outside an event loop, used inside one."""

    def __init__(
        self, url: str, fixed: Mapping[str, str], *, max_body_bytes: int, max_connections: int
    ) -> None:
        """`fixed` are the header fields of every POST. Raises ValueError for an unusable URL."""
        self._target = Target(url, fixed)
        self._pool = Pool(self._target, max_connections)
        self._max_body_bytes = max_body_bytes
        self._closed = False

    def post(self, headers: Mapping[str, str], body: bytes) -> Exchange:
        """One POST; nothing happens before it is entered.

        Raises:
            UpstreamFault: a header field that must not be sent, or the wire is closed.
        """
        try:
            return self._exchange(self._target.post(headers, body))
        except Unwritable as error:
            raise _unsent(error) from None

    def get(self, headers: Mapping[str, str]) -> Exchange:
        """One GET of a stream of events, like `post`."""
        try:
            return self._exchange(self._target.get(headers))
        except Unwritable as error:
            raise _unsent(error) from None

    def delete(self, headers: Mapping[str, str]) -> Exchange:
        """One DELETE, like `post`."""
        try:
            return self._exchange(self._target.delete(headers))
        except Unwritable as error:
            raise _unsent(error) from None

    async def close(self) -> None:
        """Close all connections; what is under way on them fails."""
        self._closed = True
        await self._pool.close()

    def _exchange(self, request: bytes) -> Exchange:
        if self._closed:
            raise UpstreamFault(UNREACHABLE, "closed", may_have_happened=False)
        return Exchange(self._pool, request, self._max_body_bytes)


class Exchange:
    """One request and its response, as a context manager.

    `sent` tells whether a byte may have left; it holds after failures too. `status` is the HTTP
    status, once entered. Leaving the context closes the connection, unless the response has arrived
    to its end: then it is pooled again.
    """

    def __init__(self, pool: Pool, request: bytes, max_body_bytes: int) -> None:
        self._pool = pool
        self._request = request
        self._room: float = max_body_bytes
        self._connection: Connection | None = None
        self._headers: dict[str, str] = {}
        self.sent = False
        self.is_cut = False
        self.status = 0

    async def __aenter__(self) -> Self:
        """Send the request and read the head of the response.

        Raises:
            UpstreamFault: the connection failed, or what came back is not HTTP.
        """
        try:
            connection = self._pool.fresh() or await self._pool.connect()
        except (Full, OSError, UnicodeError) as error:
            raise _unsent(error) from None
        self.sent = True
        try:
            connection.send(self._request)
            self.status, self._headers = await connection.head()
        except (OSError, NotHTTP) as error:
            connection.abort()
            raise self._broken(error) from None
        except BaseException:
            connection.abort()
            raise
        self._connection = connection
        if self.is_cut:
            self.cut()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            self._pool.give_back(connection)

    @property
    def _held(self) -> Connection:
        if self._connection is None:
            raise RuntimeError("not entered")
        return self._connection

    def header(self, name: str) -> str:
        """A response header by its name in lower case, or the empty string."""
        return self._headers.get(name, "")

    def endless(self) -> None:
        """Let the body be as long as it likes: whoever reads it keeps none of it."""
        self._room = math.inf

    def cut(self) -> None:
        """End the connection, also one that is not there yet: who waits for more of the response
        gets a fault.
        """
        self.is_cut = True
        if self._connection is not None:
            self._connection.abort()

    async def chunk(self) -> bytes:
        """The next bytes of the body, empty at its end.

        Raises:
            UpstreamFault: the body is too long, or it broke off.
        """
        try:
            data = await self._held.read()
        except (OSError, NotHTTP) as error:
            raise self._broken(error) from None
        self._room -= len(data)
        if self._room < 0:
            raise UpstreamFault(MALFORMED, "the answer is too long", may_have_happened=True)
        return data

    async def body(self) -> bytes:
        """The whole body. Raises like `chunk`."""
        connection, chunks = self._held, list[bytes]()
        while not connection.over:
            chunks.append(await self.chunk())
        return b"".join(chunks)

    def _broken(self, error: OSError | NotHTTP) -> UpstreamFault:
        if isinstance(error, NotHTTP):
            return UpstreamFault(MALFORMED, f"not HTTP: {error}", may_have_happened=self.sent)
        detail = f"the connection broke: {type(error).__name__}"
        return UpstreamFault(UNREACHABLE, detail, may_have_happened=self.sent)


def _unsent(error: Exception) -> UpstreamFault:
    if isinstance(error, Unwritable):
        return UpstreamFault(REJECTED, f"cannot be sent: {error}", may_have_happened=False)
    if isinstance(error, Full):
        return UpstreamFault(BUSY, "too many connections", may_have_happened=False)
    detail = f"cannot connect: {type(error).__name__}"
    return UpstreamFault(UNREACHABLE, detail, may_have_happened=False)
