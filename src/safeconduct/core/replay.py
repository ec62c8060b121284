"""What a recorded decision would be if the policy had said something else. Pure.

The other checks said what the record holds: only the check `policy` is asked anew, and the check
`flow` where a rule that elevates turns its refusal into a question.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec
from msgspec import structs

from safeconduct.core.asking import CONTROL_SOURCE, STEERING, by_policy
from safeconduct.core.checks.policy import UNMET, answered
from safeconduct.core.checks.review import reviewed
from safeconduct.core.decide import GRANT_MS, merge
from safeconduct.core.limits import CALLS, is_amount
from safeconduct.core.model import ApprovalFacts
from safeconduct.core.policy import PolicyAnswer, Said
from safeconduct.core.review import Reviewed
from safeconduct.core.verdict import Deny, Elevate, Redact, Requirement, Spotlight

NOTHING: Final = "nothing against it"
_FULL: Final = "desk-full"
_VERDICT: Final = ("verdict", "reason", "requires")
_REDACT: Final = Redact.__struct_config__.tag
_SPOTLIGHT: Final = Spotlight.__struct_config__.tag


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


def disagreeing(
    record: Mapping[str, Any], said: PolicyAnswer | None, *, unmet: bool
) -> tuple[str, ...]:
    """What of a decision record does not follow from the rest of it and what the policy said.

    None where the policy was not asked. What hangs on the manifest, as some obligations, is not in
    the record: of these only what follows whatever it says.
    """
    if not record["checks"]:
        return ()  # no check pronounced it
    found: list[str] = []
    if said is not None:
        asked = answered(said, record.get("failures", ()), unmet=unmet)
        named = next((one for one in record["checks"] if one["check"] == "policy"), None)
        if named is None or _heard(_recorded(named)) != _heard(asked):
            found.append("checks.policy")
    if "review" in record:
        named = next((one for one in record["checks"] if one["check"] == "review"), None)
        asked = reviewed(msgspec.convert(record["review"], Reviewed))
        if named is None or _heard(_recorded(named)) != _heard(asked):
            found.append("checks.review")
    before = recorded(record)
    after = replayed(record, said, unmet=unmet)
    if before != after:
        pairs = zip(_VERDICT, structs.astuple(before), structs.astuple(after), strict=True)
        found.extend(name for name, old, new in pairs if old != new)
    if before.said == "permit":
        found.extend(_granted(record, said))
    return tuple(found)


def _granted(record: Mapping[str, Any], said: PolicyAnswer | None) -> Iterator[str]:
    """What of a permit does not follow."""
    obligations = record["obligations"]
    spotlight = said is not None and said.demands.spotlight
    if _REDACT not in obligations or (spotlight and _SPOTLIGHT not in obligations):
        yield "obligations"
    if record["expires_ms"] > record["at_ms"] + GRANT_MS:
        yield "expires_ms"
    # A reply belongs to a call that was counted.
    counted = {name: spent for name, spent in record["spends"].items() if not is_amount(name)}
    if counted and counted != dict.fromkeys((CALLS, *record["scopes"]), 1):
        yield "spends"


def _heard(said: Deny | Elevate | None) -> object:
    """What a record holds of what a check said."""
    if isinstance(said, Elevate):
        return said.requirement.sources
    return None if said is None else said.code


def _recorded(answer: Mapping[str, Any]) -> Deny | Elevate | None:
    if answer["said"] == "deny":
        return Deny(answer["reason"])
    return _asking(answer["asks"]) if answer["said"] == "elevate" else None


def _flow(
    answer: Mapping[str, Any], said: PolicyAnswer, approved: tuple[str, ...]
) -> Deny | Elevate | None:
    reason = answer.get("reason")
    if reason not in STEERING and CONTROL_SOURCE not in answer.get("asks", ()):
        return _recorded(answer)
    approval = ApprovalFacts(id="", digest="", state="granted", sources=approved)
    return by_policy(said, approval, Deny(answer.get("instead") or reason or STEERING[0]))


def _asking(sources: list[str]) -> Elevate:
    # For how long a yes would be good is no part of a verdict.
    return Elevate(Requirement(templates=(), sources=tuple(sources), ttl_s=1))
