"""May an agent in this zone reach this system, and hold what it returns?"""

from __future__ import annotations

from safeconduct.core.model import Call, Gathered
from safeconduct.core.verdict import Deny


def zone(call: Call, gathered: Gathered) -> Deny | None:
    """Refuses destinations outside the zone's egress list and sources above its ceiling."""
    del call
    where = gathered.zone
    destination = gathered.tool.destination
    if where is None or destination in where.deny or destination not in where.egress:
        return Deny("zone-denied")
    if gathered.tool.highest > where.max_label:
        return Deny("zone-label")
    return None
