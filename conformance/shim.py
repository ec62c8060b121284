"""A relay on loopback that changes nothing but one thing: it adds header lines to each request.

The suite cannot send a task token, so this sends it. The same code stands in front of both legs; on
the direct one it has nothing to add. Of a request it reads only what tells where the next begins
(RFC 9112 section 6); all bytes go on as they came, and those of responses as soon as they come.
"""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager, suppress

PIECE = 1 << 16
MAX_HEAD = 1 << 18

Lines = Callable[[str, str], bytes]
"""The header lines to add to a request, each with its CRLF, by method and target."""


class Shim:
    """A relay to one host and port. `lines` may be set once it is known what to add."""

    def __init__(self, host: str, port: int) -> None:
        self._target = host, port
        self.lines: Lines = lambda _method, _target: b""
        self._relays: set[asyncio.Task[None]] = set()

    @asynccontextmanager
    async def listening(self) -> AsyncGenerator[int]:
        """Relays connections to the port that this yields, until the block ends."""
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0, limit=MAX_HEAD)
        try:
            yield int(server.sockets[0].getsockname()[1])
        finally:
            server.close()
            for relay in self._relays:
                relay.cancel()
            await asyncio.gather(*self._relays, return_exceptions=True)

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        relay = asyncio.create_task(self._relay(reader, writer))
        self._relays.add(relay)
        relay.add_done_callback(self._relays.discard)

    async def _relay(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there = None
        try:
            answers, there = await asyncio.open_connection(*self._target)
            asking = asyncio.create_task(self._ask(reader, there))
            try:
                while piece := await answers.read(PIECE):
                    writer.write(piece)
                    await writer.drain()
            finally:
                asking.cancel()
                with suppress(asyncio.CancelledError, OSError, asyncio.LimitOverrunError):
                    await asking
        except OSError:
            writer.transport.abort()  # as the server did
        finally:
            writer.close()
            if there is not None:
                there.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Sends request after request, until the client says no more."""
        try:
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                start, _, fields = head.partition(b"\r\n")
                method, target, *_ = *start.decode("latin-1").split(" ", 2), ""
                writer.write(start + b"\r\n" + self.lines(method, target) + fields)
                await _send_body(reader, writer, fields)
        except asyncio.IncompleteReadError as end:
            writer.write(end.partial)
            writer.write_eof()
        except (OSError, ValueError, asyncio.LimitOverrunError):
            writer.transport.abort()  # the client is gone, or what it sends is no HTTP/1.1


async def _send_body(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, fields: bytes
) -> None:
    values = {
        name.strip().lower(): value.strip()
        for name, _, value in (line.partition(b":") for line in fields.split(b"\r\n"))
    }
    if b"chunked" in values.get(b"transfer-encoding", b"").lower():
        while size := await _send_chunk_size(reader, writer):
            await _send(reader, writer, size + 2)
        while await _send_line(reader, writer) != b"\r\n":
            pass
    else:
        await _send(reader, writer, int(values.get(b"content-length", b"0")))


async def _send_chunk_size(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
    return int((await _send_line(reader, writer)).partition(b";")[0], 16)


async def _send_line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    line = await reader.readuntil(b"\r\n")
    writer.write(line)
    return line


async def _send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, length: int) -> None:
    while length > 0:
        piece = await reader.read(min(length, PIECE))
        if not piece:
            raise asyncio.IncompleteReadError(b"", length)
        writer.write(piece)
        length -= len(piece)
        await writer.drain()
    await writer.drain()
