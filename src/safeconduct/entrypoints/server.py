"""The HTTP server: uvicorn with httptools and uvloop, and the limits that it lacks.

On httptools, uvicorn bounds neither the head of a request nor the time that a request takes to
arrive, lets trailer fields join the header, takes the body of an upgrade for the next request,
answers a broken request out of turn, and waits forever for a client that does not read. The
protocol below is a subclass of uvicorn's own, which is no public interface: the tests show each
limit at work on a socket.
"""

from __future__ import annotations

import asyncio
import errno
import signal
import socket
from http import HTTPStatus
from types import FrameType
from typing import Any, ClassVar, NoReturn, cast

import msgspec
from uvicorn import Config, Server
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from safeconduct.entrypoints.http import ASGI, Problem


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection, and all of them together, may take.

    `message_bytes` counts a whole request on the wire, framing included. `read_s` is for a request
    from its first byte to its last, `idle_s` for the pause between two, `write_s` for a client that
    does not read what it is sent; all are seconds.
    """

    header_bytes: int = 16_384
    header_fields: int = 64
    message_bytes: int = 4_194_304
    read_s: float = 20
    idle_s: int = 60
    write_s: float = 30
    connections: int = 1024
    backlog: int = 256
    shutdown_s: int = 15


class AddressTaken(OSError):
    """Something else listens at the address; the sentence says what to do."""


class _NoTrailers(list[tuple[bytes, bytes]]):
    """Takes the place of a complete header: what came later would not have been checked."""

    def append(self, _field: tuple[bytes, bytes]) -> NoReturn:
        raise ValueError("a trailer field")


class BoundedProtocol(HttpToolsProtocol):
    """One connection within its limits."""

    limits: ClassVar[Limits] = Limits()

    _reading = False  # a request has begun and is not complete
    _in_head = False  # and neither is its head
    _received = 0  # bytes of it, and of nothing before it
    _refusal = HTTPStatus.BAD_REQUEST
    _read_timer: asyncio.TimerHandle | None = None
    _write_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(cast("asyncio.Transport", transport))
        self._await_request()

    def connection_lost(self, exc: Exception | None) -> None:
        self._request_arrived()
        self.resume_writing()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received += len(data)
        super().data_received(data)
        if self.transport.is_closing():
            return
        if self._reading:
            # The parser keeps a field that does not end to itself, so what came in is counted too.
            if self._in_head and self._received > self.limits.header_bytes:
                self._refuse(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)
            elif self._received > self.limits.message_bytes:
                self._refuse(HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
            else:
                self._await_request()
        elif self._idle():
            self._await_request()
        else:
            self._request_arrived()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._reading = self._in_head = True

    def on_headers_complete(self) -> None:
        parser: Any = self.parser
        if parser.get_http_version() != "1.1":
            self._refusal = HTTPStatus.HTTP_VERSION_NOT_SUPPORTED
            raise ValueError("another version of HTTP")
        if parser.should_upgrade():
            # The parser would end the request here and read its body as the next one.
            raise ValueError("an offer of another protocol")
        if not self.url.startswith(b"/"):
            # The absolute form names a second host, next to the Host header.
            raise ValueError("a target that is no path")
        size = len(self.url)
        for name, value in self.headers:
            size += len(name) + len(value)
            if name == b"transfer-encoding" and value.lower() != b"chunked":
                self._refusal = HTTPStatus.NOT_IMPLEMENTED
                raise ValueError("a transfer coding that would not be undone")
        if size > self.limits.header_bytes or len(self.headers) > self.limits.header_fields:
            self._refusal = HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            raise ValueError("a header that is too large")
        super().on_headers_complete()
        self._in_head = False
        self.headers = _NoTrailers()

    def on_message_complete(self) -> None:
        self._reading = False
        self._received = 0
        super().on_message_complete()

    def send_400_response(self, msg: str) -> None:
        """What uvicorn calls when the parser, or one of the methods above, refuses a request."""
        self._refuse(self._refusal)

    def pause_writing(self) -> None:
        super().pause_writing()
        self._write_timer = self.loop.call_later(self.limits.write_s, self.transport.abort)

    def resume_writing(self) -> None:
        super().resume_writing()
        if self._write_timer is not None:
            self._write_timer.cancel()
            self._write_timer = None

    def timeout_keep_alive_handler(self) -> None:
        # Aborting forgets what a client has not read since; closing would wait for it.
        self.transport.abort()

    def _await_request(self) -> None:
        if self._read_timer is None:
            self._read_timer = self.loop.call_later(self.limits.read_s, self._late)

    def _request_arrived(self) -> None:
        if self._read_timer is not None:
            self._read_timer.cancel()
            self._read_timer = None

    def _late(self) -> None:
        self._read_timer = None
        if self.flow.read_paused:
            # The client would go on if it could: an earlier request of its is being answered.
            self._await_request()
        elif self._reading:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
        else:
            self.transport.close()

    def _refuse(self, status: HTTPStatus) -> None:
        """Ends the connection, with an answer if the request being read is the next to get one."""
        if self._may_answer():
            response = Problem(status, "The request was not accepted.").response()
            fields = (*response.headers, (b"content-length", b"%d" % len(response.body)))
            lines = [b"HTTP/1.1 %d %b" % (status, status.phrase.encode())]
            lines += [b"%b: %b" % field for field in (*fields, (b"connection", b"close"))]
            self.transport.write(b"\r\n".join([*lines, b"", response.body]))
        self.transport.close()

    def _may_answer(self) -> bool:
        if self.pipeline:
            return False
        if self._reading and not self._in_head:
            return not self.cycle.response_started
        return self._idle()

    def _idle(self) -> bool:
        cycle: Any = self.cycle
        return cycle is None or bool(cycle.response_complete)


class OrderlyServer(Server):
    """Returns when it is told to stop, instead of ending the process by the signal it got: what
    stands around it has a log and child processes to close.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Waits for what is under way; a second SIGINT does not."""
        if self.should_exit and sig == signal.SIGINT:
            self.force_exit = True
        self.should_exit = True


def server(app: ASGI, limits: Limits | None = None) -> Server:
    """A server for an application; serve it with `await server.serve(sockets=[listener(…)])`.

    The addresses in forwarding headers are not believed, and no header of the response says what
    serves it.
    """
    bounds = limits or Limits()
    protocol = type("Protocol", (BoundedProtocol,), {"limits": bounds})
    return OrderlyServer(
        Config(
            cast("type[asyncio.Protocol]", app),
            http=protocol,
            loop="uvloop",
            interface="asgi3",
            lifespan="off",
            ws="none",
            proxy_headers=False,
            server_header=False,
            date_header=False,
            access_log=False,
            log_config=None,
            limit_concurrency=bounds.connections,
            backlog=bounds.backlog,
            timeout_keep_alive=bounds.idle_s,
            timeout_graceful_shutdown=bounds.shutdown_s,
        )
    )


def listener(listen: str, backlog: int = Limits().backlog) -> socket.socket:
    """A listening socket on `host:port`, or `[host]:port` for IPv6. Port 0 takes a free one.

    Raises:
        AddressTaken: something listens there already.
        OSError: the address is not this machine's.
        ValueError: it is no address and port.
    """
    host, _, port = listen.rpartition(":")
    bare = host.removeprefix("[").removesuffix("]")
    family = socket.AF_INET6 if ":" in bare else socket.AF_INET
    try:
        return socket.create_server((bare, int(port)), family=family, backlog=backlog)
    except OSError as error:
        if error.errno != errno.EADDRINUSE:
            raise
        raise AddressTaken(
            f"{listen} is taken (fix: stop what listens there, or change gateway.listen)"
        ) from None
