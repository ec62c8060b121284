"""HTTP as a plain ASGI 3 callable: one routing table, and the checks that every request passes.

Nothing that decides looks at a header but the ones named here, and each of those may stand in a
request once.
"""

from __future__ import annotations

import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
import orjson

Scope = dict[str, Any]
Event = dict[str, Any]
Receive = Callable[[], Awaitable[Event]]
Send = Callable[[Event], Awaitable[None]]
ASGI = Callable[[Scope, Receive, Send], Awaitable[None]]

Fields = tuple[tuple[bytes, bytes], ...]

_log = logging.getLogger(__name__)

JSON_TYPE: Final = (b"content-type", b"application/json")
_PROBLEM_TYPE: Final = (b"content-type", b"application/problem+json")

_ONCE: Final = frozenset(
    {b"authorization", b"content-encoding", b"content-type", b"host", b"origin"}
)
"""Header fields that decide something here: two of them would be two requests in one."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class Request(msgspec.Struct, frozen=True, kw_only=True):
    """A request whose head has been checked. Header names are in lower case.

    `tail` is the last path segment where the route ends in a slash, and empty elsewhere.
    """

    method: str
    path: str
    tail: str
    headers: dict[bytes, bytes]
    fields: list[tuple[bytes, bytes]]
    receive: Receive
    send: Send

    def repeats(self, name: bytes) -> bool:
        """Whether a header field stands in the request more than once."""
        return len(self.every(name)) > 1

    def every(self, name: bytes) -> list[bytes]:
        """The values of all header fields of a name, in their order."""
        if len(self.fields) == len(self.headers):
            return [self.headers[name]] if name in self.headers else []
        return [value for field, value in self.fields if field == name]


class Response(msgspec.Struct, frozen=True):
    """A whole response; its length is added when it is sent."""

    status: int
    body: bytes = b""
    headers: Fields = ()


Handler = Callable[[Request], Awaitable[Response | None]]
"""Answers a request; None when it has sent a response of its own."""

Routes = Mapping[str, Mapping[str, Handler]]
"""Path to HTTP method to handler. A path that ends in a slash takes one more segment."""


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


class Doors(msgspec.Struct, frozen=True):
    """Under which names the gateway may be spoken to, and which web pages may do so.

    A browser sends both headers on its own, so they are what stands between a hostile web page and
    a gateway on localhost (DNS rebinding; MCP 2026-07-28, transports).
    """

    hosts: frozenset[bytes]
    origins: frozenset[bytes] = frozenset()

    def check(self, request: Request) -> None:
        """Raises Problem: 421 for another host, 403 for a web page that is not on the list."""
        if request.headers.get(b"host", b"").lower() not in self.hosts:
            raise Problem(421, "This host name is not served here.")
        origin = request.headers.get(b"origin")
        if origin is not None and origin not in self.origins:
            raise Problem(403, "Requests from this origin are not accepted.")


def doors(issuer: str, listen: str, allowed_origins: tuple[str, ...] = ()) -> Doors:
    """The names of a gateway: its issuer's host, with and without a default port, and where it
    listens.
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
        frozenset(origin.encode() for origin in allowed_origins),
    )


def application(routes: Routes, entry: Doors) -> ASGI:
    """An ASGI 3 application that serves exactly these routes."""

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return
        try:
            response = await _dispatch(routes, entry, scope, receive, send)
        except Problem as problem:
            response = problem.response()
        except Exception:  # noqa: BLE001  told to the log, and as a number to the caller
            number = incident()
            response = Problem(500, f"Internal error {number}").response()
        if response is not None:
            await reply(send, response)

    return app


async def alive(_request: Request) -> Response:
    """Answers a liveness probe: the process serves. It says nothing about anything else."""
    return Response(200)


def incident() -> str:
    """Logs the exception being handled under a number, which is all that the caller gets."""
    number = f"i-{secrets.token_hex(8)}"
    _log.exception("internal error %s", number)
    return number


async def reply(send: Send, response: Response) -> None:
    """Sends a whole response."""
    headers = [*response.headers, (b"content-length", b"%d" % len(response.body))]
    await send({"type": "http.response.start", "status": response.status, "headers": headers})
    await send({"type": "http.response.body", "body": response.body})


async def read_body(request: Request, limit: int) -> bytes:
    """The request's body, at most `limit` bytes of it.

    How long a body may take is the server's to say: see `safeconduct.entrypoints.server`.

    Raises:
        Problem: 413 for more, 415 for an encoded body, 400 when the client went away half-way.
    """
    if b"content-encoding" in request.headers:
        raise Problem(415, "An encoded body is not accepted.")
    # The HTTP parser has refused lengths that are not plain digits.
    if int(request.headers.get(b"content-length", b"0")) > limit:
        raise Problem(413, f"The body is longer than {limit} bytes.")
    body = b""
    more = True
    while more:
        event = await request.receive()
        if event["type"] == "http.disconnect":
            raise Problem(400, "The body ended before it was complete.")
        body += event.get("body", b"")
        if len(body) > limit:
            raise Problem(413, f"The body is longer than {limit} bytes.")
        more = event.get("more_body", False)
    return body


def require_type(request: Request, media_type: bytes) -> None:
    """Raises Problem: 415 for a body that is not of the media type, in UTF-8."""
    given = request.headers.get(b"content-type", b"")
    if given == media_type:
        return
    essence, _, parameters = given.lower().partition(b";")
    charset = parameters.strip().replace(b'"', b"")
    if essence.strip() != media_type or charset not in {b"", b"charset=utf-8"}:
        raise Problem(415, f"The body must be {media_type.decode()} in UTF-8.")


async def _dispatch(
    routes: Routes, entry: Doors, scope: Scope, receive: Receive, send: Send
) -> Response | None:
    fields: list[tuple[bytes, bytes]] = scope["headers"]
    # The path as it was sent: a second spelling of a path would be a second name for a thing.
    path = scope["raw_path"].decode("ascii")
    prefix, _, last = path.rpartition("/")
    methods, tail = (routes.get(path) if last else None), ""
    if methods is None and last:
        methods, tail = routes.get(f"{prefix}/"), last
    request = Request(
        method=scope["method"],
        path=path,
        tail=tail,
        headers=dict(fields),
        fields=fields,
        receive=receive,
        send=send,
    )
    if len(request.headers) != len(fields):
        for name in _ONCE:
            if request.repeats(name):
                raise Problem(400, f"The header {name.decode()} may be sent once.")
    entry.check(request)
    if methods is None:
        raise Problem(404, "There is nothing here.")
    handler = methods.get(request.method)
    if handler is None:
        allow = ", ".join(sorted(methods)).encode()
        raise Problem(405, "This method is not allowed here.", headers=((b"allow", allow),))
    return await handler(request)
