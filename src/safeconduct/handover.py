"""Decisions that another enforcement point carries out: steps 1 to 6 here, the rest there.

What is permitted leaves our sight at once, so the task is taken to have read the worst that could
come back, and a call that changes something is never permitted a second time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final

import msgspec

from safeconduct.core.admit import free_text_label
from safeconduct.core.decide import NO_SECRETS
from safeconduct.core.verdict import Elevate, Obligation, Permit, Redact
from safeconduct.gateway import Gateway, needed
from safeconduct.ports import JSON, Bearer, Refused
from safeconduct.recorder import Made, Recorder

NOT_CARRIED: Final = "obligation-not-carried"


class Handed(msgspec.Struct, frozen=True, kw_only=True):
    """A permit: the enforcement point sends exactly these `arguments`, and sees to the obligations.

    `digest` names the call, and `expires_ms` is until when it may be sent.
    """

    decision: str
    arguments: JSON
    obligations: tuple[Obligation, ...]
    digest: str
    expires_ms: int


class Handover:
    """The first half of the page, for enforcement points outside."""

    def __init__(self, gateway: Gateway, recorder: Recorder) -> None:
        self._gateway = gateway
        self._recorder = recorder

    async def decide(
        self,
        bearer: Bearer,
        method: str,
        upstream: str | None,
        name: str,
        params: JSON,
        carries: Callable[[Handed], bool],
    ) -> Handed | Refused:
        """Steps 1 to 6 of a call; `carries` says whether a permit can be carried out elsewhere.

        Raises:
            Unauthenticated: there is no such task.
            NotRecorded: the log is not available; nothing is decided.
        """
        facts = self._gateway.facts
        gather = partial(facts.gather, bearer, method, upstream, name, params)
        made = await self._gateway.judged(bearer, gather)
        verdict = made.decision.verdict
        if isinstance(verdict, Elevate):
            return Refused(decision=made.id, code="approval-required", approval=made.approval)
        if not isinstance(verdict, Permit):
            scopes = needed(made.gathered) if verdict.code == "scope-missing" else ()
            return Refused(
                decision=made.id,
                code=verdict.code,
                argument=verdict.argument,
                scopes=scopes,
                replied=self._recorder.replied(made),
            )
        if facts.revoked(bearer):
            return await self._recorder.ended(made, "task-revoked")
        handed = _handed(made, verdict)
        if not carries(handed) or _needs_tokens(handed):
            return await self._recorder.ended(made, NOT_CARRIED)
        await self._recorder.handed_over(made, free_text_label(made.gathered.tool))
        return handed

    def lives(self, bearer: Bearer) -> bool:
        """Whether the task may still do anything. What the gateway itself would answer to any
        living task, such as a list, asks for no more.
        """
        return not self._gateway.over(bearer)


def _needs_tokens(handed: Handed) -> bool:
    """Whether the agent may see a token alone, which nobody else can make."""
    return any(isinstance(one, Redact) and one.tokens for one in handed.obligations)


def _handed(made: Made, permit: Permit) -> Handed:
    """Credentials in results are looked for here alone, and nobody else is told to."""
    return Handed(
        decision=made.id,
        arguments=made.call.arguments,
        obligations=tuple(one for one in permit.obligations if one != NO_SECRETS),
        digest=made.call.digest,
        expires_ms=permit.grant.expires_ms,
    )
