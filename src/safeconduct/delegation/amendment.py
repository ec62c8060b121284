"""What the user says later: a front end or the user's device attests it for a task that runs.

It takes the steps of a start. The words join the task's purpose, and the plan may widen as far as
it could have been from the start. The agent's own words amend nothing.
"""

from __future__ import annotations

from typing import Final

from safeconduct.delegation.issuing import Issuing
from safeconduct.delegation.request import Amendment, readable
from safeconduct.delegation.steps import Steps
from safeconduct.ports import JSON, Caller, TokenRefused

MAX_PURPOSE: Final = 4000
"""How long all purposes of a task may be together, in characters."""


async def amend(
    steps: Steps, issuing: Issuing, request: Amendment, caller: Caller, now_ms: int
) -> JSON:
    """The token response. Raises TokenRefused."""
    # 2 agent
    agent = await steps.agent(request, caller, now_ms)
    # 3 user: theirs is the task, and the attestation
    shown, task = steps.own_token(request.token, now_ms)
    facts, holder = task.facts, task.holder
    if (shown.agent, shown.key) != (agent.id, holder.key):
        raise TokenRefused("invalid_request", "The task token is another agent's.")
    if holder.parent is not None:
        raise TokenRefused("invalid_request", "A child task follows its parent: amend that one.")
    steps.going_on(task, agent)
    # 4 purpose
    attested, used = await steps.attested(
        request.attestation, agent, shown.user, shown.task, now_ms
    )
    purpose = readable(attested.purpose)
    if len(facts.purpose) + len(purpose) > MAX_PURPOSE:
        raise TokenRefused("invalid_request", "This task was amended too often: start another.")
    # 5 delegation
    allowed = steps.delegation(agent, holder.user, facts.profile, now_ms)
    # 6 scopes
    obtainable = steps.obtainable(allowed, holder.user, facts.obtainable)
    granted = steps.granted(request.scopes or facts.scopes, obtainable)
    given = steps.followed(attested.follow, granted)
    # 7 key
    key = steps.key(caller, now_ms, agent.keys, holder.key, certified=agent.certified)
    # 8 record
    bearer = issuing.bearer(
        facts.id,
        agent,
        holder.user,
        granted,
        key=key,
        ttl_s=allowed.registered.delegation.ttl_seconds,
        ends_ms=facts.expires_ms,
        now_ms=now_ms,
    )
    record: JSON = {
        "phase": "amended",
        **issuing.parties(agent, holder.user, allowed),
        "purpose": purpose,
        "purpose_source": attested.source,
        "obtainable": sorted(obtainable),
        **given,
        "at_ms": now_ms,
        "consumes": [*agent.consumes, used],
    }
    await issuing.record(bearer, record)
    # 9 issue
    source = steps.running(facts.id, now_ms).facts.purpose_source
    return issuing.issue(bearer, source, now_ms)
