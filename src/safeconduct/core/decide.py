"""Step 4: every check answers; any Deny beats all, else the Elevates merge into one, else Permit.

Pure and total: same call and facts, same verdict, today and on replay.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from safeconduct.core import elevations, releases, subgrants
from safeconduct.core.approvers import PLAIN, Templates, meet, offer_of, parties_of, together
from safeconduct.core.asking import relies
from safeconduct.core.checks import FIRST, NAMES, SECOND
from safeconduct.core.checks.policy import UNMET, lacking
from safeconduct.core.elevation import Bypass, Elevation
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
    elevation, bypass = None, None
    if requirements:
        requirement = merge(requirements, gathered.templates)
        if not covers(call, facts, requirement):
            elevation = elevations.covering(call, facts, requirement)
            bypass = elevations.bypassing(facts, requirement) if elevation is None else None
            if elevation is None and bypass is None:
                return Decision(Elevate(requirement), answers)
    grant = _grant(call, facts, elevation, bypass)
    return Decision(Permit(grant, _obligations(facts)), answers)


def _sets(call: Call, facts: Facts, refusal: Deny) -> tuple[Setting, ...]:
    """What the policy puts into the arguments, of a call that lacks nothing else: once."""
    if refusal.code not in LACKING or call.constrained:
        return ()
    return lacking(call, facts) or ()


def merge(requirements: Sequence[Requirement], templates: Templates | None = None) -> Requirement:
    """One requirement that asks for all that several ask for, for the shortest time. `templates`
    explain the names of questions: where no rule says who has to say yes, they do.
    """
    known = templates or {}
    names = tuple(sorted({item for one in requirements for item in one.templates}))
    explained = [known.get(name, PLAIN) for name in names]
    ttls_s = [one.ttl_s for one in explained if one.ttl_s is not None]
    waits_s = [one.wait_s for one in explained if one.wait_s is not None]
    return Requirement(
        templates=names,
        sources=tuple(sorted({item for one in requirements for item in one.sources})),
        ttl_s=min([*(one.ttl_s for one in requirements), *ttls_s]),
        origins={name: seen for one in requirements for name, seen in one.origins.items()},
        values=tuple(sorted({item for one in requirements for item in one.values})),
        wheres=tuple(sorted({item for one in requirements for item in one.wheres})),
        parties=together(
            party
            for one in requirements
            for party in one.parties or parties_of(one.templates, known)
        ),
        wait_s=min(waits_s, default=None),
        offers=offer_of(names, known),
    )


def covers(call: Call, facts: Facts, requirement: Requirement) -> bool:
    """Whether a yes stands for this very call, by all who have to say it, and was asked for all
    that is asked now.
    """
    approval = standing(call, facts)
    return (
        approval is not None
        and frozenset(requirement.sources) <= frozenset(approval.sources)
        and meet(approval.parties, requirement.parties)
    )


def _grant(call: Call, facts: Facts, elevation: Elevation | None, bypass: Bypass | None) -> Grant:
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
        elevation=None if elevation is None else elevation.id,
        bypass=None if bypass is None else bypass.id,
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
