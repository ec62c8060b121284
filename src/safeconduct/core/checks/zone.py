"""May an agent in this zone reach this system, and hold what it returns?"""

from __future__ import annotations

from safeconduct.core.model import Call, Gathered, ToolFacts, ZoneFacts
from safeconduct.core.verdict import Deny


def zone(call: Call, gathered: Gathered) -> Deny | None:
    """Refuses destinations outside the zone's egress list and sources above its ceiling."""
    del call
    reason = barred(gathered.zone, gathered.tool)
    return None if reason is None else Deny(reason)


def barred(where: ZoneFacts | None, tool: ToolFacts) -> str | None:
    """The reason why no agent in this zone uses this tool, or None."""
    if where is None or tool.destination in where.deny or tool.destination not in where.egress:
        return "zone-denied"
    if tool.highest > where.max_label:
        return "zone-label"
    return None
