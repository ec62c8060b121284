"""What a person is shown of a question: one JSON value, which every page and message renders.

Its digest is part of what a passkey signs, and its text is sealed with the question's record, so
that it can be shown later what the yes was to.
"""

from __future__ import annotations

from typing import Final

import msgspec
import orjson

from safeconduct.core.amounts import minor_units
from safeconduct.core.asking import FOLLOWING, MAX_FOLLOWED
from safeconduct.core.canonical import canonical
from safeconduct.core.model import Call, Facts
from safeconduct.core.provenance import Place
from safeconduct.core.record import label_value
from safeconduct.core.verdict import Requirement
from safeconduct.ports import JSON

OLD: Final = "old_"
"""How the name of a resolver begins that fetches what an argument replaces; its name follows."""


def shown(approval: str, call: Call, facts: Facts, requirement: Requirement) -> JSON:
    """Everything that does not change while the question stands.

    `arguments` is the canonical text of the very bytes that would be sent.
    """
    gathered = facts.gathered
    manifest = gathered.tool.manifest
    titles = [gathered.templates[name].title for name in _explained(facts, requirement)]
    return {
        "v": 1,
        "approval": approval,
        "title": "; ".join(title for title in titles if title),
        "tool": call.target,
        "effect": gathered.tool.effect.value,
        "reversible": manifest is not None and manifest.reversible,
        "arguments": canonical(call.arguments).decode(),
        "changes": changes(call, facts),
        "digest": call.digest,
        "agent": gathered.agent.id,
        "user": gathered.user.id,
        "task": gathered.task.id,
        "tenant": gathered.tenant,
        "purpose": gathered.task.purpose,
        "purpose_source": gathered.task.purpose_source,
        "templates": list(requirement.templates),
        "requires": list(requirement.sources),
        "origins": origins(call, facts, requirement),
        "labels": label_value(gathered.task.labels),
        "parties": [_plain(one) for one in requirement.parties],
        "offers": None if requirement.offers is None else _plain(requirement.offers),
        "ttl_s": requirement.ttl_s,
        "follows": follows(requirement),
        "asked_ms": gathered.now_ms,
        "expires_ms": gathered.now_ms + (requirement.wait_s or requirement.ttl_s) * 1000,
    }


def follows(requirement: Requirement) -> JSON | None:
    """For what else a yes holds: further calls of the task that only these values steer, or others
    of the same fields of the same results. None where it is good for the call alone.
    """
    if not requirement.values or FOLLOWING.isdisjoint(requirement.sources):
        return None
    return {"calls": MAX_FOLLOWED, "fields": list(requirement.wheres)}


def changes(call: Call, facts: Facts) -> JSON:
    """By argument, what stands there now in the system of record and what would: where a resolver
    fetches the old value.
    """
    manifest = facts.gathered.tool.manifest
    found: JSON = {}
    for name, value in call.arguments.items():
        if f"{OLD}{name}" not in facts.resolved:
            continue
        before = facts.resolved[f"{OLD}{name}"]
        one: JSON = {"before": before, "after": value}
        argument = None if manifest is None else manifest.arguments.get(name)
        if argument is not None and argument.role == "amount":
            old, new = (minor_units(item, argument.decimals) for item in (before, value))
            if old is not None and new is not None and old > 0:
                one["change_bps"] = (new - old) * 10_000 // old
        found[name] = one
    return found


SAID: Final[dict[Place, str]] = {
    "user-request": "the user's request",
    "app-request": "the request, as the application tells it",
    "policy-constant": "the policy",
    "request-words": "words of the request",
    "sub-granted": "a source that the user has the task follow",
    "endorsed": "a person who vouched for it",
    "bounded": "no more than an amount that is vouched for",
    "agent-request": "the agent alone",
}
"""Where a value was seen, in words, if that is no field of a result."""


def origins(call: Call, facts: Facts, requirement: Requirement) -> JSON:
    """By argument, where its value was seen: as who asks has it, else every place that is known."""
    found: JSON = {name: list(places) for name, places in requirement.origins.items()}
    for name in call.arguments:
        places = [SAID.get(one.place) or one.where for one in facts.provenance.get(name, ())]
        if name not in found and any(places):
            found[name] = [*dict.fromkeys(place for place in places if place)]
    return found


def _plain(value: msgspec.Struct) -> JSON:
    found: JSON = orjson.loads(msgspec.json.encode(value))
    return found


def _explained(facts: Facts, requirement: Requirement) -> list[str]:
    return [name for name in requirement.templates if name in facts.gathered.templates]
