"""The security token service: how a task begins.

A user's live token and an agent's SVID are exchanged for a task token (RFC 8693), on one page:

```
 1 request     form of the request, for this gateway alone
 2 agent       the SVID: issued by a trusted domain, to be used here; or the code of a program
               that the person has signed in with
 3 user        the live token: issued by the user issuer, for this tenant, to be used by this agent
 4 purpose     who speaks for the user: their device, a front end, or only the agent itself
 5 delegation  registered, assigned, allowed this profile, allowed to act for this user, who has
               signed in as the profile asks for it
 6 scopes      what request, profile, registration and entitlement all have; the plan freezes
 7 key         a proof of possession; the token is bound to its key
 8 record      the task, and what it uses up, in one durable step: SVID, user token and attestation
               start one task each
 9 issue       only now is there a token
```

How it goes on takes the same steps: `renewal`, `amendment`, `child`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from safeconduct.core.provenance import PurposeSource
from safeconduct.core.subgrants import SubGrant
from safeconduct.delegation import amendment, child, details, renewal
from safeconduct.delegation.issuing import Issuing, granted_details
from safeconduct.delegation.parties import Client, Subject
from safeconduct.delegation.request import (
    AUTHORIZATION_CODE,
    Amendment,
    Child,
    Renewal,
    Start,
    parse,
    readable,
)
from safeconduct.delegation.steps import Steps
from safeconduct.ports import JSON, Caller


class Exchange:
    """`safeconduct.ports.TokenService`."""

    def __init__(
        self,
        steps: Steps,
        issuing: Issuing,
        redeem: Callable[[Mapping[str, str]], Start] | None = None,
    ) -> None:
        """`redeem` takes a code for what it stands for, where people sign in here. It raises
        TokenRefused.
        """
        self._steps = steps
        self._issuing = issuing
        self._redeem = redeem

    async def exchange(self, form: Mapping[str, str], caller: Caller) -> JSON:
        """Start a task, or let one go on. The answer is a token response with `task`.

        Raises TokenRefused; nothing was issued then, and a task that was recorded has no token.
        """
        steps, issuing = self._steps, self._issuing
        now_ms = steps.now_ms()
        # 1 request
        if self._redeem is not None and form.get("grant_type") == AUTHORIZATION_CODE:
            return await self._start(self._redeem(form), caller, now_ms)
        match parse(form, steps.names):
            case Start() as request:
                return await self._start(request, caller, now_ms)
            case Renewal() as request:
                return await renewal.renew(steps, issuing, request, caller, now_ms)
            case Amendment() as request:
                return await amendment.amend(steps, issuing, request, caller, now_ms)
            case Child() as request:
                return await child.start(steps, issuing, request, caller, now_ms)

    async def _start(self, request: Start, caller: Caller, now_ms: int) -> JSON:
        steps, issuing = self._steps, self._issuing
        # 2 agent
        agent = await steps.agent(request, caller, now_ms)
        program = request.program
        # 3 user
        subject = await steps.user(request.user, agent, now_ms)
        user = subject.user
        # 4 purpose
        purpose, source, attested, follow = await self._purpose(request, agent, subject, now_ms)
        # 5 delegation
        allowed = steps.delegation(agent, user, request.profile, now_ms)
        profile = allowed.profile
        # 6 scopes
        obtainable = steps.obtainable(allowed, user, subject.scopes)
        granted = steps.granted(request.scopes, obtainable)
        given = steps.followed(follow, granted)
        budgets = details.budgets(request.details, profile.budgets, granted)
        # 7 key
        key = steps.key(caller, now_ms, agent.keys | subject.keys, certified=agent.certified)
        # 8 record
        ends_ms = now_ms + profile.max_task_lifetime * 1000
        bearer = issuing.bearer(
            issuing.new_id("t"),
            agent,
            user,
            granted,
            key=key,
            ttl_s=allowed.registered.delegation.ttl_seconds,
            ends_ms=ends_ms,
            now_ms=now_ms,
        )
        record: JSON = {
            "phase": "started",
            **issuing.parties(agent, user, allowed),
            "purpose": purpose,
            "purpose_source": source,
            "obtainable": sorted(obtainable),
            **issuing.plan(request, profile, budgets),
            **given,
            "started_ms": now_ms,
            "expires_ms": ends_ms,
            "consumes": [*agent.consumes, *subject.consumes, *attested],
        }
        if program is not None:
            record["program"] = program.id
        await issuing.record(bearer, record)
        # 9 issue
        told = granted_details(request.details, budgets)
        return issuing.issue(bearer, source, now_ms, details=told)

    async def _purpose(
        self, request: Start, agent: Client, subject: Subject, now_ms: int
    ) -> tuple[str, PurposeSource, tuple[str, ...], tuple[SubGrant, ...]]:
        """The purpose, who vouches for it, what that uses up, and what is to be followed."""
        if request.attestation is None:
            # What a person wrote on our own page is attested by that page.
            asked = request.program is not None and request.program.asked
            return readable(request.purpose), "app" if asked else "agent", (), ()
        attested, used = await self._steps.attested(
            request.attestation, agent, subject.user.id, None, now_ms
        )
        return readable(attested.purpose), attested.source, (used,), attested.follow
