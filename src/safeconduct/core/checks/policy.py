"""What do the operator's rules say? Deny over elevate over permit; nothing means deny."""

from __future__ import annotations

from typing import Final

from safeconduct.core.checks.content import INSPECTOR
from safeconduct.core.model import Call, Facts
from safeconduct.core.verdict import Deny, Elevate, Requirement

ASKS: Final = "policy:"
"""How what an approval was asked for begins, when a rule of the policy asked; its id follows."""


def policy(call: Call, facts: Facts) -> Deny | Elevate | None:
    """Refuses unless a rule permits, and whenever the rules or a fact could not be had."""
    del call
    said = facts.policy
    if said.error is not None:
        return Deny("policy-error")
    if frozenset(facts.failures) - {INSPECTOR}:
        return Deny("facts-unavailable")
    if said.deny:
        return Deny("policy-denied")
    if said.elevate:
        return Elevate(
            Requirement(
                templates=tuple(sorted({rule.template for rule in said.elevate})),
                sources=tuple(sorted(f"{ASKS}{rule.id}" for rule in said.elevate)),
                ttl_s=min(rule.ttl_s for rule in said.elevate),
            )
        )
    if not said.permit:
        return Deny("policy-denied")
    return None
