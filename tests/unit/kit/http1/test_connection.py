"""One connection, and what arrives on it while the event loop looks elsewhere."""

import asyncio
import socket
from collections.abc import AsyncIterator

import pytest

from safeconduct.kit.http1.connection import Connection

STRAY = b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil"


@pytest.fixture
async def ends() -> AsyncIterator[tuple[Connection, socket.socket]]:
    """A connection, and the other end of it."""
    ours, theirs = socket.socketpair()
    _, connection = await asyncio.get_running_loop().create_connection(
        lambda: Connection(lambda _: None), sock=ours
    )
    with theirs:
        yield connection, theirs
    connection.abort()
    await connection.ended


def test_a_connection_on_which_nothing_came_is_silent(
    ends: tuple[Connection, socket.socket],
) -> None:
    connection, _ = ends
    assert (connection.usable, connection.silent) == (True, True)


def test_what_came_is_seen_before_it_is_read(ends: tuple[Connection, socket.socket]) -> None:
    connection, theirs = ends
    theirs.sendall(STRAY)
    assert (connection.usable, connection.silent) == (True, False)


def test_an_end_is_seen_before_it_is_read(ends: tuple[Connection, socket.socket]) -> None:
    connection, theirs = ends
    theirs.close()
    assert (connection.usable, connection.silent) == (True, False)
