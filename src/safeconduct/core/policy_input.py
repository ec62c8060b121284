"""What the operator's rules see: built from facts, integers only, never from claims. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

import orjson

from safeconduct.core.findings import kinds_of
from safeconduct.core.model import Call, Facts
from safeconduct.core.record import label_value, places
from safeconduct.core.recorded_input import (
    agent_rest,
    asked_for,
    fields,
    scopes,
    task_rest,
    user_rest,
)

JSON = dict[str, Any]


def policy_input(call: Call, facts: Facts, members: Collection[str] | None = None) -> bytes:
    """The policy input as JSON with sorted keys, with all its members or only those named.

    Argument values are not in it: a rule that needs one takes it from a resolver. `call.fields` are
    the names of the arguments but for the object ids: what is set, not what it is set on.

    Raises:
        orjson.JSONEncodeError: a resolved fact holds what JSON does not have.
    """
    value: JSON = {
        name: member(call, facts)
        for name, member in MEMBERS.items()
        if members is None or name in members
    }
    if members is None or "approval" in members:
        value.update(_approval(call, facts))
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def _call(call: Call, facts: Facts) -> JSON:
    tool = facts.gathered.tool
    return {
        "tool": call.target,
        "upstream": call.upstream,
        "effect": tool.effect.value,
        "scopes": scopes(tool.manifest),
        "digest": call.digest,
        "fields": fields(call, tool.manifest),
        "sizes": {"arguments": call.size},
    }


def _agent(_: Call, facts: Facts) -> JSON:
    agent = facts.gathered.agent
    value = agent_rest(agent)
    value["id"] = agent.id
    value["tier"] = agent.tier
    value["zone"] = agent.zone
    return value


def _user(_: Call, facts: Facts) -> JSON:
    user = facts.gathered.user
    value = user_rest(user)
    value["id"] = user.id
    return value


def _task(_: Call, facts: Facts) -> JSON:
    task = facts.gathered.task
    value = task_rest(task)
    value["id"] = task.id
    value["purpose_source"] = task.purpose_source
    value["tenant"] = task.tenant
    return value


MEMBERS: Final[dict[str, Callable[[Call, Facts], object]]] = {
    "call": _call,
    "agent": _agent,
    "user": _user,
    "task": _task,
    "labels": lambda _, facts: label_value(facts.gathered.task.labels),
    "provenance": places,
    "facts": lambda _, facts: facts.resolved,
    "findings": lambda _, facts: kinds_of(facts.findings),
    "now_ms": lambda _, facts: facts.gathered.now_ms,
}
"""The members that every input has, and how each is built."""


def _approval(call: Call, facts: Facts) -> JSON:
    granted_ms = asked_for(call, facts)
    if granted_ms is None:
        return {}
    return {"approval": {"digest": call.digest, "granted_at_ms": granted_ms}}
