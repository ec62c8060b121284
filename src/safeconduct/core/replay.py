"""What a recorded decision would be if the policy had said something else. Pure.

The other checks said what the record holds: only the check `policy` is asked anew, and the check
`flow` where a rule that elevates turns its refusal into a question.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from safeconduct.core.checks.flow import CONTROL_SOURCE, steered
from safeconduct.core.checks.policy import UNMET, answered
from safeconduct.core.decide import merge
from safeconduct.core.model import ApprovalFacts
from safeconduct.core.policy import PolicyAnswer, Said
from safeconduct.core.verdict import Deny, Elevate, Requirement

NOTHING: Final = "nothing against it"
UNVOUCHED: Final = "control-argument-unvouched"
_FULL: Final = "desk-full"


class Verdict(msgspec.Struct, frozen=True):
    """`reason` of a deny, `requires` of an elevate: as in a decision record."""

    said: Said
    reason: str | None = None
    requires: tuple[str, ...] = ()

    def __str__(self) -> str:
        """The verdict in a few words."""
        more = self.reason or ", ".join(self.requires)
        return f"{self.said} ({more})" if more else self.said


PERMIT: Final = Verdict("permit")


def recorded(record: Mapping[str, Any]) -> Verdict:
    """The verdict in a decision record; a question that found no room counts as asked."""
    verdict: Said = record["verdict"]
    if record.get("reason") == _FULL:
        return replayed(record, None, unmet=False)
    if verdict == "permit":
        return PERMIT
    return Verdict(verdict, record.get("reason"), tuple(record.get("requires", ())))


def unmet(record: Mapping[str, Any]) -> bool:
    """Whether the arguments lacked what the policy demanded of them."""
    return any(one.get("reason") == UNMET for one in record["checks"])


def replayed(record: Mapping[str, Any], said: PolicyAnswer | None, *, unmet: bool) -> Verdict:
    """The verdict on the call of a decision record if the policy had said this; None: what it did.

    `unmet`: the arguments lack what the policy demands then.
    """
    approved: tuple[str, ...] = tuple(record.get("approved", ()))
    requirements: list[Requirement] = []
    for answer in record["checks"]:
        if said is not None and answer["check"] == "policy":
            one = answered(said, record.get("failures", ()), unmet=unmet)
        elif answer["said"] == NOTHING:
            continue
        elif said is not None and answer["check"] == "flow":
            one = _flow(answer, said, approved)
        else:
            one = _recorded(answer)
        if isinstance(one, Deny):
            return Verdict("deny", one.code)
        if one is not None:
            requirements.append(one.requirement)
    if not requirements:
        return PERMIT
    requirement = merge(requirements)
    if frozenset(requirement.sources) <= frozenset(approved):
        return PERMIT
    return Verdict("elevate", requires=requirement.sources)


def _recorded(answer: Mapping[str, Any]) -> Deny | Elevate | None:
    if answer["said"] == "deny":
        return Deny(answer["reason"])
    return _asking(answer["asks"]) if answer["said"] == "elevate" else None


def _flow(
    answer: Mapping[str, Any], said: PolicyAnswer, approved: tuple[str, ...]
) -> Deny | Elevate | None:
    steers = answer.get("reason") == UNVOUCHED or CONTROL_SOURCE in answer.get("asks", ())
    if not steers:
        return _recorded(answer)
    return steered(said, ApprovalFacts(id="", digest="", state="granted", sources=approved))


def _asking(sources: list[str]) -> Elevate:
    # For how long a yes would be good is no part of a verdict.
    return Elevate(Requirement(templates=(), sources=tuple(sources), ttl_s=1))
