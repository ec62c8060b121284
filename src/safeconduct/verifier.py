"""For servers behind a gateway: who sends this request, and was it really the gateway?

A server whose upstream is configured with `credential: {kind: tool-token}` puts `ToolTokens` around
its ASGI application. Then each request carries a token of the gateway's, made for its very bytes
and good once, and the application learns which agent acts for which user in which task.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from pathlib import Path
from typing import Any, Final, cast

import msgspec

from safeconduct.entrypoints.metadata import JWKS_PATH
from safeconduct.identity.keys import SIGNING, WebKeys, published
from safeconduct.identity.replay import Full, Replays
from safeconduct.kit import jose
from safeconduct.kit.jwk import JoseError, KeySet
from safeconduct.secrets.tool_tokens import MAX_LIFE_S, TYPE, body_digest

MAX_BODY_BYTES: Final = 4 * 1024 * 1024
"""How long a request may be, unless told otherwise."""

MAX_USES: Final = 1_000_000
"""How many tokens are remembered as used; beyond that, requests are refused."""

KEPT_S: Final = 3600.0
"""How long the gateway's keys are believed when they cannot be fetched again."""

SCOPE_KEY: Final = "safeconduct.errand"
"""Where the errand stands in an ASGI scope."""

_log = logging.getLogger(__name__)

_Scope = MutableMapping[str, Any]
_Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
_Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
App = Callable[[_Scope, _Receive, _Send], Awaitable[None]]
"""An ASGI 3 application."""


class Refused(Exception):
    """A request without a good tool token. The message is for the server's own log: a caller who
    learns which check failed learns how to pass it.
    """


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """Who sends a request, and what for, as the gateway signed it.

    `service` is the identity of the tool, such as `crm.get_case`. `method` and `name` are those of
    the call that the request belongs to. `user`, `agent` and `task` are None where the gateway asks
    for itself, such as what tools there are.
    """

    service: str
    tenant: str
    method: str
    name: str
    scopes: frozenset[str]
    user: str | None
    agent: str | None
    task: str | None


class _Actor(msgspec.Struct, frozen=True):
    sub: str


class _Claims(jose.Claims, frozen=True, kw_only=True):
    iss: str
    jti: jose.Text
    client_id: str
    sub: str
    tenant: str
    method: str
    name: str
    htm: str
    bd: str
    act: _Actor | None = None
    txn: str | None = None
    scope: str = ""


class Verifier:
    """Verifies tool tokens for one audience, each of them once.

    What was used is remembered in this process alone: a server of several processes accepts a token
    once in each, and what was used before a restart is refused by its time.

    Args:
        issuer: the gateway's `issuer`, character by character.
        audience: the `audience` of the upstream's credential.
        ca: a file of PEM certificates to check the gateway's against instead of the system's.
        clock_ms: the time, in milliseconds since the epoch.
    """

    def __init__(
        self,
        issuer: str,
        audience: str,
        *,
        ca: Path | None = None,
        clock_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000,
    ) -> None:
        self._issuer = issuer
        self._audience = audience
        self._clock_ms = clock_ms
        url = issuer + JWKS_PATH
        self._keys = WebKeys(url, published(url, ca), _read, max_stale_s=KEPT_S)
        self._used = Replays(keep_ms=(MAX_LIFE_S + 10) * 1000, capacity=MAX_USES)
        self._latest_ms = self._since_ms = clock_ms()

    async def verify(self, authorization: str, http_method: str, body: bytes) -> Errand:
        """What a request is for. Its token is used up by this.

        Args:
            authorization: the value of the request's one Authorization header field.
            http_method: its method, in upper case.
            body: the whole body as it arrived.

        Raises:
            Refused: the token is none of the gateway's, is not for this very request, is too old,
                or was used before.
        """
        scheme, _, token = authorization.partition(" ")
        if scheme.lower() != "bearer":
            raise Refused("no bearer token")
        claims = await self._signed(token)
        if claims.iss != self._issuer or claims.audiences != (self._audience,):
            raise Refused("a token for another service")
        if claims.htm != http_method or claims.bd != body_digest(body):
            raise Refused("a token for another message")
        self._spend(claims)
        mine = claims.act is None
        return Errand(
            service=claims.client_id,
            tenant=claims.tenant,
            method=claims.method,
            name=claims.name,
            scopes=frozenset(claims.scope.split()),
            user=None if mine else claims.sub,
            agent=None if claims.act is None else claims.act.sub,
            task=claims.txn,
        )

    async def _signed(self, token: str) -> _Claims:
        try:
            keys = await self._keys.current(jose.peek(token)[0])
            signed = jose.verify(token, lambda _: keys, types=frozenset({TYPE}), shape=_Claims)
        except JoseError as error:
            raise Refused(str(error)) from None
        return signed.claims

    def _spend(self, claims: _Claims) -> None:
        # A clock that went ahead and back again must not make what is forgotten good once more.
        self._latest_ms = max(self._latest_ms, self._clock_ms())
        try:
            jose.check_times(claims, self._latest_ms)
        except JoseError as error:
            raise Refused(str(error)) from None
        issued_s = claims.iat or 0
        if claims.exp - issued_s > MAX_LIFE_S:
            raise Refused("a token that lasts too long")
        if issued_s * 1000 < self._since_ms:
            raise Refused("a token from before this process")
        try:
            first = self._used.spend(claims.jti, self._latest_ms)
        except Full:
            raise Refused("too many tokens at once") from None
        if not first:
            raise Refused("a token that was used before")


class ToolTokens:
    """ASGI middleware: lets through what a tool token was made for, and answers 401 to the rest.

    The application finds the errand by `errand`. Lifespan events pass, WebSockets do not.
    """

    def __init__(
        self, app: App, verifier: Verifier, *, max_body_bytes: int = MAX_BODY_BYTES
    ) -> None:
        self._app = app
        self._verifier = verifier
        self._max_body_bytes = max_body_bytes

    async def __call__(self, scope: _Scope, receive: _Receive, send: _Send) -> None:
        """Serves one connection."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        body = await _whole(receive, self._max_body_bytes)
        if body is None:
            await _answer(send, 413)
            return
        try:
            found = await self._verifier.verify(_authorization(scope), scope["method"], body)
        except Refused as refused:
            _log.warning("refused %s %s: %s", scope["method"], scope["path"], refused)
            await _answer(send, 401)
            return
        waiting = [{"type": "http.request", "body": body, "more_body": False}]

        async def again() -> MutableMapping[str, Any]:
            return cast("MutableMapping[str, Any]", waiting.pop()) if waiting else await receive()

        await self._app({**scope, SCOPE_KEY: found}, again, send)


def errand(source: object) -> Errand:
    """The errand of the request that is being served.

    Args:
        source: an ASGI scope, a request that has one (Starlette, FastAPI), or the `Context` that
            the MCP SDK gives to a tool.

    Raises:
        LookupError: the request did not come through `ToolTokens`.
    """
    context = getattr(source, "request_context", None)
    request = source if context is None else getattr(context, "request", None)
    scope: object = getattr(request, "scope", request)
    if isinstance(scope, Mapping):
        found = cast("Mapping[str, object]", scope).get(SCOPE_KEY)
        if isinstance(found, Errand):
            return found
    raise LookupError("this request did not come through safeconduct.verifier.ToolTokens")


def _read(data: bytes) -> KeySet:
    return KeySet.published(data, uses=SIGNING)


async def _whole(receive: _Receive, max_bytes: int) -> bytes | None:
    """The whole body; None for one that is too long, or that its sender has given up."""
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] != "http.request":
            return None
        body += event.get("body", b"")
        if len(body) > max_bytes:
            return None
        if not event.get("more_body", False):
            return bytes(body)


def _authorization(scope: _Scope) -> str:
    """The one Authorization field of a request. Raises Refused: there is none, or more."""
    given = [value for name, value in scope["headers"] if name.lower() == b"authorization"]
    if len(given) != 1:
        raise Refused("not one Authorization header field")
    return cast("bytes", given[0]).decode("latin-1")


async def _answer(send: _Send, status: int) -> None:
    """An answer without a body, that says no more than its status (RFC 6750 section 3)."""
    fields = [(b"content-length", b"0")]
    if status == 401:
        fields.append((b"www-authenticate", b'Bearer error="invalid_token"'))
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": b""})
