"""Is there a live task of this tenant, held by a registered agent, behind this call?"""

from __future__ import annotations

from safeconduct.core.model import Call, Gathered
from safeconduct.core.verdict import Deny


def delegation(call: Call, gathered: Gathered) -> Deny | None:
    """Refuses what does not hang on a live task."""
    del call
    task = gathered.task
    if task.tenant != gathered.tenant:
        return Deny("tenant-mismatch")
    if not gathered.agent.registered:
        return Deny("agent-unregistered")
    if task.state == "revoked":
        return Deny("task-revoked")
    if task.state == "ended" or not task.started_ms <= gathered.now_ms < task.expires_ms:
        return Deny("task-ended")
    if gathered.now_ms >= gathered.token_expires_ms:
        return Deny("token-expired")
    return None
