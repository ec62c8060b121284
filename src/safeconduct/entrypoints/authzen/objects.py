"""Decisions about anything that is no message of MCP, by a policy bundle of its own.

Its rules see `subject`, `action`, `resource`, `context` and `now_ms`, which are claims of the
enforcement point; they answer by the same contract as those of the gateway. What can be searched
for stands in the bundle, in `data/candidates.json`.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Final, cast

import msgspec
import orjson

from safeconduct.core.canonical import NotCanonical, exact, sha256
from safeconduct.core.policy import PolicyAnswer
from safeconduct.entrypoints.authzen import answers
from safeconduct.entrypoints.authzen.answers import Duties
from safeconduct.entrypoints.authzen.shape import (
    Action,
    ActionSearch,
    Entity,
    Evaluation,
    Page,
    ResourceSearch,
    Search,
    SubjectSearch,
)
from safeconduct.entrypoints.http import Problem
from safeconduct.facts import judged
from safeconduct.ports import JSON, PolicyEngine

MAX_JUDGED: Final = 1_000
"""How many candidates one search looks at; the rest is on the next page."""

_BREATH: Final = 25
"""After how many candidates others have their turn."""

_REASONS: Final = {"deny": "policy-denied", "elevate": "approval-required"}


class Candidate(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A subject or resource that may be found."""

    id: str
    properties: dict[str, Any] = {}


class Candidates(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All that may be found: subjects and resources by their type, actions by a resource's."""

    subjects: dict[str, tuple[Candidate, ...]] = {}
    resources: dict[str, tuple[Candidate, ...]] = {}
    actions: dict[str, tuple[str, ...]] = {}


class Supports(msgspec.Struct, frozen=True):
    """What an enforcement point says of itself."""

    supported_obligations: tuple[str, ...] | None = None


class Objects:
    """Decides by the bundle's rules, and searches for what they permit."""

    def __init__(
        self,
        policy: PolicyEngine,
        candidates: Candidates,
        *,
        tenant: str,
        obligations: bool,
        record: Callable[..., Awaitable[object]],
        clock_ms: Callable[[], int],
        new_id: Callable[[str], str],
    ) -> None:
        self._policy = policy
        self._candidates = candidates
        self._tenant = tenant
        self._obligations = obligations
        self._record = record
        self._clock_ms = clock_ms
        self._new_id = new_id

    async def evaluate(self, evaluation: Evaluation, client: str) -> tuple[JSON, JSON | None]:
        """The decision, and the record that has to be durable before it is told."""
        now_ms = self._clock_ms()
        try:
            given = _input(evaluation, now_ms)
            supports = msgspec.convert(evaluation.context, Supports)
        except (NotCanonical, msgspec.ValidationError):
            sentence = "Numbers must be integers, and `supported_obligations` a list."
            return answers.unfit(sentence), None
        answer = await judged(self._policy, given, now_ms)
        identifier = self._new_id("e")
        told = self._told(answer, supports)
        told["context"] = {"evaluation_id": identifier, **told["context"]}
        return told, {
            **self._about("decision", client, given, now_ms),
            "evaluation": identifier,
            "subject": _result(evaluation.subject),
            "action": evaluation.action.name,
            "resource": _result(evaluation.resource),
            "rules": _rules(answer),
            "decision": told["decision"],
        }

    async def durably(self, records: list[JSON]) -> None:
        """Waits for what records decisions. Raises LedgerFault, RecordTooLarge."""
        if records:
            await self._record(*records)

    def _told(self, answer: PolicyAnswer, supports: Supports) -> JSON:
        if answer.said != "permit":
            reason = "policy-error" if answer.error is not None else _REASONS[answer.said]
            return answers.denied({"reason": reason})
        duties = [
            answers.duty(number, name) for number, name in enumerate(answer.obligations, start=1)
        ]
        owed = Duties(told=self._obligations, supported=supports.supported_obligations)
        if not owed.carried(duties):
            return answers.denied({"reason": "obligation-not-carried"})
        return answers.permitted({"obligations": duties} if duties else {})

    def _about(self, phase: str, client: str, given: bytes, now_ms: int) -> JSON:
        record: JSON = {
            "kind": "evaluation",
            "phase": phase,
            "client": client,
            "at_ms": now_ms,
            "tenant": self._tenant,
            "input": sha256(given),
            "bundle": self._policy.digest,
        }
        if self._policy.unsafe:
            record["unsafe"] = list(self._policy.unsafe)
        return record

    async def search(self, asked: Search, client: str) -> JSON:
        """What the rules permit of all that may be found. Raises Problem, LedgerFault."""
        now_ms = self._clock_ms()
        try:
            told = exact(msgspec.to_builtins(msgspec.structs.replace(asked, page=Page())))[0]
        except NotCanonical:
            raise Problem(400, "Numbers must be numbers that everybody reads alike.") from None
        about = sha256(told + self._policy.digest.encode())
        start, limit = _place(asked.page, about)
        questions = list(self._questions(asked))
        found: list[JSON] = []
        seen = start
        for result, evaluation in questions[start : start + MAX_JUDGED]:
            if limit is not None and len(found) == limit:
                break
            if (seen - start) % _BREATH == _BREATH - 1:
                await asyncio.sleep(0)
            seen += 1
            if await self._permits(evaluation, now_ms):
                found.append(result)
        kind = type(asked).__name__.removesuffix("Search").lower()
        await self._record(
            {
                **self._about("search", client, told, now_ms),
                "about": kind,
                "judged": seen - start,
                "found": len(found),
            }
        )
        token = "" if seen >= len(questions) else _token(seen, limit, about)
        paged = token or asked.page != Page()
        page = {"page": {"next_token": token, "count": len(found)}} if paged else {}
        return {**page, "results": found}

    async def _permits(self, evaluation: Evaluation, now_ms: int) -> bool:
        """Whether it would be permitted; what depends on obligations is asked about by itself."""
        try:
            given = _input(evaluation, now_ms)
        except NotCanonical:
            return False
        answer = await judged(self._policy, given, now_ms)
        return answer.said == "permit" and not answer.obligations

    def _questions(self, asked: Search) -> Iterator[tuple[JSON, Evaluation]]:
        """What would be told of each candidate, and the question that decides it."""
        match asked:
            case SubjectSearch():
                kind = asked.subject.type
                for one in self._candidates.subjects.get(kind, ()):
                    found = Entity(type=kind, id=one.id, properties=one.properties)
                    yield _result(found), _question(asked, found, asked.action, asked.resource)
            case ResourceSearch():
                kind = asked.resource.type
                for one in self._candidates.resources.get(kind, ()):
                    found = Entity(type=kind, id=one.id, properties=one.properties)
                    yield _result(found), _question(asked, asked.subject, asked.action, found)
            case ActionSearch():
                for name in self._candidates.actions.get(asked.resource.type, ()):
                    action = Action(name=name)
                    yield {"name": name}, _question(asked, asked.subject, action, asked.resource)


def _question(asked: Search, subject: Entity, action: Action, resource: Entity) -> Evaluation:
    return Evaluation(subject=subject, action=action, resource=resource, context=asked.context)


def _result(entity: Entity) -> JSON:
    return {"type": entity.type, "id": entity.id}


def _input(evaluation: Evaluation, now_ms: int) -> bytes:
    """What the rules see. Raises NotCanonical: a number is none that rules can reckon with."""
    written, value = exact({**msgspec.to_builtins(evaluation), "now_ms": now_ms})
    if _broken(value):
        raise NotCanonical("a number that is no integer")
    return written


def _broken(value: object) -> bool:
    """Whether a number in a value is no integer."""
    match value:
        case float():
            return True
        case dict():
            return any(map(_broken, cast("dict[str, object]", value).values()))
        case list():
            return any(map(_broken, cast("list[object]", value)))
        case _:
            return False


def _rules(answer: PolicyAnswer) -> JSON:
    told: JSON = {
        "permit": list(answer.permit),
        "deny": list(answer.deny),
        "elevate": [rule.id for rule in answer.elevate],
    }
    if answer.error is not None:
        told["error"] = answer.error[:200]
    return told


def _token(place: int, limit: int | None, about: str) -> str:
    """Where to go on: good for the very same search, by the same rules. It is no secret."""
    return base64.urlsafe_b64encode(orjson.dumps([place, limit, about])).decode()


def _place(page: Page, about: str) -> tuple[int, int | None]:
    """Where a page starts, and how much is on it. Raises Problem."""
    if not page.token:
        return 0, page.limit
    try:
        value = orjson.loads(base64.urlsafe_b64decode(page.token))
        place, limit, meant = msgspec.convert(value, tuple[int, int | None, str])
    except (binascii.Error, ValueError):
        place, limit, meant = 0, None, ""
    if meant != about or place < 0 or page.limit not in {None, limit}:
        raise Problem(400, "`page.token` does not belong to this search.")
    return place, limit


def candidates(data: str) -> Candidates:
    """What the data of a bundle says may be found. Raises ValueError."""
    found: JSON = orjson.loads(data).get("candidates", {})
    return msgspec.convert(found, Candidates)
