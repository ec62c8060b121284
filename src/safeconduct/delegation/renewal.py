"""How a task goes on: a further token, for the same key.

It takes the steps of a start. The agent shows a fresh SVID and the user a fresh token, or for a
child task the agent above it a fresh proof; the plan may narrow and never widens.
"""

from __future__ import annotations

from safeconduct.delegation.issuing import Issuing
from safeconduct.delegation.parties import Client, Running, Subject
from safeconduct.delegation.request import HandedOver, Renewal
from safeconduct.delegation.steps import Steps
from safeconduct.ports import JSON, Caller, TokenRefused


async def renew(
    steps: Steps, issuing: Issuing, request: Renewal, caller: Caller, now_ms: int
) -> JSON:
    """The token response. Raises TokenRefused."""
    # 2 agent
    agent = await steps.agent(request, caller, now_ms)
    # 3 user, or the task above
    subject, ends_ms = await _subject(steps, request, agent, now_ms)
    user = subject.user
    task = steps.running(request.task, now_ms)
    facts, holder = task.facts, task.holder
    if not _same(task, agent, subject):
        raise TokenRefused("invalid_grant", "This task does not go on.")
    steps.going_on(task, agent)
    # 5 delegation
    by = holder.actors[0] if holder.actors else None
    allowed = steps.delegation(agent, user, facts.profile, now_ms, by=by)
    # 6 scopes
    obtainable = steps.obtainable(allowed, user, facts.obtainable)
    limit = facts.scopes & obtainable
    granted = steps.granted(request.scopes, _narrowed(limit, subject.scopes))
    # 7 key
    key = steps.key(
        caller, now_ms, agent.keys | subject.keys, holder.key, certified=agent.certified
    )
    # 8 record
    bearer = issuing.bearer(
        facts.id,
        agent,
        user,
        granted,
        key=key,
        ttl_s=allowed.registered.delegation.ttl_seconds,
        ends_ms=min(facts.expires_ms, ends_ms),
        now_ms=now_ms,
    )
    record: JSON = {
        "phase": "renewed",
        **issuing.parties(agent, user, allowed),
        "obtainable": sorted(obtainable),
        "at_ms": now_ms,
        "consumes": [*agent.consumes, *subject.consumes],
    }
    await issuing.record(bearer, record)
    # 9 issue
    return issuing.issue(bearer, facts.purpose_source, now_ms, actors=holder.actors)


async def _subject(
    steps: Steps, request: Renewal, agent: Client, now_ms: int
) -> tuple[Subject, int]:
    """For whom, and until when a token may last for that."""
    if not isinstance(request.subject, HandedOver):
        subject = await steps.user(request.subject, agent, now_ms)
        return subject, now_ms + steps.gateway.token_ttl_s * 1000
    above, parent = steps.handed_over(request.subject, agent, now_ms)
    subject = Subject(user=parent.holder.user, consumes=(), scopes=above.scopes, task=above.task)
    return subject, above.expires_ms


def _same(task: Running, agent: Client, subject: Subject) -> bool:
    """Whether those who ask are those whose task it is."""
    holder = task.holder
    return (holder.agent.id, holder.user.id, holder.parent) == (
        agent.id,
        subject.user.id,
        subject.task,
    )


def _narrowed(scopes: frozenset[str], limit: frozenset[str] | None) -> frozenset[str]:
    return scopes if limit is None else scopes & limit
