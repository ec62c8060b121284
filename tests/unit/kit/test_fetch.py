from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from safeconduct.kit.fetch import Fetched, FetchError, fetch, spoken_to

Answer = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def answers(*pieces: bytes, heard: list[bytes] | None = None) -> AsyncGenerator[str]:
    """A server that answers every request with these pieces, and then closes."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        if heard is not None:
            heard.append(head)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


async def test_a_document() -> None:
    heard: list[bytes] = []
    answer = b"HTTP/1.1 200 OK\r\nETag: x\r\nContent-Length: 2\r\n\r\n{}"
    async with answers(answer, heard=heard) as url:
        got = await fetch(f"{url}/a?b=c", headers={"X-Ours": "1"})
    assert got == Fetched(status=200, headers={"etag": "x", "content-length": "2"}, body=b"{}")
    assert heard[0].startswith(b"GET /a?b=c HTTP/1.1\r\n")
    assert b"X-Ours: 1\r\n" in heard[0]


async def test_a_redirect_is_not_followed() -> None:
    moved = (
        b"HTTP/1.1 302 Found\r\nLocation: https://elsewhere.example\r\nContent-Length: 0\r\n\r\n"
    )
    async with answers(moved) as url:
        assert (await fetch(url)).status == 302


@pytest.mark.parametrize(
    "pieces",
    [
        [b"HTTP/1.1 200 OK\r\nContent-Length: 2000\r\n\r\n", b"x" * 2000],
        [b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 2000],
        [b"HTTP/1.1 200 OK\r\nContent-Length: 20\r\n\r\n", b"short"],
        [b"HTTP/1.1 200 OK\r\nContent-Length: -1\r\nTransfer-Encoding: chunked\r\n\r\n", b"zz\r\n"],
        [b"\0\xff garbage\r\n\r\n"],
        [],
    ],
)
async def test_no_usable_answer(pieces: list[bytes]) -> None:
    async with answers(*pieces) as url:
        with pytest.raises(FetchError) as raised:
            await fetch(url, max_bytes=1000)
    assert str(raised.value).startswith("127.0.0.1: ")


async def test_nobody_there() -> None:
    async with answers() as url:
        pass
    with pytest.raises(FetchError, match="ConnectionRefusedError"):
        await fetch(url)


async def test_a_server_that_never_answers() -> None:
    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silent, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(FetchError, match="TimeoutError"):
            await fetch(f"http://127.0.0.1:{port}", timeout_s=0.05)


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nX-Slow: ",
        b"HTTP/1.1 200 OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;",
    ],
    ids=["status", "field", "body", "chunk"],
)
async def test_a_server_that_drips(start: bytes) -> None:
    """Each byte comes well within the time, and the answer never."""
    ended = asyncio.Event()

    async def drips(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(start)
        gone = asyncio.ensure_future(reader.read())
        while not (await asyncio.wait([gone], timeout=0.01))[0]:
            writer.write(b"x")
        gone.exception()
        writer.close()
        ended.set()

    server = await asyncio.start_server(drips, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        with pytest.raises(FetchError, match="TimeoutError"):
            await fetch(f"http://127.0.0.1:{port}", timeout_s=0.1, max_bytes=1 << 40)
        await ended.wait()


async def test_the_next_address_of_a_host_is_tried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name with several addresses, at the first of which nobody listens."""
    known = socket.getaddrinfo

    def both(host: str, port: int, **named: Any) -> list[Any]:
        return known("127.0.0.2", port, **named) + known(host, port, **named)

    async with answers(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}") as url:
        monkeypatch.setattr(socket, "getaddrinfo", both)
        assert (await fetch(url)).body == b"{}"


@pytest.mark.parametrize(
    ("url", "is_spoken_to"),
    [
        ("https://idp.example/x", True),
        ("http://localhost:1/x", True),
        ("http://[::1]:1/x", True),
        ("http://idp.example/x", False),
        ("http://127.0.0.1.idp.example/x", False),
        ("https://user@idp.example/x", False),
        ("https://idp.example/x#y", False),
        ("https://idp.example:x/", False),
        ("https:///x", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
async def test_what_is_spoken_to(url: str, *, is_spoken_to: bool) -> None:
    assert spoken_to(url) is is_spoken_to
    if not is_spoken_to:
        with pytest.raises(FetchError, match="not an HTTPS URL"):
            await fetch(url)
