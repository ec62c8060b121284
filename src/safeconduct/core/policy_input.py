"""What the operator's rules see: built from facts, integers only, never from claims. Pure."""

from __future__ import annotations

from typing import Any

import orjson

from safeconduct.core.checks.policy import ASKS
from safeconduct.core.manifest import ToolManifest
from safeconduct.core.model import Call, Facts, standing
from safeconduct.core.record import label_value, places


def policy_input(call: Call, facts: Facts) -> bytes:
    """The policy input as JSON with sorted keys.

    Argument values are not in it: a rule that needs one takes it from a resolver. `call.fields` are
    the names of the arguments but for the object ids: what is set, not what it is set on.

    Raises:
        orjson.JSONEncodeError: a resolved fact holds what JSON does not have.
    """
    gathered = facts.gathered
    agent, user, task, tool = gathered.agent, gathered.user, gathered.task, gathered.tool
    approval = standing(call, facts)
    value: dict[str, Any] = {
        "call": {
            "tool": call.target,
            "upstream": call.upstream,
            "effect": tool.effect.value,
            "scopes": [] if tool.manifest is None else list(tool.manifest.scopes),
            "digest": call.digest,
            "fields": fields(call, tool.manifest),
            "sizes": {"arguments": call.size},
        },
        "agent": {
            "id": agent.id,
            "tier": agent.tier,
            "zone": agent.zone,
            "attested_at": agent.attested_ms,
            "stateless": agent.stateless,
        },
        "user": {
            "id": user.id,
            "groups": list(user.groups),
            "acr": user.acr,
            "auth_time": user.auth_time_s,
        },
        "task": {
            "id": task.id,
            "purpose_source": task.purpose_source,
            "profile": task.profile,
            "tenant": task.tenant,
            "started_at": task.started_ms,
            "counts": task.counts,
        },
        "labels": label_value(task.labels),
        "provenance": places(call, facts),
        "facts": facts.resolved,
        "now_ms": gathered.now_ms,
    }
    # A rule that takes a yes for granted must see only one that its own asking could have got.
    if approval is not None and any(source.startswith(ASKS) for source in approval.sources):
        value["approval"] = {"digest": approval.digest, "granted_at_ms": approval.granted_ms}
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def fields(call: Call, manifest: ToolManifest | None) -> list[str]:
    """The arguments that say what to do, without those that say to which object."""
    declared = {} if manifest is None else manifest.arguments
    return sorted(
        name
        for name in call.arguments
        if name not in declared or declared[name].role != "object-id"
    )
