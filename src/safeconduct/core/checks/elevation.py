"""Does this agent need a person's yes for one of the scopes that the call uses?"""

from __future__ import annotations

from typing import Final

from safeconduct.core.model import Call, Facts
from safeconduct.core.verdict import Deny, Elevate, Requirement

TTL_S: Final = 300
"""How long an approval of an agent's `jit_approval_required` scope lasts: five minutes."""


def elevation(call: Call, facts: Facts) -> Deny | Elevate | None:
    """Elevates scopes that are eligible but not active; refuses what a person has refused."""
    gathered, approval = facts.gathered, facts.approval
    if approval is not None and approval.digest == call.digest and approval.state == "denied":
        return Deny("approval-denied")
    manifest, eligible = gathered.tool.manifest, gathered.agent.approval_scopes
    if manifest is None or eligible.isdisjoint(manifest.scopes):
        return None
    needed = sorted(eligible.intersection(manifest.scopes))
    return Elevate(
        Requirement(
            templates=("scope",), sources=tuple(f"scope:{scope}" for scope in needed), ttl_s=TTL_S
        )
    )
