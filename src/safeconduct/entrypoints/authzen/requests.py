"""Requests for a person's yes (AuthZEN Access Request and Approval Profile, draft 1).

A call that has to be approved is asked about at once, at the desk of the gateway; this is how the
enforcement point follows what becomes of the question. A yes is good for exactly the call that was
asked about, once, whoever asks for a decision again, so nothing here permits anything.

What is kept is kept in memory, as the questions are: after a start the call is asked about anew.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, Final, Protocol

import msgspec
import orjson

from safeconduct.core.canonical import canonical, sha256
from safeconduct.core.model import ApprovalFacts
from safeconduct.entrypoints.authzen.answers import timestamp
from safeconduct.entrypoints.authzen.shape import Action, Entity, Evaluation, convert
from safeconduct.entrypoints.http import Fields, Problem, Response
from safeconduct.ports import JSON, Refused

MAX_KEPT: Final = 2_000
"""How many questions are kept; the oldest are forgotten."""

_BINDING: Final = ("agent", "task", "arguments", "server")
"""The members of `context` that a decision depends on."""

_URN: Final = "urn:openid:authzen:access-request:error:"


class Presented(msgspec.Struct, frozen=True):
    """The approval that a question is asked with again."""

    id: str


class Questions(Protocol):
    """What became of questions to people."""

    def question(self, approval: str) -> tuple[ApprovalFacts, bool] | None:
        """The question, and whether its answer was used up."""
        ...


class AccessProblem(Problem):
    """A refusal of the profile (section 9)."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(status, detail)
        self._code = code

    def response(self) -> Response:
        """The problem as a response, of the profile's own type."""
        plain = super().response()
        told = {**orjson.loads(plain.body), "type": _URN + self._code}
        return Response(plain.status, orjson.dumps(told), plain.headers)


class _Denial(msgspec.Struct, frozen=True, kw_only=True):
    evaluation_id: str
    expires_at: str


class _Submission(msgspec.Struct, frozen=True, kw_only=True):
    subject: Entity
    action: Action
    resource: Entity
    denial: _Denial
    context: dict[str, Any] = {}
    callback: msgspec.UnsetType | object = msgspec.UNSET
    items: msgspec.UnsetType | object = msgspec.UNSET


class _Kept(msgspec.Struct, kw_only=True):
    """A denial that a person may undo; `request` is what the enforcement point made of it."""

    client: str
    approval: str
    bound: str
    expires_ms: int
    request: str | None = None


class _Submitted(msgspec.Struct, frozen=True):
    """What was submitted under an `Idempotency-Key`."""

    digest: str
    kept: _Kept


class AccessRequests:
    """Which questions were asked for whom, and what became of them."""

    def __init__(
        self,
        questions: Questions,
        *,
        endpoint: str,
        stands: Callable[[str], int | None],
        page: Callable[[str], str | None],
        record: Callable[[JSON], Awaitable[object]],
        clock_ms: Callable[[], int],
        new_id: Callable[[str], str],
    ) -> None:
        """`stands` is until when a question can be answered, None when it can no more, and `page`
        where people answer it.
        """
        self._questions = questions
        self._endpoint = endpoint
        self._stands = stands
        self._page = page
        self._record = record
        self._clock_ms = clock_ms
        self._new_id = new_id
        self._denials: dict[str, _Kept] = {}
        self._requests: dict[str, _Kept] = {}
        self._keys: dict[tuple[str, str], _Submitted] = {}

    def told(
        self, client: str, asked: Evaluation, answer: Refused, presented: Presented | None
    ) -> JSON:
        """What a refusal says of a person who could undo it, and of an approval that did not."""
        found = None if answer.approval is None else self._questions.question(answer.approval)
        told: JSON = {}
        if presented is not None:
            told |= {"reason": self._useless(presented, found), "next_action": "none"}
        if answer.approval is None or found is None:
            return told
        facts, _ = found
        expires_ms = self._stands(answer.approval) or facts.requested_ms + facts.ttl_s * 1000
        kept = _Kept(
            client=client,
            approval=answer.approval,
            bound=_bound(asked),
            expires_ms=expires_ms,
        )
        _keep(self._denials, answer.decision, kept)
        told["access_request"] = {"endpoint": self._endpoint, "expires_at": timestamp(expires_ms)}
        if (page := self._page(answer.approval)) is not None:
            told["access_request"]["form_url"] = page
        if presented is not None:
            told["next_action"] = "request"
        return told

    def _useless(self, presented: Presented, asked_anew: tuple[ApprovalFacts, bool] | None) -> str:
        """Why an approval did not help (section 7)."""
        if asked_anew is None:
            return "policy_denied"
        found = self._questions.question(presented.id)
        if found is None or found[0].state != "granted":
            return "approval_unverifiable"
        facts, used = found
        return "approval_expired" if used or not facts.fresh(self._clock_ms()) else "out_of_scope"

    async def submit(self, client: str, key: str | None, body: JSON) -> Response:
        """The handle of a request. Raises Problem."""
        digest = sha256(canonical(body))
        before = None if key is None else self._keys.get((client, key))
        if before is not None and before.digest != digest:
            raise AccessProblem(409, "duplicate_request", "This key was used for something else.")
        kept = self._denied(client, convert(body, _Submission)) if before is None else before.kept
        if kept.request is None:
            # Before anybody waits: who submits the same meanwhile has the same request.
            kept.request = self._new_id("r")
            try:
                await self._record(
                    {
                        "kind": "client",
                        "phase": "access-request",
                        "client": client,
                        "at_ms": self._clock_ms(),
                        "approval": kept.approval,
                    }
                )
            except BaseException:
                kept.request = None
                raise
            _keep(self._requests, kept.request, kept)
        if key is not None:
            _keep(self._keys, (client, key), _Submitted(digest, kept))
        return self._handle(kept.request, kept, created=True)

    def status(self, client: str, request: str) -> Response:
        """What became of a request. Raises Problem."""
        kept = self._requests.get(request)
        if kept is None or kept.client != client:
            raise AccessProblem(404, "unknown_task", "There is no such request of yours.")
        return self._handle(request, kept, created=False)

    def _denied(self, client: str, asked: _Submission) -> _Kept:
        """The denial that is to be undone. Raises Problem."""
        if asked.callback is not msgspec.UNSET or asked.items is not msgspec.UNSET:
            raise Problem(400, "Neither `callback` nor `items` is understood here: poll, one each.")
        kept = self._denials.get(asked.denial.evaluation_id)
        again = Evaluation(
            subject=asked.subject,
            action=asked.action,
            resource=asked.resource,
            context=asked.context,
        )
        if (
            kept is None
            or kept.client != client
            or kept.bound != _bound(again)
            or asked.denial.expires_at != timestamp(kept.expires_ms)
        ):
            detail = "This is not what was denied to you."
            raise AccessProblem(400, "invalid_denial_binding", detail)
        if self._clock_ms() >= kept.expires_ms:
            raise AccessProblem(410, "expired_denial", "The question is too old: ask again.")
        return kept

    def _handle(self, request: str, kept: _Kept, *, created: bool) -> Response:
        place = f"{self._endpoint}/{request}"
        status, result = self._became(kept)
        told: JSON = {"task": {"id": request, "status": status, "status_endpoint": place}}
        if result is not None:
            told["result"] = result
        headers: Fields = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
        if created:
            headers += ((b"location", place.encode()),)
        return Response(202 if created else 200, orjson.dumps(told), headers)

    def _became(self, kept: _Kept) -> tuple[str, JSON | None]:
        """The status of a request (section 6), and the approval, if there is one."""
        found = self._questions.question(kept.approval)
        if found is None:
            return "failed", None
        facts, _ = found
        match facts.state:
            case "denied" | "narrowed":
                return "denied", None
            case "pending":
                return "expired" if self._stands(kept.approval) is None else "pending", None
            case "granted":
                until_ms = facts.granted_ms + facts.ttl_s * 1000
                approval = {
                    "id": facts.id,
                    "approved_at": timestamp(facts.granted_ms),
                    "approved_until": timestamp(until_ms),
                }
                return "approved", {"mode": "reevaluate", "approval": approval}


def _bound(asked: Evaluation) -> str:
    """The digest of what a denial was about: all of it would be much to keep."""
    value = msgspec.to_builtins(asked)
    value["context"] = {name: asked.context[name] for name in _BINDING if name in asked.context}
    return sha256(canonical(value))


def _keep(kept: dict[Any, Any], key: object, value: object) -> None:
    while len(kept) >= MAX_KEPT:
        del kept[next(iter(kept))]
    kept[key] = value
