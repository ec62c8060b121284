"""A part of a task for another agent: a child task.

It takes the steps of a start. The task above stands in the user's place: its agent handed its token
over, by name and with a proof. What binds that task binds this one, now and later (`tasks.kin`): a
child is never wider than its parent.
"""

from __future__ import annotations

from safeconduct.core.model import TaskFacts
from safeconduct.core.provenance import PurposeSource
from safeconduct.delegation import details
from safeconduct.delegation.issuing import Issuing, granted_details
from safeconduct.delegation.request import Child, readable
from safeconduct.delegation.steps import Steps
from safeconduct.ports import JSON, Caller


async def start(
    steps: Steps, issuing: Issuing, request: Child, caller: Caller, now_ms: int
) -> JSON:
    """The token response. Raises TokenRefused."""
    # 2 agent
    agent = await steps.agent(request, caller, now_ms)
    # 3 user: the one of the task above
    above, parent = steps.handed_over(request.parent, agent, now_ms)
    user = parent.holder.user
    # 4 purpose
    purpose, source = _purpose(request, parent.facts)
    # 5 delegation
    allowed = steps.delegation(agent, user, request.profile, now_ms, by=above.agent)
    profile = allowed.profile
    # 6 scopes
    obtainable = steps.obtainable(allowed, user, parent.facts.scopes & above.scopes)
    granted = steps.granted(request.scopes, obtainable)
    budgets = details.budgets(request.details, profile.budgets, granted)
    # 7 key
    key = steps.key(caller, now_ms, agent.keys, certified=agent.certified)
    # 8 record
    ends_ms = min(now_ms + profile.max_task_lifetime * 1000, parent.facts.expires_ms)
    bearer = issuing.bearer(
        issuing.new_id("t"),
        agent,
        user,
        granted,
        key=key,
        ttl_s=allowed.registered.delegation.ttl_seconds,
        ends_ms=min(ends_ms, above.expires_ms),
        now_ms=now_ms,
    )
    record: JSON = {
        "phase": "started",
        "parent": above.task,
        **issuing.parties(agent, user, allowed),
        "purpose": purpose,
        "purpose_source": source,
        "obtainable": sorted(obtainable),
        **issuing.plan(request, profile, budgets),
        "started_ms": now_ms,
        "expires_ms": ends_ms,
        "consumes": list(agent.consumes),
    }
    await issuing.record(bearer, record)
    # 9 issue
    told = granted_details(request.details, budgets)
    actors = (above.agent, *parent.holder.actors)
    return issuing.issue(bearer, source, now_ms, actors=actors, details=told)


def _purpose(request: Child, parent: TaskFacts) -> tuple[str, PurposeSource]:
    """What the user asked of the task above, or words that nobody vouches for."""
    if not request.purpose:
        return parent.purpose, parent.purpose_source
    return readable(request.purpose), "agent"
