"""What the operator's rules see: built from facts, integers only, never from claims. Pure."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Any, Final

import orjson

from safeconduct.core.checks.policy import ASKS
from safeconduct.core.manifest import ToolManifest
from safeconduct.core.model import Call, Facts, standing
from safeconduct.core.record import label_value, places

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
        "scopes": [] if tool.manifest is None else list(tool.manifest.scopes),
        "digest": call.digest,
        "fields": fields(call, tool.manifest),
        "sizes": {"arguments": call.size},
    }


def _agent(_: Call, facts: Facts) -> JSON:
    agent = facts.gathered.agent
    return {
        "id": agent.id,
        "tier": agent.tier,
        "zone": agent.zone,
        "attested_at": agent.attested_ms,
        "stateless": agent.stateless,
    }


def _user(_: Call, facts: Facts) -> JSON:
    user = facts.gathered.user
    return {
        "id": user.id,
        "kind": user.kind,
        "groups": list(user.groups),
        "acr": user.acr,
        "amr": list(user.amr),
        "auth_time": user.auth_time_s,
        "device": list(user.device),
    }


def _task(_: Call, facts: Facts) -> JSON:
    task = facts.gathered.task
    return {
        "id": task.id,
        "purpose_source": task.purpose_source,
        "profile": task.profile,
        "tenant": task.tenant,
        "started_at": task.started_ms,
        "counts": task.counts,
    }


MEMBERS: Final[dict[str, Callable[[Call, Facts], object]]] = {
    "call": _call,
    "agent": _agent,
    "user": _user,
    "task": _task,
    "labels": lambda _, facts: label_value(facts.gathered.task.labels),
    "provenance": places,
    "facts": lambda _, facts: facts.resolved,
    "now_ms": lambda _, facts: facts.gathered.now_ms,
}
"""The members that every input has, and how each is built."""


def _approval(call: Call, facts: Facts) -> JSON:
    """A rule that takes a yes for granted must see only one that its own asking could have got."""
    approval = standing(call, facts)
    if approval is None or not any(source.startswith(ASKS) for source in approval.sources):
        return {}
    return {"approval": {"digest": approval.digest, "granted_at_ms": approval.granted_ms}}


def fields(call: Call, manifest: ToolManifest | None) -> list[str]:
    """The arguments that say what to do, without those that say to which object."""
    declared = {} if manifest is None else manifest.arguments
    return sorted(
        name
        for name in call.arguments
        if name not in declared or declared[name].role != "object-id"
    )
