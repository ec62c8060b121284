"""Does the call need a person's yes: for a scope, or for how much it does?"""

from __future__ import annotations

from typing import Final

from safeconduct.core import thresholds
from safeconduct.core.model import Call, Facts, ToolFacts
from safeconduct.core.verdict import Deny, Elevate, Requirement

TTL_S: Final = 300
"""How long an approval of an agent's `jit_approval_required` scope lasts: five minutes."""

ANY_SCOPE: Final = "scope"
"""The question of such a scope that has no template of its own."""

REFUSED: Final = {"denied": "approval-denied", "narrowed": "approval-narrowed"}
"""The reason of a call to which a person has answered so."""

ANSWERED: Final = frozenset(REFUSED.values())


def elevation(call: Call, facts: Facts) -> Deny | Elevate | None:
    """Elevates scopes that are eligible but not active, and what is more than its manifest lets
    pass; refuses what a person has refused.
    """
    gathered, approval = facts.gathered, facts.approval
    if approval is not None and approval.digest == call.digest and approval.state in REFUSED:
        return Deny(REFUSED[approval.state])
    asked = [*thresholds.passed(call, facts)]
    needed = eligible(gathered.tool, gathered.agent.approval_scopes)
    if not asked and not needed:
        return None
    # A scope's question is known by the scope, where the configuration explains it.
    names = {scope if scope in gathered.templates else ANY_SCOPE for scope in needed}
    sources = {f"scope:{scope}" for scope in needed}
    return Elevate(
        Requirement(
            templates=tuple(sorted(names.union(one.template for one in asked))),
            sources=tuple(sorted(sources.union(map(thresholds.named, asked)))),
            ttl_s=TTL_S,
        )
    )


def eligible(tool: ToolFacts, approval_scopes: frozenset[str]) -> frozenset[str]:
    """The scopes of a tool that no call activates without a person's yes."""
    return (
        frozenset() if tool.manifest is None else approval_scopes.intersection(tool.manifest.scopes)
    )
