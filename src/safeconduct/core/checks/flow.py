"""May what this task has read flow to where this call would carry it, and who steers the call?

The check does not look for leaked text. It asks what the task *could* leak: everything it has read
(Fides, "Securing AI Agents with Information-Flow Control", 2025, calls this the context label).
"""

from __future__ import annotations

from safeconduct.core.aiming import addresses
from safeconduct.core.asking import steered
from safeconduct.core.model import Call, Facts
from safeconduct.core.releases import held
from safeconduct.core.steering import carries, doubts
from safeconduct.core.verdict import Deny, Elevate


def flow(call: Call, facts: Facts) -> Deny | Elevate | None:
    """Refuses flows above the sink's clearance and actions that untrusted content steers."""
    gathered = facts.gathered
    labels, tool = gathered.task.labels, gathered.tool
    if not labels.has_sink and carries(call, facts):
        return Deny("flow-mixed")
    if held(call, facts):
        if labels.confidentiality > tool.clearance:
            return Deny("flow-confidentiality")
        if labels.readers is not None and not _within(call, facts, labels.readers):
            return Deny("flow-readers")
    refusal = next(doubts(call, facts), None)
    return None if refusal is None else steered(call, facts, refusal)


def _within(call: Call, facts: Facts, readers: frozenset[str]) -> bool:
    """Whether everybody behind the sink may read; nobody is known to be there without a review."""
    tool = facts.gathered.tool
    if tool.manifest is None or tool.pin != "reviewed":
        return False
    addressed = [text for one in addresses(call, facts) for text in one.texts]
    audience = frozenset((*tool.manifest.sink.readers, *addressed))
    return bool(audience) and audience <= readers
