"""A site behind a real socket, and a client that says to the byte what it means."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

from safeconduct.entrypoints.arrival import Limits
from safeconduct.entrypoints.http import Doors, Request, Response, Route, Site
from tests.support.front import listening

HERE = Doors(frozenset({b"h"}))
HEAD = b"POST /x HTTP/1.1\r\nHost: h\r\n"
WHOLE = HEAD + b"Content-Length: 2\r\n\r\nhi"
CHUNKED = HEAD + b"Transfer-Encoding: chunked\r\n\r\n"
GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
SOON = Limits(read_s=0.02)


class Served:
    """A site that answers with the body it was sent; `hold` keeps it waiting."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self.begun = asyncio.Event()
        self.release = asyncio.Event()
        self.release.set()
        self.answer = b""
        self.cancelled = False
        self.site = Site({"/x": {"POST": Route(self.handle, 1_000_000)}}, HERE)

    async def handle(self, request: Request) -> Response | None:
        self.requests.append(request)
        self.begun.set()
        try:
            await self.release.wait()
        except asyncio.CancelledError:
            self.cancelled = True
            raise
        return Response(200, self.answer or request.body)

    def hold(self) -> None:
        self.release.clear()


class Socket:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def response(self) -> tuple[int, bytes, bytes]:
        """Status, head and body of the next response."""
        head = await self.reader.readuntil(b"\r\n\r\n")
        [length] = [
            int(line.split(b":")[1])
            for line in head.lower().split(b"\r\n")
            if line.startswith(b"content-length:")
        ]
        return int(head.split(b" ")[1]), head, await self.reader.readexactly(length)

    async def status(self) -> int:
        return (await self.response())[0]

    async def rest(self) -> bytes:
        """Everything up to the end of the connection."""
        try:
            return await self.reader.read()
        except ConnectionError:
            return b""


@asynccontextmanager
async def connected(site: Site, limits: Limits | None = None) -> AsyncGenerator[Socket]:
    async with listening(site, limits) as port, dialled(port) as link:
        yield link


@asynccontextmanager
async def dialled(port: int, tls: ssl.SSLContext | None = None) -> AsyncGenerator[Socket]:
    reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=tls)
    try:
        yield Socket(reader, writer)
    finally:
        writer.transport.abort()
