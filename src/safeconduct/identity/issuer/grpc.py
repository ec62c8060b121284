"""gRPC over HTTP/2 on a Unix socket: as much of a server as the Workload API needs.

One request message a call, one or more answers. What one user can make us hold is bounded: by
connections, by calls on each, by the size of a request. Who the peer is comes from the kernel.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing
from typing import Final, cast
from urllib.parse import quote

import msgspec
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import (
    ConnectionTerminated,
    DataReceived,
    Event,
    RequestReceived,
    StreamEnded,
    StreamReset,
    WindowUpdated,
)
from h2.exceptions import H2Error
from h2.settings import SettingCodes, Settings

from safeconduct.identity.attestors.attested import NotAttested
from safeconduct.identity.issuer.unix import Peer

_log = logging.getLogger(__name__)

MAX_REQUEST: Final = 16 * 1024
"""How long the body of a call may be, in bytes."""

MAX_UNHEARD: Final = 64 * 1024
"""How much may arrive that comes to nothing yet, in bytes."""

MAX_CALLS: Final = 16
"""How many calls may be open on one connection."""

MAX_CONNECTIONS: Final = 64
"""How many connections one user may have."""

# https://grpc.io/docs/guides/status-codes/
OK: Final = 0
INVALID_ARGUMENT: Final = 3
PERMISSION_DENIED: Final = 7
RESOURCE_EXHAUSTED: Final = 8
UNIMPLEMENTED: Final = 12
INTERNAL: Final = 13
UNAVAILABLE: Final = 14

_SETTINGS: Final = {
    SettingCodes.MAX_CONCURRENT_STREAMS: MAX_CALLS,
    SettingCodes.MAX_HEADER_LIST_SIZE: MAX_REQUEST,
}
_PREFIX: Final = 5
_HEADERS: Final = [(":status", "200"), ("content-type", "application/grpc")]


class Status(Exception):
    """A call ends with this status; the message is for the caller."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(message)
        self.code = code


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A whole request. Of metadata that came twice the last stands."""

    peer: Peer
    metadata: dict[bytes, bytes]
    message: bytes


Method = Callable[[Call], AsyncGenerator[bytes, None]]
"""Answers a call with messages. Raises Status."""


class _Stream:
    """One call as it arrives."""

    def __init__(self, headers: dict[bytes, bytes]) -> None:
        self.headers = headers
        self.body = bytearray()
        self.task: asyncio.Task[None] | None = None


class Service:
    """Methods by path, and who is connected."""

    def __init__(self, methods: Mapping[bytes, Method]) -> None:
        self.methods = methods
        self.connected = Counter[int]()
        self.connections: set[Connection] = set()

    def connection(self) -> Connection:
        """The protocol of one connection."""
        return Connection(self)

    def close(self) -> None:
        """Ends every connection."""
        for one in list(self.connections):
            one.close()


class Connection(asyncio.Protocol):
    """One client."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._h2 = H2Connection(H2Configuration(client_side=False, header_encoding=None))
        self._h2.local_settings = Settings(client=False, initial_values=_SETTINGS)
        self._streams: dict[int, _Stream] = {}
        self._unheard = 0
        self._room = asyncio.Event()  # to send more, on this connection or one of its streams
        self._writable = asyncio.Event()
        self._writable.set()
        self._transport: asyncio.Transport | None = None
        self._peer: Peer | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Learns who it is, before anything of what they say is read."""
        self._transport = cast("asyncio.Transport", transport)
        try:
            peer = Peer.of(transport.get_extra_info("socket"))
        except NotAttested as fault:
            _log.warning("a connection is refused: %s", fault)
            self._transport.abort()
            return
        self._peer = peer
        self._service.connections.add(self)
        self._service.connected[peer.uid] += 1
        if self._service.connected[peer.uid] > MAX_CONNECTIONS:
            _log.warning("a connection is refused: %s has %d", peer, MAX_CONNECTIONS)
            self._transport.abort()
            return
        self._h2.initiate_connection()
        self._flush()

    def connection_lost(self, exc: Exception | None) -> None:
        """Ends what runs for it."""
        for stream in self._streams.values():
            if stream.task is not None:
                stream.task.cancel()
        self._streams.clear()
        self._service.connections.discard(self)
        if self._peer is not None:
            self._service.connected[self._peer.uid] -= 1
            self._peer.close()

    def data_received(self, data: bytes) -> None:
        """Takes what arrived; what is not HTTP/2 ends the connection."""
        try:
            events = self._h2.receive_data(data)
            # A frame that is longer than allowed is told only once all of it is here.
            self._unheard = 0 if events else self._unheard + len(data)
            if self._unheard > MAX_UNHEARD:
                self.close()
            for event in events:
                self._happened(event)
            self._flush()
        except (H2Error, UnicodeError):
            self._flush()  # says why, in the words of HTTP/2
            self.close()

    def pause_writing(self) -> None:
        """The peer does not read."""
        self._writable.clear()

    def resume_writing(self) -> None:
        """It does again."""
        self._writable.set()

    def close(self) -> None:
        """Ends the connection."""
        if self._transport is not None:
            self._transport.close()

    def _happened(self, event: Event) -> None:
        match event:
            case RequestReceived(stream_id=int(number)):
                self._streams[number] = _Stream(dict(event.headers))
            case DataReceived(stream_id=int(number)):
                self._h2.acknowledge_received_data(event.flow_controlled_length or 0, number)
                stream = self._streams.get(number)
                if stream is not None:
                    self._took(number, stream, event.data or b"")
            case StreamEnded(stream_id=int(number)) if number in self._streams:
                stream = self._streams[number]
                stream.task = asyncio.create_task(self._answer(number, stream))
            case StreamReset(stream_id=int(number)):
                stream = self._streams.pop(number, None)
                if stream is not None and stream.task is not None:
                    stream.task.cancel()
            case WindowUpdated():
                self._room.set()
            case ConnectionTerminated():
                self.close()
            case _:
                pass

    def _took(self, number: int, stream: _Stream, data: bytes) -> None:
        stream.body += data
        if len(stream.body) > MAX_REQUEST:
            del self._streams[number]
            self._end(number, Status(RESOURCE_EXHAUSTED, "the request is too long"), begun=False)

    async def _answer(self, number: int, stream: _Stream) -> None:
        begun = False
        try:
            method, call = self._call(stream)
            async with aclosing(method(call)) as messages:
                async for message in messages:
                    if not begun:
                        self._h2.send_headers(number, _HEADERS)
                        begun = True
                    await self._send(number, len(message).to_bytes(_PREFIX, "big") + message)
            status = Status(OK, "")
        except Status as refused:
            status = refused
        except H2Error:
            return  # the stream is closed by now
        except Exception:  # noqa: BLE001  the operator reads what it was, the caller does not
            _log.exception("a call failed")
            status = Status(INTERNAL, "")
        finally:
            self._streams.pop(number, None)
        self._end(number, status, begun=begun)

    def _call(self, stream: _Stream) -> tuple[Method, Call]:
        headers, body = stream.headers, bytes(stream.body)
        method = self._service.methods.get(headers.get(b":path", b""))
        if method is None or headers.get(b":method") != b"POST":
            raise Status(UNIMPLEMENTED, "no such method")
        if not headers.get(b"content-type", b"").startswith(b"application/grpc"):
            raise Status(INVALID_ARGUMENT, "not a gRPC request")
        if body[:1] == b"\1":
            raise Status(UNIMPLEMENTED, "compression is not supported")
        # A flag and four bytes that say how long the one message is.
        if len(body) < _PREFIX or int.from_bytes(body[:_PREFIX], "big") != len(body) - _PREFIX:
            raise Status(INVALID_ARGUMENT, "not one whole message")
        if self._peer is None:
            raise Status(UNAVAILABLE, "")
        return method, Call(peer=self._peer, metadata=headers, message=body[_PREFIX:])

    async def _send(self, number: int, data: bytes) -> None:
        """Sends as fast as the peer takes it. Raises H2Error: it does not want it any more."""
        while data:
            await self._writable.wait()
            window = self._h2.local_flow_control_window(number)
            if window <= 0:
                self._room.clear()
                await self._room.wait()
                continue
            size = min(window, self._h2.max_outbound_frame_size)
            self._h2.send_data(number, data[:size])
            data = data[size:]
            self._flush()

    def _end(self, number: int, status: Status, *, begun: bool) -> None:
        trailers = [("grpc-status", str(status.code))]
        if str(status):
            trailers.append(("grpc-message", quote(str(status), safe=" ")))
        try:
            self._h2.send_headers(
                number, trailers if begun else [*_HEADERS, *trailers], end_stream=True
            )
            self._flush()
        except H2Error:
            pass  # the peer closed the stream

    def _flush(self) -> None:
        data = self._h2.data_to_send()
        if data and self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)
