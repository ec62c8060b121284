"""A gRPC client of a few lines, which can also do what no client should."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Final

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    ResponseReceived,
    StreamEnded,
    StreamReset,
    TrailersReceived,
)

from safeconduct.identity.issuer.grpc import Service

Headers = list[tuple[str, str]]

METADATA: Final = {"workload.spiffe.io": "true"}
SERVICE: Final = "/SpiffeWorkloadAPI/"


def framed(message: bytes, *, flag: int = 0) -> bytes:
    return bytes([flag]) + len(message).to_bytes(4, "big") + message


class Call:
    """One call as it is answered."""

    def __init__(self) -> None:
        self.headers: dict[str, str] = {}
        self.data = bytearray()
        self.ended = False
        self.reset = False

    @property
    def status(self) -> int:
        return int(self.headers["grpc-status"])

    @property
    def message(self) -> str:
        return self.headers.get("grpc-message", "")

    @property
    def answers(self) -> list[bytes]:
        found, data = list[bytes](), bytes(self.data)
        while len(data) >= 5 and len(data) >= 5 + (size := int.from_bytes(data[1:5], "big")):
            found.append(data[5 : 5 + size])
            data = data[5 + size :]
        return found


class Client:
    """One connection."""

    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, window: bool = True
    ) -> None:
        self.reader, self.writer = reader, writer
        self.h2 = H2Connection(H2Configuration(header_encoding="utf-8"))
        self._window = window
        self.calls: dict[int, Call] = {}
        self.over = False

    def start(self) -> None:
        self.h2.initiate_connection()
        self.send()

    def send(self) -> None:
        self.writer.write(self.h2.data_to_send())

    def open(
        self,
        path: str,
        body: bytes = framed(b""),
        *,
        headers: Mapping[str, str] | None = None,
        end: bool = True,
    ) -> int:
        """Begins a call; `headers` come on top of those that gRPC has."""
        fields = {
            ":method": "POST",
            ":scheme": "http",
            ":path": path,
            ":authority": "localhost",
            "te": "trailers",
            "content-type": "application/grpc",
            **(headers or {}),
        }
        number = self.h2.get_next_available_stream_id()
        self.calls[number] = Call()
        self.h2.send_headers(number, list(fields.items()))
        for at in range(0, len(body), 16_000):
            self.h2.send_data(number, body[at : at + 16_000])
        if end:
            self.h2.end_stream(number)
        self.send()
        return number

    async def read(self) -> None:
        """Takes what arrives next."""
        data = await self.reader.read(65_536)
        if not data:
            self.over = True
            return
        for event in self.h2.receive_data(data):
            match event:
                case ResponseReceived() | TrailersReceived():
                    headers = dict(event.headers or [])
                    self.calls[event.stream_id or 0].headers.update(headers)  # type: ignore[arg-type]  # h2 types them as bytes or text
                case DataReceived():
                    number = event.stream_id or 0
                    self.calls[number].data += event.data or b""
                    if self._window and event.flow_controlled_length:
                        self.h2.acknowledge_received_data(event.flow_controlled_length, number)
                case StreamEnded():
                    self.calls[event.stream_id or 0].ended = True
                case StreamReset():
                    self.calls[event.stream_id or 0].reset = True
                case ConnectionTerminated():
                    self.over = True
                case _:
                    pass
        self.send()

    async def ended(self, number: int) -> Call:
        """A call, once it has ended."""
        while not (self.calls[number].ended or self.calls[number].reset or self.over):
            await self.read()
        return self.calls[number]

    async def answered(self, number: int, count: int) -> list[bytes]:
        """The first answers of a call."""
        while len(self.calls[number].answers) < count and not self.calls[number].ended:
            await self.read()
        return self.calls[number].answers

    async def call(
        self, path: str, body: bytes = framed(b""), *, headers: Mapping[str, str] | None = None
    ) -> Call:
        """A whole call."""
        return await self.ended(self.open(path, body, headers=headers))


@asynccontextmanager
async def connected(path: Path, *, window: bool = True) -> AsyncGenerator[Client]:
    """A client of the service at a path. Without `window` it never makes room for more."""
    reader, writer = await asyncio.open_unix_connection(path)
    client = Client(reader, writer, window=window)
    client.start()
    try:
        yield client
    finally:
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()


@asynccontextmanager
async def serving(service: Service, path: Path) -> AsyncGenerator[Path]:
    """A service on a socket of this process."""
    loop = asyncio.get_running_loop()
    server = await loop.create_unix_server(service.connection, path)
    try:
        yield path
    finally:
        server.close()
        service.close()
        for _ in range(8):  # until every transport has said so
            await asyncio.sleep(0)
        assert not service.connections
