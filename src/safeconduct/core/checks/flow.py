"""May what this task has read flow to where this call would carry it?

The check does not look for leaked text. It asks what the task *could* leak: everything it has read
(Fides, "Securing AI Agents with Information-Flow Control", 2025, calls this the context label).
"""

from __future__ import annotations

from collections.abc import Iterator

from safeconduct.core.labels import Integrity
from safeconduct.core.manifest import ADDRESS_ROLES, CONTROL_ROLES
from safeconduct.core.model import Call, Facts
from safeconduct.core.verdict import Deny, Elevate, Requirement

CONTROL_SOURCE = "flow:control-argument"


def flow(call: Call, facts: Facts) -> Deny | Elevate | None:
    """Refuses flows above the sink's clearance and actions that untrusted content steers."""
    gathered = facts.gathered
    labels, tool = gathered.task.labels, gathered.tool
    unvouched = frozenset(_unvouched(call, facts))
    # A read whose every argument comes from a vouching place carries nothing out of the task.
    if tool.effect.changes_state or unvouched:
        if not labels.has_sink:
            return Deny("flow-mixed")
        if labels.confidentiality > tool.clearance:
            return Deny("flow-confidentiality")
        if labels.readers is not None and not _within(facts, labels.readers):
            return Deny("flow-readers")
    if tool.effect.changes_state and labels.integrity is Integrity.untrusted:
        steering = _first(call, facts, unvouched)
        if steering is not None:
            return _unvouched_answer(call, facts, steering)
    return None


def _unvouched(call: Call, facts: Facts) -> Iterator[str]:
    for name in call.arguments:
        origins = facts.provenance.get(name, ())
        if not any(origin.vouches for origin in origins):
            yield name


def _within(facts: Facts, readers: frozenset[str]) -> bool:
    manifest = facts.gathered.tool.manifest
    audience = frozenset() if manifest is None else frozenset(manifest.sink.readers)
    return bool(audience) and audience <= readers


def _first(call: Call, facts: Facts, unvouched: frozenset[str]) -> str | None:
    """The first control argument without provenance; addresses are the check `sink`'s business."""
    manifest = facts.gathered.tool.manifest
    declared = {} if manifest is None else manifest.arguments
    for name in call.arguments:
        role = declared[name].role if name in declared else "content"
        if name in unvouched and role in CONTROL_ROLES and role not in ADDRESS_ROLES:
            return name
    return None


def _unvouched_answer(call: Call, facts: Facts, name: str) -> Deny | Elevate:
    """A refusal, unless the policy asks a person, or a person has seen exactly this call."""
    approval = facts.approval
    approved = (
        approval is not None
        and approval.digest == call.digest
        and approval.fresh(facts.gathered.now_ms)
    )
    if not facts.policy.elevate and not approved:
        return Deny("control-argument-unvouched", name)
    ttl_s = min((rule.ttl_s for rule in facts.policy.elevate), default=300)
    return Elevate(
        Requirement(templates=("control-argument",), sources=(CONTROL_SOURCE,), ttl_s=ttl_s)
    )
