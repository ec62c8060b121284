"""MCP over Streamable HTTP, revisions 2026-07-28 (stateless) and 2025-11-25 (with a handshake).

`/mcp` offers every upstream, `/mcp/<upstream>` one of them. Every request carries its own token and
proof; a session, which the older revision has, adds no authority to them. A client that goes away
ends its call, unless it is in a session where it may come back for the answer.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Callable
from typing import Final, NamedTuple, cast

import msgspec

from safeconduct.core.asks import capabilities
from safeconduct.core.calls import CANCELLED, HANDSHAKE, LISTEN, MODERN, Kind, kind_of
from safeconduct.entrypoints import answers, greeting, params, rounds, wire
from safeconduct.entrypoints.calling import Asked, Calling
from safeconduct.entrypoints.envelope import revision, speaks_modern
from safeconduct.entrypoints.http import Problem, Request, Response, Route, Routes, require_type
from safeconduct.entrypoints.listening import Listening
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.entrypoints.running import Key, Running
from safeconduct.entrypoints.sessions import HEADER, Session, Sessions
from safeconduct.entrypoints.stream import streamed
from safeconduct.entrypoints.tracing import traced
from safeconduct.entrypoints.watch import Watch
from safeconduct.entrypoints.wire import Message, Rejected, Reply
from safeconduct.gateway import Gateway
from safeconduct.ports import JSON, Bearer, Caller, Unauthenticated
from safeconduct.subscriptions import Subscriptions

METADATA_PATH: Final = "/.well-known/oauth-protected-resource/mcp"
"""Where clients learn which authorization server to ask (RFC 9728)."""

_LASTING: Final = frozenset({"initialize", LISTEN, "resources/subscribe"})
"""What begins something that outlives the request."""

_UPSTREAM: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,62}[a-z0-9])?")


class McpEndpoint:
    """Answers the requests of `/mcp` and `/mcp/<upstream>`.

    `issuer` is the gateway's own URL without a trailing slash; `max_body_bytes` bounds a request.
    `page` is where the user who delegated a task answers a question, if it is for them to answer.
    """

    def __init__(
        self,
        gateway: Gateway,
        subscriptions: Subscriptions,
        *,
        issuer: str,
        max_body_bytes: int,
        clock_ms: Callable[[], int],
        refusals: Refusals,
        page: Callable[[str], str | None] = lambda _: None,
    ) -> None:
        self._gateway = gateway
        self._refusals = refusals
        self._issuer = issuer
        self._max_body_bytes = max_body_bytes
        self._metadata = issuer + METADATA_PATH
        self._running = Running()
        watch = Watch(gateway.over)
        self._sessions = Sessions(watch.over)
        self._listening = Listening(subscriptions, watch)
        self._calling = Calling(
            gateway,
            running=self._running,
            sessions=self._sessions,
            watch=watch,
            clock_ms=clock_ms,
            metadata=self._metadata,
            page=page,
        )

    def visited(self, page: str) -> None:
        """Tells the clients whose users were sent to a page, by the id, that it is done with."""
        self._sessions.visited(page)

    async def close(self) -> None:
        """Ends what outlives a request; the outcomes of calls are on record then."""
        self._sessions.close()
        await self._calling.close()

    def routes(self) -> Routes:
        """This endpoint's part of the routing table. GET and DELETE are for sessions."""
        methods = {
            "POST": Route(self.post, self._max_body_bytes, self._check_post),
            "GET": Route(self.get, check=self._check_session),
            "DELETE": Route(self.delete, check=self._check_session),
        }
        return {"/mcp": methods, "/mcp/": methods}

    def _check_post(self, request: Request) -> None:
        """Looks at the head of a message. Raises Problem."""
        self._check(request)
        require_type(request, b"application/json")
        if not _accepted(request).json:
            raise Problem(406, "The answer is application/json.")

    def _check_session(self, request: Request) -> None:
        """Looks at the head of a request about a session. Raises Problem."""
        self._check(request)
        if HEADER not in request.headers or speaks_modern(request):
            allowed = ((b"allow", b"POST"),)
            raise Problem(405, "Without a session there is only POST.", headers=allowed)

    def _check(self, request: Request) -> None:
        if request.tail and _UPSTREAM.fullmatch(request.tail) is None:
            raise Problem(404, "There is nothing here.")
        if b"authorization" not in request.headers:
            # Nobody's body is not even read.
            raise self._unauthenticated(request, None)

    def _caller(self, request: Request) -> Caller:
        return Caller(
            http_method=request.method,
            url=self._issuer + request.path,
            authorization=request.headers[b"authorization"].decode("latin-1"),
            dpop=tuple(value.decode("latin-1") for value in request.every(b"dpop")),
            body=request.body,
            certificate=request.certificate,
        )

    async def get(self, request: Request) -> None:
        """Opens a session's stream, or takes one up again."""
        if not _accepted(request).events:
            raise Problem(406, "The answer is text/event-stream.")
        bearer, session = await self._in_session(request)
        await self._listening.follow(request, session, bearer)

    async def delete(self, request: Request) -> Response:
        """Ends a session."""
        _, session = await self._in_session(request)
        self._sessions.end(session)
        return Response(204)

    async def _in_session(self, request: Request) -> tuple[Bearer, Session]:
        try:
            bearer = await self._gateway.authenticate(self._caller(request))
        except Unauthenticated as fault:
            raise self._unauthenticated(request, fault) from None
        self._require_alive(request, bearer)
        return bearer, cast("Session", self._sessions.of(request, bearer))

    def _require_alive(self, request: Request, bearer: Bearer) -> None:
        """What lasts begins for nobody whose task is over. Raises Problem."""
        if self._gateway.over(bearer):
            over = Unauthenticated("invalid_token", "The task token is not valid here.")
            raise self._unauthenticated(request, over)

    async def post(self, request: Request) -> Response | None:
        """Answers one message. Who shows no good token does not get as far as the parser."""
        caller = self._caller(request)
        modern = speaks_modern(request)
        try:
            bearer = await self._gateway.authenticate(caller)
            message = wire.parse(request.body, self._max_body_bytes)
            if isinstance(message, Reply):
                return self._replied(request, bearer, message)
            modern = revision(request, message) == MODERN
            kind = _row(message, modern=modern)
            if message.id is None:
                return self._notified(request, caller, bearer, message)
            accepted = _accepted(request)
            asked = Asked(
                message=message,
                id=message.id,
                kind=kind,
                modern=modern,
                caller=caller,
                bearer=bearer,
                upstream=request.tail or None,
                path=request.path,
                events=accepted.events,
                streams=accepted.streams,
                trace=traced(request, message.meta),
            )
            if kind.page:
                return await self._calling.answer(request, asked)
            return await self._own_answer(request, asked)
        except Rejected as rejected:
            return rejected.response(modern=modern)
        except Unauthenticated as fault:
            raise self._unauthenticated(request, fault) from None

    def _replied(self, request: Request, bearer: Bearer, reply: Reply) -> Response:
        """Takes the reply to a request of ours: only a session has these."""
        session = None if speaks_modern(request) else self._sessions.of(request, bearer)
        if session is None:
            raise Rejected(wire.INVALID_REQUEST, "Nothing was asked of this client.")
        session.replied(reply)
        return Response(202)

    def _notified(
        self, request: Request, caller: Caller, bearer: Bearer, message: Message
    ) -> Response:
        if not speaks_modern(request):
            self._sessions.of(request, bearer)
        if message.method == CANCELLED:
            number = params.request_id(message)
            if number is not None:
                self._running.cancel(Key(caller.authorization or "", request.path, number))
        return Response(202)

    async def _own_answer(self, request: Request, asked: Asked) -> Response | None:
        """The answer to a request that is no call of an upstream."""
        method = asked.message.method
        if asked.kind.lists:
            params.require_no_cursor(asked.message)
        bearer = asked.bearer
        if method in _LASTING:
            self._require_alive(request, bearer)
        if method == LISTEN:
            await self._listening.listen(request, asked, bearer)
            return None
        if method == "initialize":
            return self._initialized(request, asked, bearer)
        session = None if asked.modern else self._sessions.of(request, bearer)
        match method:
            case "server/discover":
                value = greeting.discovered()
            case "ping":
                value = {}
            case "logging/setLevel" | "resources/subscribe" | "resources/unsubscribe":
                value = await self._remembered(asked, bearer, session)
            case _ if asked.kind.lists:
                listed = await self._gateway.visible(bearer, method, asked.upstream)
                value = {asked.kind.lists: listed}
            case _:
                raise Rejected(wire.METHOD_NOT_FOUND, "Method not found", request_id=asked.id)
        shaped = answers.shaped(value, modern=asked.modern, cacheable=asked.kind.cacheable)
        response = wire.result(asked.id, shaped)
        return streamed(response, session) if session and asked.streams else response

    def _initialized(self, request: Request, asked: Asked, bearer: Bearer) -> Response:
        told = greeting.initialized(asked.message)
        able = capabilities(asked.message.params["capabilities"])
        session = self._sessions.open(bearer, request.path, able)
        response = wire.result(asked.id, told)
        if session is None:
            return response
        named = (HEADER, session.id.encode())
        return msgspec.structs.replace(response, headers=(*response.headers, named))

    async def _remembered(self, asked: Asked, bearer: Bearer, session: Session | None) -> JSON:
        """What changes what a session holds. Raises Rejected."""
        message = asked.message
        level = params.level(message) if message.method == "logging/setLevel" else None
        uri = "" if level is not None else params.resource(message)
        if session is None:
            raise rounds.invalid(message, "This needs a session.")
        if level is not None:
            session.log_level = level
        elif message.method == "resources/unsubscribe":
            session.unsubscribe(uri)
        elif not await self._listening.subscribe(session, bearer, asked.upstream, uri):
            raise rounds.invalid(message, "This resource cannot be subscribed to.")
        return {}

    def _unauthenticated(self, request: Request, fault: Unauthenticated | None) -> Problem:
        where = f"{self._metadata}/{request.tail}" if request.tail else self._metadata
        challenge = answers.token_challenge(None if fault is None else fault.error, where)
        headers = [(b"www-authenticate", challenge)]
        if fault is not None:
            shown = request.headers[b"authorization"].decode("latin-1").partition(" ")[2]
            self._refusals.note(request.path, fault.sentence, fault.why, token=shown)
            if fault.nonce is not None:
                headers.append((b"dpop-nonce", fault.nonce.encode()))
        sentence = "A task token is needed." if fault is None else fault.sentence
        return Problem(401, sentence, reason="token-invalid", headers=tuple(headers))


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


class _Accepted(NamedTuple):
    """Which of the two forms of an answer a client takes; `streams`: it names events first."""

    json: bool
    events: bool
    streams: bool


def _accepted(request: Request) -> _Accepted:
    return _media_types(b",".join(request.every(b"accept")) or b"*/*")


@functools.lru_cache(maxsize=64)
def _media_types(accept: bytes) -> _Accepted:
    ranges = [part.partition(b";")[0].strip().lower() for part in accept.split(b",")]
    return _Accepted(
        json=not _JSON.isdisjoint(ranges),
        events=not _EVENTS.isdisjoint(ranges),
        streams=ranges[0] == b"text/event-stream",
    )


_JSON: Final = frozenset({b"*/*", b"application/*", b"application/json"})
_EVENTS: Final = frozenset({b"*/*", b"text/*", b"text/event-stream"})
