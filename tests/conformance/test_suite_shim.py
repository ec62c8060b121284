"""The shim of `make conformance` changes nothing but what it adds, so it cannot hide anything."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import asynccontextmanager

import pytest

from conformance.shim import PIECE, Shim

Streams = tuple[asyncio.StreamReader, asyncio.StreamWriter]
Server = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Coroutine[None, None, None]]

REQUESTS = [
    b"GET /mcp HTTP/1.1\r\nhOST: evil.example\r\nX:  two  blanks \r\n\r\n",
    b"POST /mcp?a=b HTTP/1.1\r\nContent-Length: 7\r\n\r\n{}\r\n\r\n\x00",
    (
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        b"4;ext=1\r\nPOST\r\n0000a\r\n\r\n\r\nGET / \r\r\n0\r\nTrailer: 1\r\n\r\n"
    ),
    b"DELETE /last HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
]
"""With bodies that look like the end of a head, or like a request."""


@asynccontextmanager
async def through(server: Server, lines: bytes = b"") -> AsyncGenerator[Streams]:
    listening = await asyncio.start_server(server, "127.0.0.1", 0)
    shim = Shim("127.0.0.1", listening.sockets[0].getsockname()[1])
    if lines:
        shim.lines = lambda method, target: f"{method} {target} ".encode() + lines
    async with shim.listening() as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        yield reader, writer
        writer.close()
    listening.close()


async def rest(reader: asyncio.StreamReader) -> bytes:
    """What still comes, until the other side closes or resets."""
    try:
        return await reader.read()
    except ConnectionResetError:
        return b""


async def received(lines: bytes) -> bytes:
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.set_result(await reader.read())
        writer.close()

    async with through(server, lines) as (reader, writer):
        writer.write(b"".join(REQUESTS))
        writer.write_eof()
        assert await reader.read() == b""
    return await got


async def test_without_lines_every_byte_arrives_as_it_was_sent() -> None:
    assert await received(b"") == b"".join(REQUESTS)


async def test_lines_are_added_to_each_request_and_nothing_else_changes() -> None:
    added = [b"GET /mcp", b"POST /mcp?a=b", b"POST /", b"DELETE /last"]
    expected = [
        request.replace(b"\r\n", b"\r\n" + start + b" A: 1\r\n", 1)
        for request, start in zip(REQUESTS, added, strict=True)
    ]
    assert await received(b"A: 1\r\n") == b"".join(expected)


async def test_answers_arrive_as_they_come() -> None:
    heard = asyncio.Event()

    async def server(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX: \xff\r\n\r\ndata: 1\n\n")
        await heard.wait()
        writer.write(b"data: 2\n\n")
        writer.close()

    async with through(server) as (reader, _):
        first = await reader.readuntil(b"data: 1\n\n")
        heard.set()
        assert first + await reader.read() == (
            b"HTTP/1.1 200 OK\r\nX: \xff\r\n\r\ndata: 1\n\ndata: 2\n\n"
        )


async def test_a_long_body_arrives_whole() -> None:
    body = bytes(range(256)) * (3 * PIECE // 256) + b"end"
    head = f"POST / HTTP/1.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    digested: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        digested.set_result(await reader.readexactly(len(head) + len(body)))
        writer.close()

    async with through(server) as (reader, writer):
        writer.write(head + body)
        await reader.read()
    assert await digested == head + body


@pytest.mark.parametrize(
    "sent",
    [
        REQUESTS[0],
        REQUESTS[1][:-3],  # in the middle of a body
        REQUESTS[0][:20],  # in the middle of a head
        b"",
    ],
)
async def test_a_client_that_goes_away_is_gone_for_the_server(sent: bytes) -> None:
    got: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        got.set_result(await reader.read())
        writer.close()

    async with through(server) as (_, writer):
        writer.write(sent)
        writer.close()
        assert await got == sent


@pytest.mark.parametrize(
    "sent",
    [
        b"POST / HTTP/1.1\r\nContent-Length: many\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nmany\r\n",
    ],
)
async def test_what_is_no_request_ends_both_connections(sent: bytes) -> None:
    ended = asyncio.Event()

    async def server(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await rest(reader)
        ended.set()
        writer.close()

    async with through(server) as (reader, writer):
        writer.write(sent)
        await rest(reader)
        await ended.wait()


async def test_without_a_server_there_is_no_connection() -> None:
    closed = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = closed.sockets[0].getsockname()[1]
    closed.close()
    await closed.wait_closed()
    async with Shim("127.0.0.1", port).listening() as shim:
        reader, writer = await asyncio.open_connection("127.0.0.1", shim)
        assert await rest(reader) == b""
        writer.close()
