"""May what this task has read flow to where this call would carry it?

The check does not look for leaked text. It asks what the task *could* leak: everything it has read
(Fides, "Securing AI Agents with Information-Flow Control", 2025, calls this the context label).
"""

from __future__ import annotations

from typing import Final

from safeconduct.core.labels import Integrity
from safeconduct.core.manifest import ADDRESS_ROLES, CONTROL_ROLES
from safeconduct.core.model import ApprovalFacts, Call, Facts, standing
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.provenance import vouched_for
from safeconduct.core.verdict import Deny, Elevate, Requirement

CONTROL_SOURCE: Final = "flow:control-argument"
"""What an approval was asked for when an argument steers an action and nobody vouches for it."""


def flow(call: Call, facts: Facts) -> Deny | Elevate | None:
    """Refuses flows above the sink's clearance and actions that untrusted content steers."""
    gathered = facts.gathered
    labels, tool = gathered.task.labels, gathered.tool
    if carries(call, facts):
        if not labels.has_sink:
            return Deny("flow-mixed")
        if labels.confidentiality > tool.clearance:
            return Deny("flow-confidentiality")
        if labels.readers is not None and not _within(facts, labels.readers):
            return Deny("flow-readers")
    if tool.effect.changes_state and labels.integrity is Integrity.untrusted:
        for name in unvouched(call, facts):
            if _steers(facts, name):
                return steered(facts.policy, standing(call, facts), name)
    return None


def carries(call: Call, facts: Facts) -> bool:
    """Whether the call may carry out what the task has read: all but a read whose every argument
    comes from a vouching place.
    """
    return facts.gathered.tool.effect.changes_state or bool(unvouched(call, facts))


def unvouched(call: Call, facts: Facts) -> list[str]:
    """The arguments that no vouching place explains."""
    return [name for name in call.arguments if not vouched_for(facts.provenance.get(name, ()))]


def _within(facts: Facts, readers: frozenset[str]) -> bool:
    """Whether everybody behind the sink may read; nobody is known to be there without a review."""
    tool = facts.gathered.tool
    if tool.manifest is None or tool.pin != "reviewed":
        return False
    audience = frozenset(tool.manifest.sink.readers)
    return bool(audience) and audience <= readers


def _steers(facts: Facts, name: str) -> bool:
    """Whether it is a control argument; addresses are the check `sink`'s business."""
    manifest = facts.gathered.tool.manifest
    argument = None if manifest is None else manifest.arguments.get(name)
    return argument is not None and argument.role in CONTROL_ROLES - ADDRESS_ROLES


def steered(
    said: PolicyAnswer, approval: ApprovalFacts | None, name: str | None = None
) -> Deny | Elevate:
    """What is said of a control argument that nobody vouches for: a refusal, unless the policy asks
    a person, or a person was asked about this and agreed. `approval` is the yes that stands.
    """
    times_s = [rule.ttl_s for rule in said.elevate]
    if approval is not None and CONTROL_SOURCE in approval.sources:
        times_s.append(approval.ttl_s)
    if not times_s:
        return Deny("control-argument-unvouched", name)
    return Elevate(
        Requirement(templates=("control-argument",), sources=(CONTROL_SOURCE,), ttl_s=min(times_s))
    )
