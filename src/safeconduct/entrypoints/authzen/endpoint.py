"""The endpoints of the Authorization API over HTTP, and the document that describes them.

Whoever asks proves that they are one of the configured enforcement points: by a certificate, or by
a JWT-SVID in `Authorization: Bearer`, which is good for one request. A refusal is an answer with
`decision: false` and status 200; other statuses say that there was no answer.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

import orjson

from safeconduct.entrypoints import oauth
from safeconduct.entrypoints.authzen import answers, shape
from safeconduct.entrypoints.authzen.messages import Messages, about_message
from safeconduct.entrypoints.authzen.objects import Objects
from safeconduct.entrypoints.authzen.requests import AccessRequests
from safeconduct.entrypoints.authzen.shape import Evaluation, Search
from safeconduct.entrypoints.http import (
    Fields,
    Problem,
    Request,
    Response,
    Route,
    Routes,
    incident,
)
from safeconduct.entrypoints.refusals import Refusals
from safeconduct.ports import (
    JSON,
    Caller,
    Enforcers,
    LedgerFault,
    NotRecorded,
    RecordTooLarge,
    TokenRefused,
)

EVALUATION: Final = "/access/v1/evaluation"
EVALUATIONS: Final = "/access/v1/evaluations"
SEARCH: Final = "/access/v1/search"
REQUESTS: Final = "/access/v1/requests"
CONFIGURATION: Final = "/.well-known/authzen-configuration"

_CAPABILITY: Final = "urn:openid:authzen:capability:access-request"
_BEARER: Final = re.compile(r"[Bb]earer ([A-Za-z0-9._-]+)")
_PLAIN: Final = re.compile(rb"[\x20-\x7e]{1,256}")
_NOT_KEPT: Final = (
    (b"content-type", b"application/json"),
    (b"cache-control", b"no-store"),
)
_STOPS: Final = {"execute_all": None, "deny_on_first_deny": False, "permit_on_first_permit": True}
"""The decision after which no more are made, by what was asked for."""

_Answer = Callable[[str, Request], Awaitable[Response]]


class Decisions:
    """What is answered, to whom."""

    def __init__(
        self,
        issuer: str,
        enforcers: Enforcers,
        refusals: Refusals,
        *,
        messages: Messages | None,
        objects: Objects | None,
        requests: AccessRequests | None,
        obligations: bool,
    ) -> None:
        self._issuer = issuer
        self._enforcers = enforcers
        self._refusals = refusals
        self._messages = messages
        self._objects = objects
        self._requests = requests
        self._obligations = obligations

    def routes(self) -> Routes:
        """This room's part of the routing table."""
        routes: dict[str, dict[str, Route]] = {
            EVALUATION: self._posted(EVALUATION, self._evaluation),
            EVALUATIONS: self._posted(EVALUATIONS, self._evaluations),
            CONFIGURATION: {"GET": oauth.document(self.configuration())},
        }
        if self._objects is not None:
            for name, asked in _SEARCHES.items():
                path = f"{SEARCH}/{name}"
                routes[path] = self._posted(path, self._search(self._objects, asked))
        if self._requests is not None:
            requests = self._requests

            async def submit(client: str, request: Request) -> Response:
                body = shape.read(request.body)
                return await requests.submit(client, _once(request, b"idempotency-key"), body)

            async def status(client: str, request: Request) -> Response:
                return requests.status(client, request.tail)

            routes[REQUESTS] = self._posted(REQUESTS, submit)
            routes[f"{REQUESTS}/"] = {"GET": Route(self._guarded(f"{REQUESTS}/", status))}
        return routes

    def configuration(self) -> JSON:
        """The metadata of the decision point (section 9)."""
        told: JSON = {
            "policy_decision_point": self._issuer,
            "access_evaluation_endpoint": self._issuer + EVALUATION,
            "access_evaluations_endpoint": self._issuer + EVALUATIONS,
        }
        if self._objects is not None:
            told |= {
                f"search_{name}_endpoint": f"{self._issuer}{SEARCH}/{name}" for name in _SEARCHES
            }
        if self._requests is not None:
            told["access_request_endpoint"] = self._issuer + REQUESTS
            told["capabilities"] = [_CAPABILITY]
        if self._obligations:
            told["supported_obligations"] = list(answers.OBLIGATIONS)
        return told

    def _posted(self, path: str, answer: _Answer) -> dict[str, Route]:
        async def typed(client: str, request: Request) -> Response:
            given = request.headers.get(b"content-type", b"").partition(b";")[0]
            if given.strip().lower() != b"application/json":
                raise Problem(400, "The body must be application/json.")
            return await answer(client, request)

        return {"POST": Route(self._guarded(path, typed), shape.MAX_BYTES, _claims)}

    def _guarded(self, path: str, answer: _Answer) -> Callable[[Request], Awaitable[Response]]:
        """Answers those who may ask; each answer names the request that it is for."""

        async def guarded(request: Request) -> Response:
            echoed: Fields = ()
            try:
                echoed = _echoed(request)
                client = await self._client(request, path + request.tail)
                response = await answer(client, request)
            except (NotRecorded, LedgerFault, RecordTooLarge):
                response = Problem(500, f"Nothing can be recorded: {incident()}").response()
            except Problem as problem:
                response = problem.response()
            return Response(response.status, response.body, (*response.headers, *echoed))

        return guarded

    async def _client(self, request: Request, path: str) -> str:
        """Who asks. Raises Problem."""
        svid = _svid(request)
        caller = Caller(
            http_method=request.method,
            url=self._issuer + path,
            authorization=None,
            dpop=tuple(value.decode("latin-1") for value in request.every(b"dpop")),
            body=request.body,
            certificate=request.certificate,
        )
        try:
            return await self._enforcers.enforcer(svid, caller)
        except TokenRefused as refused:
            self._refusals.note(path, refused.sentence, refused.why, client=svid)
            headers: Fields = (_CHALLENGE,) if refused.status == 401 else ()
            if refused.nonce is not None:
                headers += ((b"dpop-nonce", refused.nonce.encode()),)
            raise Problem(refused.status, refused.sentence, headers=headers) from None

    async def _evaluation(self, client: str, request: Request) -> Response:
        asked = shape.convert(shape.read(request.body), Evaluation)
        (told,) = await self._decided((asked,), client)
        return _whole(told)

    async def _evaluations(self, client: str, request: Request) -> Response:
        several = shape.batch(shape.read(request.body))
        if several is None:
            return await self._evaluation(client, request)
        stop = _STOPS[several.semantic]
        return _whole({"evaluations": await self._decided(several.asked, client, stop=stop)})

    async def _decided(
        self, asked: Sequence[Evaluation | str], client: str, *, stop: bool | None = None
    ) -> list[JSON]:
        """The decisions, up to one that is `stop`, all of them on record."""
        told: list[JSON] = []
        records: list[JSON] = []
        for one in asked:
            answer, record = await self._answered(one, client)
            told.append(answer)
            if record is not None:
                records.append(record)
            if answer["decision"] is stop:
                break
        if self._objects is not None:
            await self._objects.durably(records)
        return told

    async def _answered(self, asked: Evaluation | str, client: str) -> tuple[JSON, JSON | None]:
        """One decision, and its record where that is not written yet. A message of MCP is never
        decided by other rules.
        """
        if isinstance(asked, str):
            return answers.unfit(asked), None
        if self._messages is not None and about_message(asked):
            return await self._messages.evaluate(asked, client), None
        if self._objects is None:
            return answers.unfit("Decisions are made about messages of MCP alone."), None
        return await self._objects.evaluate(asked, client)

    def _search(self, objects: Objects, asked: type[Search]) -> _Answer:
        async def search(client: str, request: Request) -> Response:
            wanted = shape.convert(shape.read(request.body), asked)
            return _whole(await objects.search(wanted, client))

        return search


_SEARCHES: Final[dict[str, type[Search]]] = {
    "subject": shape.SubjectSearch,
    "resource": shape.ResourceSearch,
    "action": shape.ActionSearch,
}
_CHALLENGE: Final = (b"www-authenticate", b'Bearer realm="authzen"')


def _claims(request: Request) -> None:
    """Raises Problem: who proves nothing has no body read."""
    if request.certificate is None and b"authorization" not in request.headers:
        headers = (_CHALLENGE, *_echoed(request))
        raise Problem(401, "The client is not authenticated.", headers=headers)


def _svid(request: Request) -> str | None:
    """The JWT-SVID, if one is shown. Raises Problem."""
    given = request.headers.get(b"authorization")
    if given is None:
        return None
    found = _BEARER.fullmatch(given.decode("latin-1"))
    if found is None:
        raise Problem(401, "The client is not authenticated.", headers=(_CHALLENGE,))
    return found[1]


def _once(request: Request, name: bytes) -> str | None:
    """A header that names something, if it was sent. Raises Problem."""
    value = request.headers.get(name)
    if value is None:
        return None
    if request.repeats(name) or _PLAIN.fullmatch(value) is None:
        raise Problem(400, f"{name.decode()} must be one short text of ASCII.")
    return value.decode()


def _echoed(request: Request) -> Fields:
    """The name of the request, as it comes back with the answer. Raises Problem."""
    identifier = _once(request, b"x-request-id")
    return () if identifier is None else ((b"x-request-id", identifier.encode()),)


def _whole(value: JSON) -> Response:
    return Response(200, orjson.dumps(value), _NOT_KEPT)
