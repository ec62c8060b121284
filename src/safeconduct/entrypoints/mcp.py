"""MCP over Streamable HTTP, revisions 2026-07-28 (stateless) and 2025-11-25 (with a handshake).

`/mcp` offers every upstream, `/mcp/<upstream>` one of them. Nothing is kept between two requests:
each carries its own token and proof, and no session id is handed out. A client that goes away ends
its call, in either revision: nobody else could receive the answer.
"""

from __future__ import annotations

import functools
import re
from typing import Final, NamedTuple

import msgspec

from safeconduct.core import naming
from safeconduct.core.calls import COMPLETE, HANDSHAKE, MODERN, Kind, kind_of
from safeconduct.entrypoints import answers, greeting, params, wire
from safeconduct.entrypoints.envelope import revision, speaks_modern
from safeconduct.entrypoints.http import (
    Problem,
    Request,
    Response,
    Route,
    Routes,
    incident,
    require_type,
)
from safeconduct.entrypoints.running import Cancelled, Key, Running
from safeconduct.entrypoints.stream import Stream
from safeconduct.entrypoints.wire import Id, Message, Rejected
from safeconduct.gateway import Gateway
from safeconduct.ports import JSON, Caller, Delivered, Listener, NotRecorded, Unauthenticated

METADATA_PATH: Final = "/.well-known/oauth-protected-resource/mcp"
"""Where clients learn which authorization server to ask (RFC 9728)."""

_LISTS: Final = {
    "tools/list": "tools",
    "resources/list": "resources",
    "resources/templates/list": "resourceTemplates",
    "prompts/list": "prompts",
}

_UPSTREAM: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    """A request that is well-formed and in the table."""

    message: Message
    id: Id
    kind: Kind
    modern: bool
    caller: Caller
    upstream: str | None


class McpEndpoint:
    """Answers the POST requests of `/mcp` and `/mcp/<upstream>`.

    `issuer` is the gateway's own URL without a trailing slash; `max_body_bytes` bounds a request.
    """

    def __init__(
        self,
        gateway: Gateway,
        *,
        issuer: str,
        max_body_bytes: int,
    ) -> None:
        self._gateway = gateway
        self._issuer = issuer
        self._max_body_bytes = max_body_bytes
        self._metadata = issuer + METADATA_PATH
        self._running = Running()

    def routes(self) -> Routes:
        """This endpoint's part of the routing table. GET and DELETE are for sessions."""
        post = {"POST": Route(self.post, self._max_body_bytes, self._check)}
        return {"/mcp": post, "/mcp/": post}

    def _check(self, request: Request) -> None:
        """Looks at the head of a message. Raises Problem."""
        if request.tail and _UPSTREAM.fullmatch(request.tail) is None:
            raise Problem(404, "There is nothing here.")
        if b"authorization" not in request.headers:
            # Who shows no token does not get as far as the parser.
            raise self._unauthenticated(None, "A task token is needed.")
        require_type(request, b"application/json")
        if not _accepted(request).json:
            raise Problem(406, "The answer is application/json.")

    async def post(self, request: Request) -> Response | None:
        """Answers one message."""
        caller = Caller(
            http_method="POST",
            url=self._issuer + request.path,
            authorization=request.headers[b"authorization"].decode("latin-1"),
            dpop=tuple(value.decode("latin-1") for value in request.every(b"dpop")),
        )
        modern = speaks_modern(request)
        try:
            message = wire.parse(request.body, self._max_body_bytes)
            modern = revision(request, message) == MODERN
            kind = _row(message, modern=modern)
            if message.id is None:
                return await self._notified(request, caller, message)
            asked = _Asked(
                message=message,
                id=message.id,
                kind=kind,
                modern=modern,
                caller=caller,
                upstream=request.tail or None,
            )
            if kind.page:
                return await self._through_the_page(request, asked)
            value = answers.shaped(
                await self._own_answer(asked), modern=modern, cacheable=kind.cacheable
            )
            return wire.result(message.id, value)
        except Rejected as rejected:
            return rejected.response(modern=modern)
        except Unauthenticated as fault:
            raise self._unauthenticated(fault.error, fault.sentence) from None

    async def _notified(self, request: Request, caller: Caller, message: Message) -> Response:
        await self._gateway.authenticate(caller)
        if message.method == "notifications/cancelled":
            number = params.request_id(message)
            if number is not None:
                self._running.cancel(_key(caller, request, number))
        return Response(202)

    async def _own_answer(self, asked: _Asked) -> JSON:
        """The result of a request that reaches no upstream."""
        method = asked.message.method
        if method in _LISTS:
            params.require_no_cursor(asked.message)
            listed = await self._gateway.visible(asked.caller, method, asked.upstream)
            return {_LISTS[method]: listed}
        await self._gateway.authenticate(asked.caller)
        match method:
            case "initialize":
                return greeting.initialized(asked.message)
            case "server/discover":
                return greeting.discovered()
            case "ping":
                return {}
            case _:
                raise Rejected(wire.METHOD_NOT_FOUND, "Method not found", request_id=asked.id)

    async def _through_the_page(self, request: Request, asked: _Asked) -> Response | None:
        message = asked.message
        token, log_level = params.progress_token(message), params.log_level(message)
        if message.method == COMPLETE:
            name, given = params.completed(message)
        else:
            name, given = params.called(message, asked.kind)
        if (token is None and log_level is None) or not _accepted(request).events:
            return await self._called(request, asked, name, given, None)
        stream = Stream(request, token=token, log_level=log_level)
        return await stream.finish(await self._called(request, asked, name, given, stream))

    async def _called(
        self, request: Request, asked: _Asked, name: str, given: JSON, listener: Listener | None
    ) -> Response:
        method = asked.message.method
        try:
            answer = await self._running.run(
                _key(asked.caller, request, asked.id),
                request,
                self._gateway.call(asked.caller, method, asked.upstream, name, given, listener),
            )
            if isinstance(answer, Delivered):
                value = _on_the_wire(asked, name, answer.result)
                value = answers.shaped(value, modern=asked.modern, cacheable=asked.kind.cacheable)
                return wire.result(asked.id, value)
            return answers.refused(
                asked.id, method, answer, modern=asked.modern, resource=self._metadata
            )
        except Unauthenticated:
            raise
        except Cancelled:
            return wire.error(asked.id, wire.CANCELLED, "Request cancelled")
        except NotRecorded as fault:
            return _internal(asked.id, fault.incident)
        except Exception:  # noqa: BLE001  whatever it is, the agent gets a number and no result
            return _internal(asked.id, incident())

    def _unauthenticated(self, fault: str | None, sentence: str) -> Problem:
        challenge = answers.token_challenge(fault, self._metadata)
        return Problem(
            401, sentence, reason="token-invalid", headers=((b"www-authenticate", challenge),)
        )


def _row(message: Message, *, modern: bool) -> Kind:
    """The message's row in the table of calls. Raises Rejected."""
    kind = kind_of("from-client", message.method)
    if kind is None or (MODERN if modern else HANDSHAKE) not in kind.revisions:
        raise Rejected(wire.METHOD_NOT_FOUND, "Method not found", request_id=message.id)
    if kind.notification != (message.id is None):
        raise Rejected(
            wire.INVALID_REQUEST,
            "A request has an id, a notification has none.",
            request_id=message.id,
        )
    return kind


def _on_the_wire(asked: _Asked, name: str, result: JSON) -> JSON:
    """A result with the names that the endpoint has for what is in it."""
    if asked.upstream is not None:
        return result
    located = naming.unwrapped(name) if asked.kind.names == "uri" else naming.split(name)
    return result if located is None else naming.with_wrapped_uris(located[0], result)


def _key(caller: Caller, request: Request, number: Id) -> Key:
    return Key(caller.authorization or "", request.path, number)


def _internal(request_id: Id, number: str) -> Response:
    return wire.error(
        request_id,
        wire.INTERNAL_ERROR,
        f"Internal error {number}",
        {"incident": number},
        status=500,
    )


class _Accepted(NamedTuple):
    """Which of the two forms of an answer a client takes."""

    json: bool
    events: bool


def _accepted(request: Request) -> _Accepted:
    return _media_types(b",".join(request.every(b"accept")) or b"*/*")


@functools.lru_cache(maxsize=64)
def _media_types(accept: bytes) -> _Accepted:
    ranges = {part.partition(b";")[0].strip().lower() for part in accept.split(b",")}
    return _Accepted(
        json=not ranges.isdisjoint({b"*/*", b"application/*", b"application/json"}),
        events=not ranges.isdisjoint({b"*/*", b"text/*", b"text/event-stream"}),
    )
