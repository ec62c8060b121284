"""The security token service over HTTP: its endpoints, and the documents that describe it."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Final
from urllib.parse import parse_qsl

import orjson

from safeconduct.config.schema import GatewayBlock
from safeconduct.entrypoints import metadata
from safeconduct.entrypoints.http import JSON_TYPE, Problem, Request, Response, Route, Routes
from safeconduct.entrypoints.metadata import (
    INTROSPECTION_PATH,
    JWKS_PATH,
    RESOURCE_METADATA_PATH,
    REVOCATION_PATH,
    SERVER_METADATA_PATH,
    TOKEN_PATH,
)
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.ports import JSON, Caller, TokenRefused, TokenService, TokenStatus

FORM_BYTES: Final = 64 * 1024

_MAX_FIELDS: Final = 32
_HEADERS: Final = {
    "content-type": "application/json",
    "cache-control": "no-store",
    "pragma": "no-cache",
}
_UPSTREAM: Final = re.compile(r"[a-z0-9-]{1,64}")

Answer = tuple[int, dict[str, str], JSON]
_Ask = Callable[[Mapping[str, str], Caller], Awaitable[JSON | None]]


class TokenEndpoints:
    """All that the token service answers over HTTP."""

    def __init__(
        self,
        gateway: GatewayBlock,
        service: TokenService,
        status: TokenStatus,
        keys: Callable[[], JSON],
        refusals: Refusals,
        *,
        id_jag: bool,
        login: bool = False,
    ) -> None:
        self._gateway = gateway
        self._service = service
        self._status = status
        self._keys = keys
        self._refusals = refusals
        self._id_jag = id_jag
        self._login = login

    def routes(self) -> Routes:
        """This room's part of the routing table."""
        server = metadata.server_metadata(self._gateway, id_jag=self._id_jag, login=self._login)
        resource = metadata.resource_metadata(self._gateway)
        return {
            TOKEN_PATH: {"POST": Route(self._token, FORM_BYTES)},
            INTROSPECTION_PATH: {"POST": Route(self._introspection, FORM_BYTES)},
            REVOCATION_PATH: {"POST": Route(self._revocation, FORM_BYTES)},
            JWKS_PATH: {"GET": Route(self._jwks)},
            SERVER_METADATA_PATH: {"GET": document(server)},
            RESOURCE_METADATA_PATH: {"GET": document(resource)},
            f"{RESOURCE_METADATA_PATH}/": {"GET": Route(self._upstream)},
        }

    async def _token(self, request: Request) -> Response:
        caller = self._caller(request, TOKEN_PATH)
        try:
            form = parse_form(request.body)
        except TokenRefused as refused:
            return _response(refusal(refused))
        return _response(await token_endpoint(self._service, form, caller, self._refusals))

    async def _jwks(self, request: Request) -> Response:
        del request
        return Response(200, orjson.dumps(self._keys()), (JSON_TYPE,))

    async def _introspection(self, request: Request) -> Response:
        return await self._status_of(request, INTROSPECTION_PATH, self._status.introspect)

    async def _revocation(self, request: Request) -> Response:
        return await self._status_of(request, REVOCATION_PATH, self._status.revoke)

    async def _status_of(self, request: Request, path: str, ask: _Ask) -> Response:
        form: Mapping[str, str] = {}
        try:
            form = parse_form(request.body)
            told = await ask(form, self._caller(request, path))
        except TokenRefused as refused:
            client, token = form.get("client_assertion"), form.get("token")
            self._refusals.note(path, refused.sentence, refused.why, client=client, token=token)
            return _response(refusal(refused))
        return _response((200, dict(_HEADERS), told or {}))

    def _caller(self, request: Request, path: str) -> Caller:
        return Caller(
            http_method="POST",
            url=self._gateway.issuer + path,
            authorization=None,
            dpop=tuple(value.decode("latin-1") for value in request.every(b"dpop")),
            body=request.body,
            certificate=request.certificate,
        )

    async def _upstream(self, request: Request) -> Response:
        # Any name will do: which upstreams there are is told to who has a task.
        if _UPSTREAM.fullmatch(request.tail) is None:
            raise Problem(404, "There is nothing here.")
        told = metadata.resource_metadata(self._gateway, request.tail)
        return Response(200, orjson.dumps(told), (JSON_TYPE,))


def parse_form(body: bytes) -> dict[str, str]:
    """Read an `application/x-www-form-urlencoded` body; a parameter twice is refused (RFC 6749
    section 3.2), and so is text that is not UTF-8.

    Raises TokenRefused.
    """
    if len(body) > FORM_BYTES:
        raise TokenRefused("invalid_request", "The form is too long.")
    try:
        pairs = parse_qsl(
            body.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        raise TokenRefused("invalid_request", "The body is not a form.") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise TokenRefused("invalid_request", "A parameter is given twice.")
    return form


async def token_endpoint(
    exchange: TokenService, form: Mapping[str, str], caller: Caller, refusals: Refusals
) -> Answer:
    """Answer a token request (RFC 6749 sections 5.1 and 5.2)."""
    try:
        return 200, dict(_HEADERS), await exchange.exchange(form, caller)
    except TokenRefused as refused:
        actor = form.get("actor_token") or form.get("client_assertion")
        subject = form.get("subject_token") or form.get("assertion")
        refusals.note(TOKEN_PATH, refused.sentence, refused.why, actor=actor, subject=subject)
        return refusal(refused)


def refusal(refused: TokenRefused) -> Answer:
    """The error response, also for a form that could not be read."""
    told = {"error": refused.error, "error_description": refused.sentence, **refused.told}
    headers = dict(_HEADERS)
    if refused.nonce is not None:
        headers["dpop-nonce"] = refused.nonce
    return refused.status, headers, told


def document(value: JSON) -> Route:
    """Serves one JSON document."""
    body = orjson.dumps(value)

    async def get(request: Request) -> Response:
        del request
        return Response(200, body, (JSON_TYPE,))

    return Route(get)


def _response(answer: Answer) -> Response:
    status, headers, body = answer
    sent = tuple((name.encode(), value.encode()) for name, value in headers.items())
    return Response(status, orjson.dumps(body), sent)
