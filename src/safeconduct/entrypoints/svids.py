"""Where workloads ask for their SVIDs: evidence comes in as JSON, with a proof of their key."""

from __future__ import annotations

from typing import Final, Protocol

import orjson

from safeconduct.entrypoints import oauth
from safeconduct.entrypoints.http import JSON_TYPE, Request, Response, Route, require_type
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.kit import strictjson
from safeconduct.ports import JSON, Caller, TokenRefused

SVID_PATH: Final = "/identity/svid"
NONCE_PATH: Final = "/identity/nonce"
MAX_BYTES: Final = 128 * 1024

_MAX_DEPTH: Final = 8
_NEVER_KEPT: Final = ((b"cache-control", b"no-store"), JSON_TYPE)


class SvidService(Protocol):
    """Issues SVIDs."""

    async def issue(self, asked: object, caller: Caller) -> JSON:
        """SVIDs for the caller's key. Raises TokenRefused."""
        ...

    def nonce(self) -> str:
        """A value for evidence that has to be fresh."""
        ...


def routes(service: SvidService, issuer: str, refusals: Refusals) -> dict[str, dict[str, Route]]:
    """The routes of a gateway with this URL."""

    async def svid(request: Request) -> Response:
        require_type(request, b"application/json")
        proofs = tuple(value.decode("latin-1") for value in request.every(b"dpop"))
        caller = Caller(
            http_method="POST",
            url=issuer + SVID_PATH,
            authorization=None,
            dpop=proofs,
            body=request.body,
        )
        asked: object = None
        try:
            asked = _read(request.body)
            return _whole(200, await service.issue(asked, caller))
        except TokenRefused as refused:
            refusals.note(SVID_PATH, refused.sentence, refused.why, evidence=_token(asked))
            status, headers, body = oauth.refusal(refused)
            sent = tuple((name.encode(), value.encode()) for name, value in headers.items())
            return Response(status, orjson.dumps(body), sent)

    async def nonce(request: Request) -> Response:
        del request
        return _whole(200, {"nonce": service.nonce()})

    return {
        SVID_PATH: {"POST": Route(svid, MAX_BYTES)},
        NONCE_PATH: {"GET": Route(nonce)},
    }


def _read(body: bytes) -> object:
    try:
        return strictjson.loads(body, max_depth=_MAX_DEPTH, max_bytes=MAX_BYTES)
    except strictjson.StrictJSONError as error:
        raise TokenRefused("invalid_request", f"The body is {error}.") from None


def _token(asked: object) -> str | None:
    """The evidence, if it is a token."""
    match asked:
        case {"evidence": str(token)}:
            return token
        case _:
            return None


def _whole(status: int, body: JSON) -> Response:
    return Response(status, orjson.dumps(body), _NEVER_KEPT)
