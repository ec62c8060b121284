"""Step 4: every check answers; any Deny beats all, else the Elevates merge into one, else Permit.

Pure and total: same call and facts, same verdict, today and on replay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from safeconduct.core import releases, subgrants
from safeconduct.core.asking import relies
from safeconduct.core.checks import FIRST, NAMES, SECOND
from safeconduct.core.checks.policy import UNMET, lacking
from safeconduct.core.findings import beginnings
from safeconduct.core.manifest import Returns, Spotlighting
from safeconduct.core.model import Call, Facts, ToolFacts, standing
from safeconduct.core.obligations import Setting
from safeconduct.core.steering import chosen
from safeconduct.core.verdict import (
    Answer,
    Decision,
    Deny,
    Elevate,
    Grant,
    Obligation,
    OwnRows,
    Permit,
    Redact,
    Requirement,
    Spotlight,
)

GRANT_MS: Final = 60_000
"""How long a grant lasts at most, in milliseconds: one call, not a standing permission."""


NOTHING_AGAINST: Final = tuple(Answer(name, None) for name in NAMES)
"""The answers of checks of which none has anything against a call."""

NO_SECRETS: Final = Redact(("secret.",))

LACKING: Final = frozenset({UNMET, "call-unanchored"})
"""What is said of a call for what it lacks: what the policy puts into it may be all of that."""


def decide(call: Call, facts: Facts) -> Decision:
    """The verdict on a call, with the answer of every check."""
    gathered = facts.gathered
    asked = (
        *[first(call, gathered) for _, first in FIRST],
        *[second(call, facts) for _, second in SECOND],
    )
    against = [said for said in asked if said is not None]
    answers = tuple(map(Answer, NAMES, asked)) if against else NOTHING_AGAINST
    for said in against:
        if isinstance(said, Deny):
            return Decision(said, answers, _sets(call, facts, said))
    requirements = [said.requirement for said in against if isinstance(said, Elevate)]
    if requirements:
        requirement = merge(requirements)
        if not covers(call, facts, requirement):
            return Decision(Elevate(requirement), answers)
    return Decision(Permit(_grant(call, facts), _obligations(facts)), answers)


def _sets(call: Call, facts: Facts, refusal: Deny) -> tuple[Setting, ...]:
    """What the policy puts into the arguments, of a call that lacks nothing else: once."""
    if refusal.code not in LACKING or call.constrained:
        return ()
    return lacking(call, facts) or ()


def merge(requirements: Sequence[Requirement]) -> Requirement:
    """One requirement that asks for all that several ask for, for the shortest time."""
    return Requirement(
        templates=tuple(sorted({item for one in requirements for item in one.templates})),
        sources=tuple(sorted({item for one in requirements for item in one.sources})),
        ttl_s=min(one.ttl_s for one in requirements),
        origins={name: seen for one in requirements for name, seen in one.origins.items()},
        values=tuple(sorted({item for one in requirements for item in one.values})),
        wheres=tuple(sorted({item for one in requirements for item in one.wheres})),
    )


def covers(call: Call, facts: Facts, requirement: Requirement) -> bool:
    """Whether a person's yes stands for this call, and was asked for all that is asked now."""
    approval = standing(call, facts)
    return approval is not None and frozenset(requirement.sources) <= frozenset(approval.sources)


def _grant(call: Call, facts: Facts) -> Grant:
    """An approval that stands is used up, whether a check or a rule of the policy relied on it."""
    gathered, approval = facts.gathered, standing(call, facts)
    manifest = gathered.tool.manifest
    return Grant(
        target=call.target,
        digest=call.digest,
        expires_ms=min(
            gathered.now_ms + GRANT_MS, gathered.token_expires_ms, gathered.task.expires_ms
        ),
        scopes=() if manifest is None else manifest.scopes,
        approval=None if approval is None else approval.id,
        chosen=chosen(call, facts),
        follows=facts.followed is not None and relies(call, facts),
        subgrants=subgrants.used(facts.provenance) if gathered.task.subgrants else (),
        releases=releases.used(call, facts) if gathered.task.releases else (),
    )


def _obligations(facts: Facts) -> tuple[Obligation, ...]:
    """Credentials never reach the agent, nor do other tenants' rows; what the manifest or a rule
    wants redacted or marked is.
    """
    tool, demands = facts.gathered.tool, facts.policy.demands
    hidden, returns = demands.redact, NOTHING if tool.manifest is None else tool.manifest.returns
    found: list[Obligation] = []
    if (rows := returns.rows) is not None:
        found.append(OwnRows(rows.at, rows.tenant, facts.gathered.task.tenant))
    found.append(redaction(returns, hidden))
    if (mode := _mode(tool, demanded=demands.spotlight)) != "none":
        found.append(Spotlight(tool.destination, mode))
    return tuple(found)


def redaction(returns: Returns, hidden: tuple[str, ...] = ()) -> Redact:
    """What is cut out of a result, and what has tokens in its place: as its manifest says, and
    `hidden`, which rules demand. Credentials always are.
    """
    if not (hidden or returns.redact or returns.tokenise):
        return NO_SECRETS
    cut = (*NO_SECRETS.kinds, *beginnings((*hidden, *returns.redact)))
    return Redact(tuple(dict.fromkeys(cut)), hidden, beginnings(returns.tokenise))


NOTHING: Final = Returns()


def _mode(tool: ToolFacts, *, demanded: bool) -> Spotlighting:
    """How a result is marked: as its manifest says, else as its upstream; and where a rule demands
    it, at all.
    """
    manifest = tool.manifest
    own = None if manifest is None else manifest.spotlight
    mode = tool.spotlight if own is None else own
    return "delimit" if demanded and mode == "none" else mode
