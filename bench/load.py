"""The load generator: keep-alive connections in a closed loop, a fresh proof for every call.

Each connection is one agent with a task of its own. An answer that is not a result with the
expected text is an error and ends the run: a fast refusal is no throughput.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import cast

import httptools

Request = Callable[[], bytes]

PATIENCE_S = 15.0
"""How long after the end of a slice the last answers may take, in seconds."""


class Connection(asyncio.Protocol):
    """One keep-alive connection that sends the next request when an answer has come."""

    def __init__(self, request: Request, expect: bytes, until: float) -> None:
        self._request = request
        self._expect = expect
        self._until = until
        self._transport: asyncio.Transport | None = None
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        self._sent = 0
        self.latencies_ns: list[int] = []
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._send()

    def _send(self) -> None:
        assert self._transport is not None
        self._parser = httptools.HttpResponseParser(self)
        self._body = bytearray()
        request = self._request()
        self._sent = time.perf_counter_ns()
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, body: bytes) -> None:
        self._body += body

    def on_message_complete(self) -> None:
        self.latencies_ns.append(time.perf_counter_ns() - self._sent)
        if self._parser.get_status_code() != 200 or self._expect not in self._body:
            self._fail(f"{self._parser.get_status_code()} {bytes(self._body[:600])!r}")
        elif time.perf_counter() < self._until:
            self._send()
        else:
            self._close()

    def _fail(self, what: str) -> None:
        if not self.done.done():
            self.done.set_exception(RuntimeError(what))
        self._close()

    def _close(self) -> None:
        assert self._transport is not None
        self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


async def run(port: int, requests: Sequence[Request], expect: bytes, seconds: float) -> list[int]:
    """Latencies of all calls of one slice, in nanoseconds.

    Raises:
        RuntimeError: a wrong answer.
        TimeoutError: an answer that does not come.
    """
    until = time.perf_counter() + seconds
    loop = asyncio.get_running_loop()
    connections = [Connection(request, expect, until) for request in requests]
    async with asyncio.timeout(seconds + PATIENCE_S):
        for connection in connections:
            await loop.create_connection(partial(_itself, connection), "127.0.0.1", port)
        await asyncio.gather(*(connection.done for connection in connections))
    return [latency for connection in connections for latency in connection.latencies_ns]


def _itself(connection: Connection) -> Connection:
    return connection
