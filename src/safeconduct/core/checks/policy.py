"""What do the operator's rules say? Deny over elevate over permit; nothing means deny."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from safeconduct.core.approvers import Party, Templates, parties_of, together
from safeconduct.core.checks.content import INSPECTOR
from safeconduct.core.model import Call, Facts
from safeconduct.core.obligations import Constant, Setting, Source, missing
from safeconduct.core.policy import PolicyAnswer, PolicyElevate
from safeconduct.core.verdict import Deny, Elevate, Requirement

ASKS: Final = "policy:"
"""How what an approval was asked for begins, when a rule of the policy asked; its id follows."""


UNMET: Final = "constraint-unmet"
"""The reason of a call without what the policy demands of its arguments."""


def policy(call: Call, facts: Facts) -> Deny | Elevate | None:
    """Refuses unless a rule permits, and whenever the rules or a fact could not be had.

    What a rule demands of arguments holds before a person is asked: a yes is to what will be sent.
    """
    templates = facts.gathered.templates
    return answered(
        facts.policy, facts.failures, unmet=lacking(call, facts) != (), templates=templates
    )


def answered(
    said: PolicyAnswer,
    failures: Iterable[str],
    *,
    unmet: bool,
    templates: Templates | None = None,
) -> Deny | Elevate | None:
    """What an answer of the rules comes to. `failures` are facts that could not be had, `unmet`:
    the arguments lack what the rules demand of them.
    """
    if said.error is not None:
        return Deny("policy-error")
    if frozenset(failures) - {INSPECTOR}:
        return Deny("facts-unavailable")
    if said.deny:
        return Deny("policy-denied")
    if not (said.elevate or said.permit):
        return Deny("policy-denied")
    if unmet:
        return Deny(UNMET)
    if said.elevate:
        return Elevate(
            Requirement(
                templates=tuple(sorted({rule.template for rule in said.elevate})),
                sources=tuple(sorted(f"{ASKS}{rule.id}" for rule in said.elevate)),
                ttl_s=min(rule.ttl_s for rule in said.elevate),
                parties=_parties(said.elevate, templates or {}),
            )
        )
    return None


def _parties(rules: Iterable[PolicyElevate], templates: Templates) -> tuple[Party, ...]:
    """Who has to say yes: as a rule says, or its template."""
    return together(
        party for rule in rules for party in rule.parties or parties_of([rule.template], templates)
    )


def lacking(call: Call, facts: Facts) -> tuple[Setting, ...] | None:
    """What the arguments lack of what rules demand; None where they hold something else, or cannot
    hold it.

    A reply answers within a call that was constrained itself.
    """
    demanded = facts.policy.demands.constrain
    if not demanded or facts.gathered.reply:
        return ()
    known, manifest = facts.gathered, facts.gathered.tool.manifest
    if manifest is None or any(one.path[0] not in manifest.arguments for one in demanded):
        return None
    values: dict[Source, str] = {
        "task.tenant": known.task.tenant,
        "user.id": known.user.id,
        "agent.id": known.agent.id,
    }
    wanted = [
        Setting(one.path, one.value.const if isinstance(one.value, Constant) else values[one.value])
        for one in demanded
    ]
    return missing(call.arguments, wanted)
