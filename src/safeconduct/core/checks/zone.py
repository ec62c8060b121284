"""May an agent in this zone reach this system, and hold what it returns?"""

from __future__ import annotations

from safeconduct.core.labels import Confidentiality
from safeconduct.core.model import Call, Gathered, ToolFacts
from safeconduct.core.verdict import Deny


def zone(call: Call, gathered: Gathered) -> Deny | None:
    """Refuses destinations outside the zone's egress list and sources above its ceiling."""
    del call
    where = gathered.zone
    destination = gathered.tool.destination
    if where is None or destination in where.deny or destination not in where.egress:
        return Deny("zone-denied")
    if _highest(gathered.tool) > where.max_label:
        return Deny("zone-label")
    return None


def _highest(tool: ToolFacts) -> Confidentiality:
    """The most confidential thing that the tool may return: its source, or one of its fields."""
    fields = () if tool.manifest is None else tool.manifest.returns.fields.values()
    declared = [Confidentiality[one.confidentiality] for one in fields if one.confidentiality]
    return max(tool.source.confidentiality, *declared, Confidentiality.public)
