"""The requests of a connection as they arrive: where one ends, and what it may take.

httptools splits the bytes. What it lets pass and we do not is refused here: two parsers in a row
must not find different requests in the same bytes (RFC 9112 section 11.2).
"""

from __future__ import annotations

from http import HTTPStatus
from typing import Protocol, cast

import msgspec
from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser

from safeconduct.entrypoints.http import Problem, Request, Response, Route, Site, Wire


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """What one connection, and all of them together, may take.

    `message_bytes` counts a whole request on the wire, framing included; `ahead` the requests that
    wait for the answer to an earlier one, and `ahead_bytes` what is read meanwhile. `read_s` is for
    a request from its first byte to its last, `idle_s` for the pause between two, `write_s` for a
    client that does not read what it is sent; all are seconds.
    """

    header_bytes: int = 16_384
    header_fields: int = 64
    message_bytes: int = 4_194_304
    ahead: int = 64
    ahead_bytes: int = 65_536
    read_s: float = 20
    idle_s: float = 60
    write_s: float = 30
    connections: int = 1024
    backlog: int = 256
    shutdown_s: float = 15


class Asked:
    """A request whose head is complete: it goes to its route, or its refusal is known."""

    __slots__ = (
        *("answered", "keep_alive", "pieces", "refusal"),
        *("request", "route", "silent", "size"),
    )

    def __init__(self, request: Request, *, keep_alive: bool) -> None:
        self.request = request
        self.route: Route | None = None
        self.refusal: Response | None = None
        self.keep_alive = keep_alive
        self.answered = False
        self.silent = request.method == "HEAD"  # its answer has no body
        self.pieces: list[bytes] = []
        self.size = 0


class Line(Wire, Protocol):
    """Where requests wait to be answered."""

    @property
    def waiting(self) -> int:
        """How many of them do."""
        ...

    @property
    def full(self) -> bool:
        """Whether there are too many connections."""
        ...

    def admitted(self, asked: Asked) -> None:
        """The head of a request has been checked, and its body may come."""

    def refused(self, asked: Asked) -> None:
        """A request has got its refusal, and the rest of its body is still to come."""

    def complete(self, asked: Asked) -> None:
        """A request is whole."""


class Arrival:
    """Reads requests one after the other. `asked` is the one whose body is being read."""

    def __init__(self, line: Line, site: Site, limits: Limits) -> None:
        self.asked: Asked | None = None
        self.reading = False
        """Whether a request has begun and is not complete."""
        self._in_head = False
        self._received = 0  # bytes of it, and of nothing before it
        self._status = HTTPStatus.BAD_REQUEST
        self._target = b""
        self._fields: list[tuple[bytes, bytes]] = []
        self._line = line
        self._site = site
        self._limits = limits
        self._parser = HttpRequestParser(self)
        # The answer to a request that says `close` is owed whatever stands behind it.
        self._parser.set_dangerous_leniencies(lenient_data_after_close=True)

    def feed(self, data: bytes) -> HTTPStatus | None:
        """Reads on. Gives the status with which the connection has to end, if it has to."""
        self._received += len(data)
        try:
            self._parser.feed_data(data)
        except (HttpParserError, HttpParserUpgrade):
            return self._status
        if self.reading:
            # The parser keeps a field that does not end to itself, so what came in is counted too.
            if self._in_head and self._received > self._limits.header_bytes:
                return HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE
            if self._received > self._limits.message_bytes:
                return HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        return None

    def close(self) -> None:
        """Lets go of the parser, which holds this object as this object holds it."""
        del self._parser

    # --- what the parser calls; a ValueError ends the connection with `_status` -------------------

    def on_message_begin(self) -> None:
        """A request begins."""
        if self._line.waiting >= self._limits.ahead:
            raise ValueError("too many requests at once")
        self.reading = self._in_head = True
        self._target = b""
        self._fields = []

    def on_url(self, piece: bytes) -> None:
        """A piece of the target."""
        self._target += piece

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field."""
        if not self._in_head:
            raise ValueError("a trailer field: it would join a header that has been checked")
        self._fields.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The head is complete. Whatever it lacks is told before the body is read."""
        parser = self._parser
        if parser.get_http_version() != "1.1":
            raise self._fault(HTTPStatus.HTTP_VERSION_NOT_SUPPORTED, "another version of HTTP")
        if parser.should_upgrade():
            # The parser would end the request here and read its body as the next one.
            raise ValueError("an offer of another protocol")
        if not self._target.startswith(b"/"):
            # The absolute form names a second host, next to the Host header.
            raise ValueError("a target that is no path")
        size = len(self._target) + sum([len(name) + len(value) for name, value in self._fields])
        if size > self._limits.header_bytes or len(self._fields) > self._limits.header_fields:
            raise self._fault(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE, "a header too large")
        request = Request(
            parser.get_method().decode(), self._target.decode("ascii"), self._fields, self._line
        )
        for value in request.every(b"transfer-encoding"):
            if value.lower() != b"chunked":
                raise self._fault(HTTPStatus.NOT_IMPLEMENTED, "a coding that would not be undone")
        self._in_head = False
        asked = self.asked = Asked(request, keep_alive=parser.should_keep_alive())
        if self._line.full:
            asked.keep_alive = False
            self._refuse(asked, Problem(503, "There are too many connections."))
            return
        try:
            asked.route = self._site.admit(request)
        except Problem as problem:
            self._refuse(asked, problem)
        else:
            self._line.admitted(asked)

    def on_body(self, piece: bytes) -> None:
        """A piece of the body."""
        asked = cast("Asked", self.asked)
        if asked.route is not None:
            asked.size += len(piece)
            if asked.size > asked.route.max_bytes:
                self._refuse(asked, asked.route.too_long())
            else:
                asked.pieces.append(piece)

    def on_message_complete(self) -> None:
        """The request is whole."""
        asked = cast("Asked", self.asked)
        self.asked = None
        self.reading = False
        self._received = 0
        asked.request.body = b"".join(asked.pieces)
        self._line.complete(asked)

    def _refuse(self, asked: Asked, problem: Problem) -> None:
        asked.route = None
        asked.pieces = []
        asked.refusal = problem.response()
        self._line.refused(asked)

    def _fault(self, status: HTTPStatus, sentence: str) -> ValueError:
        self._status = status
        return ValueError(sentence)
