"""HTTP without a framework: requests, responses, and one table of what is served.

Nothing that decides looks at a header but the ones named here, and each of those may stand in a
request once.
"""

from __future__ import annotations

import functools
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Final, Protocol
from urllib.parse import urlsplit

import msgspec
import orjson

from safeconduct.kit.certificate import Certificate

Fields = tuple[tuple[bytes, bytes], ...]

_log = logging.getLogger(__name__)

JSON_TYPE: Final = (b"content-type", b"application/json")
_PROBLEM_TYPE: Final = (b"content-type", b"application/problem+json")

_ONCE: Final = frozenset(
    {b"authorization", b"content-encoding", b"content-type", b"host", b"origin"}
)
"""Header fields that decide something here: two of them would be two requests in one."""

CERTIFICATE_HEADERS: Final = frozenset(
    {b"client-cert", b"client-cert-chain", b"x-forwarded-client-cert"}
)
"""In which load balancers say what certificate they were shown (RFC 9440, and Envoy's own)."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Peer(msgspec.Struct, frozen=True):
    """Who is at the other end of a connection: their IP address, and the certificate that they
    showed in the handshake, if they did.
    """

    address: str = ""
    certificate: Certificate | None = None


class Wire(Protocol):
    """The connection that a request came over; the methods of `Request` say what these do."""

    peer: Peer

    def start(self, request: Request, headers: Fields, *, lasting: bool) -> None: ...

    async def send(self, request: Request, data: bytes) -> None: ...

    def finish(self, request: Request, *, close: bool) -> None: ...

    def when_gone(self, request: Request, call: Callable[[], None] | None) -> None: ...


class Request:
    """A request, and the way back. Header names are in lower case; `body` is there once the handler
    runs.

    `path` is the target as it was sent: a second spelling of it would be a second name for a thing,
    and a query makes it another one. `tail` is the last path segment where the route ends in a
    slash, and empty elsewhere. `certificate` is the client's; whose it is, nobody has verified.
    """

    __slots__ = ("_wire", "body", "certificate", "fields", "headers", "method", "path", "tail")

    def __init__(
        self, method: str, path: str, fields: list[tuple[bytes, bytes]], wire: Wire
    ) -> None:
        self.method = method
        self.path = path
        self.tail = ""
        self.fields = fields
        self.headers = dict(fields)
        self.body = b""
        self.certificate: Certificate | None = None
        self._wire = wire

    @property
    def peer(self) -> Peer:
        """Who sent it to us, though perhaps for somebody else."""
        return self._wire.peer

    def repeats(self, name: bytes) -> bool:
        """Whether a header field stands in the request more than once."""
        return len(self.fields) != len(self.headers) and len(self.every(name)) > 1

    def every(self, name: bytes) -> list[bytes]:
        """The values of all header fields of a name, in their order."""
        if len(self.fields) == len(self.headers):
            return [self.headers[name]] if name in self.headers else []
        return [value for field, value in self.fields if field == name]

    def start(self, headers: Fields, *, lasting: bool = False) -> None:
        """Opens a response with status 200 that is sent in pieces; the handler returns None then.

        A lasting one has no end of its own: when the server stops, its client counts as gone.
        Nothing of the response is sent, here and below, once the client is gone.
        """
        self._wire.start(self, headers, lasting=lasting)

    async def send(self, data: bytes) -> None:
        """Sends a piece that is not empty, when the client has read enough of those before."""
        await self._wire.send(self, data)

    def finish(self, *, close: bool = False) -> None:
        """Ends the response; without it the client sees that it was cut off.

        A handler that goes on for long afterwards has the connection closed, as nothing else is
        served on it meanwhile; the client counts as gone then.
        """
        self._wire.finish(self, close=close)

    def when_gone(self, call: Callable[[], None] | None) -> None:
        """Says what is called, once, when the client goes away before the handler has returned, or
        has gone. Without it the handler runs to its end: what it began is finished.
        """
        self._wire.when_gone(self, call)


class Response(msgspec.Struct, frozen=True):
    """A whole response; its length is added when it is sent."""

    status: int
    body: bytes = b""
    headers: Fields = ()


Handler = Callable[[Request], Awaitable[Response | None]]
"""Answers a request; None when it has sent a response of its own."""


class Route(msgspec.Struct, frozen=True):
    """What answers a request whose body has at most `max_bytes`; `query`: its path may have one.

    `check` sees the head before the body is read, and raises Problem.
    """

    handler: Handler
    max_bytes: int = 0
    check: Callable[[Request], None] | None = None
    query: bool = False

    def too_long(self) -> Problem:
        """The refusal of a longer body."""
        return Problem(413, f"The body is longer than {self.max_bytes} bytes.")


Routes = Mapping[str, Mapping[str, Route]]
"""Path to HTTP method to route. A path that ends in a slash takes one more segment."""


class Problem(Exception):
    """A refusal outside of MCP, told as RFC 9457 has it.

    `reason` is a code of the closed list, for a type of its own; without one the status says it
    all. The detail says nothing that the caller does not know.
    """

    def __init__(
        self, status: int, detail: str, *, reason: str | None = None, headers: Fields = ()
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.reason = reason
        self.headers = headers

    def response(self) -> Response:
        """The problem as a response."""
        told = {
            "type": "about:blank"
            if self.reason is None
            else f"urn:safeconduct:reason:{self.reason}",
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        return Response(self.status, orjson.dumps(told), (_PROBLEM_TYPE, *self.headers))


def own(request: Request) -> Certificate | None:
    """The certificate of the connection itself.

    Raises Problem: a header names one. Anybody can write a header, and nobody shall believe that it
    had been looked at.
    """
    if not CERTIFICATE_HEADERS.isdisjoint(request.headers):
        raise Problem(400, "A certificate in a header is not accepted here.")
    return request.peer.certificate


Clients = Callable[[Request], Certificate | None]
"""The certificate that a request came with. Raises Problem."""


class Doors(msgspec.Struct, frozen=True):
    """Under which names the gateway may be spoken to, which web pages may do so, and who says which
    certificate a client showed.

    A browser sends both headers on its own, so they are what stands between a hostile web page and
    a gateway on localhost (DNS rebinding; MCP 2026-07-28, transports).
    """

    hosts: frozenset[bytes]
    origins: frozenset[bytes] = frozenset()
    clients: Clients = own

    def check(self, request: Request) -> None:
        """Raises Problem: 421 for another host, 403 for a web page that is not on the list, 400 for
        a certificate that somebody else than `clients` tells of.
        """
        if request.headers.get(b"host", b"").lower() not in self.hosts:
            raise Problem(421, "This host name is not served here.")
        origin = request.headers.get(b"origin")
        if origin is not None and origin not in self.origins:
            raise Problem(403, "Requests from this origin are not accepted.")
        request.certificate = self.clients(request)


def doors(
    issuer: str, listen: str, allowed_origins: tuple[str, ...] = (), clients: Clients = own
) -> Doors:
    """The names of a gateway: its issuer's host, with and without a default port, and where it
    listens. Its own pages may speak to it.
    """
    parts = urlsplit(issuer)
    host = parts.netloc.lower()
    names = {host, listen.lower()}
    default = _DEFAULT_PORTS.get(parts.scheme)
    if parts.port is None:
        names.add(f"{host}:{default}")
    elif parts.port == default:
        names.add(host.rpartition(":")[0])
    return Doors(
        frozenset(name.encode() for name in names),
        frozenset(
            origin.encode() for origin in (f"{parts.scheme}://{parts.netloc}", *allowed_origins)
        ),
        clients,
    )


class Site:
    """Serves exactly these routes, under these names.

    One that is `opening` has further routes to come, with `open`.
    """

    def __init__(self, routes: Routes, entry: Doors, *, opening: bool = False) -> None:
        self._routes = routes
        self._entry = entry
        self._opening = opening

    def open(self, routes: Routes) -> None:
        """Serves these routes from now on."""
        self._routes = routes
        self._opening = False

    def admit(self, request: Request) -> Route:
        """The route of a request, by its head alone. Raises Problem."""
        path, fields, headers = request.path, request.fields, request.headers
        if len(headers) != len(fields):
            for name in _ONCE:
                if request.repeats(name):
                    raise Problem(400, f"The header {name.decode()} may be sent once.")
        self._entry.check(request)
        methods = None if path.endswith("/") else self._routes.get(path)
        if methods is None:
            prefix, _, last = path.rpartition("/")
            methods = self._routes.get(f"{prefix}/") if last else None
            request.tail = last
        if methods is None:
            methods = self._asked(path)
            request.tail = ""
        route = methods.get(request.method)
        if route is None:
            allow = ", ".join(sorted(methods)).encode()
            raise Problem(405, "This method is not allowed here.", headers=((b"allow", allow),))
        if route.check is not None:
            route.check(request)
        if b"content-encoding" in headers:
            raise Problem(415, "An encoded body is not accepted.")
        # The HTTP parser has refused lengths that are not plain digits.
        if int(headers.get(b"content-length", b"0")) > route.max_bytes:
            raise route.too_long()
        return route

    def _nothing(self) -> Problem:
        if self._opening:
            return Problem(503, "The gateway is starting.", headers=((b"retry-after", b"1"),))
        return Problem(404, "There is nothing here.")

    def _asked(self, path: str) -> Mapping[str, Route]:
        """The routes of a path with a query, where all of them take one. Raises Problem."""
        plain, _, query = path.partition("?")
        methods = self._routes.get(plain) if query else None
        if methods and all(one.query for one in methods.values()):
            return methods
        raise self._nothing()


def incident() -> str:
    """Logs the exception being handled under a number, which is all that the caller gets."""
    number = f"i-{secrets.token_hex(8)}"
    _log.exception("internal error %s", number)
    return number


_BAD_FIELD: Final = re.compile(rb"[^\t\x20-\x7e]")


@functools.lru_cache(maxsize=256)
def head(status: int, headers: Fields) -> bytes:
    """Status line and header fields. Raises ValueError for a field that would be more than one."""
    lines = [b"HTTP/1.1 %d %b\r\n" % (status, HTTPStatus(status).phrase.encode())]
    for name, value in headers:
        if _BAD_FIELD.search(name) or _BAD_FIELD.search(value):
            raise ValueError("a control character in a header field")
        lines.append(b"%b: %b\r\n" % (name, value))
    return b"".join(lines)


def whole(response: Response, *, close: bool, silent: bool = False) -> bytes:
    """The bytes of a response: `close` tells that it is the last one, `silent` leaves out its body,
    as is done for HEAD.
    """
    return b"%bcontent-length: %d\r\n%b\r\n%b" % (
        head(response.status, response.headers),
        len(response.body),
        b"connection: close\r\n" if close else b"",
        b"" if silent else response.body,
    )


def require_type(request: Request, media_type: bytes) -> None:
    """Raises Problem: 415 for a body that is not of the media type, in UTF-8."""
    given = request.headers.get(b"content-type", b"")
    if given == media_type:
        return
    essence, _, parameters = given.lower().partition(b";")
    charset = parameters.strip().replace(b'"', b"")
    if essence.strip() != media_type or charset not in {b"", b"charset=utf-8"}:
        raise Problem(415, f"The body must be {media_type.decode()} in UTF-8.")
