"""The policy input as a decision record keeps it, and back again, byte for byte. Pure.

Most of what rules see stands in the record for its own sake. The rest is kept under `policy.input`
in the input's own shape, so that a change of the rules can be tried on what was decided before.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

import orjson

from safeconduct.core.checks.policy import ASKS
from safeconduct.core.manifest import ToolManifest
from safeconduct.core.model import AgentFacts, Call, Facts, TaskFacts, UserFacts, standing

JSON = dict[str, Any]

UNOPENED: Final = "unopened"
"""The key that reading adds to a record of which the payload cannot be seen: why."""

WHOLE: Final = ""
"""The JSON Pointer of a whole document (RFC 6901): all of the input was left out."""


class NotReplayable(ValueError):
    """A record from which the policy input cannot be rebuilt; the message says why."""


def unrecorded(call: Call, facts: Facts) -> JSON:
    """What the policy input has and no other field of the decision record says."""
    gathered = facts.gathered
    manifest = gathered.tool.manifest
    value: JSON = {
        "call": {"fields": fields(call, manifest), "scopes": scopes(manifest)},
        "agent": agent_rest(gathered.agent),
        "user": user_rest(gathered.user),
        "task": task_rest(gathered.task),
    }
    resolved = {name: item for name, item in facts.resolved.items() if not isinstance(item, int)}
    if resolved:
        value["facts"] = resolved
    if facts.approval is not None and (granted_ms := asked_for(call, facts)) is not None:
        value["approval"] = {"granted_at_ms": granted_ms}
    return value


def recorded_input(record: Mapping[str, Any], members: Collection[str] | None = None) -> bytes:
    """The bytes that `policy_input` gave for the call of this decision record.

    Raises:
        NotReplayable: the policy was not asked, or the record does not hold all of the input.
    """
    return orjson.dumps(recorded_value(record, members), option=orjson.OPT_SORT_KEYS)


def recorded_value(record: Mapping[str, Any], members: Collection[str] | None = None) -> JSON:
    """As `recorded_input`, before it is written. Raises as it does."""
    policy = record.get("policy")
    if policy is None:
        raise NotReplayable("the policy was not asked")
    kept: JSON | None = policy.get("input")
    if kept is None:
        why = record.get(UNOPENED)
        sealed = f": it is sealed, and {why}" if why else ""
        raise NotReplayable(f"the record does not hold the policy input{sealed}")
    value = {
        name: member(record, kept)
        for name, member in _MEMBERS.items()
        if members is None or name in members
    }
    if "approval" in kept and (members is None or "approval" in members):
        value["approval"] = {"digest": record["digest"], **kept["approval"]}
    return value


def parted(record: JSON) -> tuple[JSON, JSON]:
    """The record as it stands in the log, and what of the policy input is sealed beside it."""
    policy = record.get("policy", {})
    if "input" not in policy:
        return record, {}
    rest = {name: value for name, value in policy.items() if name != "input"}
    return {**record, "policy": rest}, {"input": policy["input"]}


def _call(record: Mapping[str, Any], kept: JSON) -> JSON:
    target: str = record["tool"]
    return {
        "tool": target,
        # The id of an upstream holds neither of the two.
        "upstream": target.partition("#")[0].partition(".")[0],
        "effect": record["effect"],
        "digest": record["digest"],
        "sizes": {"arguments": record["size"]},
        **kept["call"],
    }


def _agent(record: Mapping[str, Any], kept: JSON) -> JSON:
    agent = {"id": record["agent"], "tier": record["tier"], "zone": record["zone"]}
    return {**agent, **kept["agent"]}


def _task(record: Mapping[str, Any], kept: JSON) -> JSON:
    # INVARIANT: a task of another tenant never gets to the policy (the check `delegation`).
    return {
        "id": record["task"],
        "purpose_source": record["purpose_source"],
        "tenant": record["tenant"],
        **kept["task"],
    }


_MEMBERS: Final[dict[str, Callable[[Mapping[str, Any], JSON], object]]] = {
    "call": _call,
    "agent": _agent,
    "user": lambda record, kept: {"id": record["user"], **kept["user"]},
    "task": _task,
    "labels": lambda record, _: record["labels"],
    "provenance": lambda record, _: record["provenance"],
    "facts": lambda record, kept: {**record["facts"], **kept.get("facts", {})},
    "findings": lambda record, _: record.get("findings", []),
    "now_ms": lambda record, _: record["at_ms"],
}


def agent_rest(agent: AgentFacts) -> JSON:
    """What rules see of an agent besides its id, tier and zone."""
    return {"attested_at": agent.attested_ms, "stateless": agent.stateless}


def user_rest(user: UserFacts) -> JSON:
    """What rules see of a user besides the id."""
    return {
        "kind": user.kind,
        "groups": list(user.groups),
        "acr": user.acr,
        "amr": list(user.amr),
        "auth_time": user.auth_time_s,
        "device": list(user.device),
    }


def task_rest(task: TaskFacts) -> JSON:
    """What rules see of a task besides its id, tenant and who stated its purpose."""
    return {"profile": task.profile, "started_at": task.started_ms, "counts": task.counts}


def scopes(manifest: ToolManifest | None) -> list[str]:
    """The scopes that a tool needs."""
    return [] if manifest is None else list(manifest.scopes)


def fields(call: Call, manifest: ToolManifest | None) -> list[str]:
    """The arguments that say what to do, without those that say to which object."""
    declared = {} if manifest is None else manifest.arguments
    return sorted(
        name
        for name in call.arguments
        if name not in declared or declared[name].role != "object-id"
    )


def asked_for(call: Call, facts: Facts) -> int | None:
    """When a person said yes to this call because a rule of the policy asked, in milliseconds.

    A rule that takes a yes for granted must see only one that its own asking could have got.
    """
    approval = standing(call, facts)
    if approval is None or not any(source.startswith(ASKS) for source in approval.sources):
        return None
    return approval.granted_ms
