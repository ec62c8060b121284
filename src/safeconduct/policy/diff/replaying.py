"""One recorded decision under two bundles.

Nothing is said of what the new bundle would change before the old one has given the very answer,
and the very verdict, that the record holds.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from safeconduct.core.obligations import Demands
from safeconduct.core.policy import PolicyAnswer, Said
from safeconduct.core.record import policy_value
from safeconduct.core.recorded_input import NotReplayable, recorded_input
from safeconduct.core.replay import Verdict, recorded, replayed, unmet
from safeconduct.policy.loading import LocalEngine

JSON = dict[str, Any]

Why = Literal["other bundle", "masked", "no input", "error", "differs", "arguments"]
WHY: Final[dict[Why, str]] = {
    "other bundle": "judged by another bundle than OLD, or by an engine elsewhere",
    "masked": "the record does not show what the rules saw",
    "no input": "recorded by a version that did not keep what the rules saw",
    "error": "the rules could not be asked then, and OLD can be now",
    "differs": "OLD says something else now",
    "arguments": "NEW constrains arguments, which records do not hold",
}
"""Why a decision is not replayed."""

_KEPT_APART: Final = ("input", "masked")
_RANK: Final[dict[Said, int]] = {"deny": 0, "elevate": 1, "permit": 2}


class Unreplayable(Exception):
    """A decision that OLD does not reproduce; `why` is one of `WHY`."""

    def __init__(self, why: Why) -> None:
        super().__init__(WHY[why])
        self.why: Why = why


class Change(msgspec.Struct, frozen=True):
    """A decision under both bundles; `gained` and `lost` are ids of rules that count."""

    old: Verdict
    new: Verdict
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    relaxed: bool = False
    """Whether less is asked, or demanded, of a call that may go on in both."""

    @property
    def flips(self) -> bool:
        """Whether the decision is another, and not only by other rules."""
        return self.old != self.new or self.relaxed

    @property
    def widens(self) -> bool:
        """Whether it refuses, asks or demands less."""
        return _RANK[self.new.said] > _RANK[self.old.said] or self.relaxed

    @property
    def narrows(self) -> bool:
        """Whether it refuses or asks more, and nothing less."""
        asks_more = {*self.new.requires} > {*self.old.requires}
        alike = self.new.said == self.old.said
        lower = _RANK[self.new.said] < _RANK[self.old.said]
        return not self.widens and (lower or (alike and asks_more))


class Pair:
    """Two bundles that are asked about the same calls."""

    def __init__(self, old: LocalEngine, new: LocalEngine) -> None:
        self._old = old
        self._new = new

    def compare(self, record: Mapping[str, Any]) -> tuple[Change, PolicyAnswer, PolicyAnswer]:
        """A decision record of a call that the policy was asked about.

        Raises:
            Unreplayable: OLD does not reproduce it, or records cannot tell.
        """
        policy: JSON = record["policy"]
        if policy["bundle"] != self._old.digest:
            raise Unreplayable("other bundle")
        try:
            given = recorded_input(record, self._old.members)
        except NotReplayable:
            raise Unreplayable("masked" if "masked" in policy else "no input") from None
        now_ms: int = record["at_ms"]
        old = self._old.evaluate(given, now_ms)
        verdict = recorded(record)
        lacked = bool(old.demands.constrain) and unmet(record)
        if not _same(policy, old) or replayed(record, old, unmet=lacked) != verdict:
            why: Why = "error" if "error" in policy else "differs"
            raise Unreplayable("masked" if "masked" in policy else why)
        if self._new.digest == self._old.digest:
            return Change(verdict, verdict), old, old  # it said so a moment ago
        if self._new.members != self._old.members:
            given = recorded_input(record, self._new.members)
        new = self._new.evaluate(given, now_ms)
        if _alike(old, new):
            return Change(verdict, verdict), old, new
        return _change(verdict, _verdict(record, old, new, lacked=lacked), old, new), old, new


def _same(policy: JSON, answer: PolicyAnswer) -> bool:
    said = policy_value(answer)
    return said == {name: item for name, item in policy.items() if name not in _KEPT_APART}


def _alike(old: PolicyAnswer, new: PolicyAnswer) -> bool:
    """Whether the same rules count, and come to the same."""
    return (
        new.permit == old.permit
        and new.deny == old.deny
        and new.elevate == old.elevate
        and new.demands == old.demands
        and new.error == old.error
    )


def _verdict(
    record: Mapping[str, Any], old: PolicyAnswer, new: PolicyAnswer, *, lacked: bool
) -> Verdict:
    """The verdict under NEW. Raises Unreplayable where it hangs on arguments."""
    verdict = replayed(record, new, unmet=False)
    had, wanted = {*old.demands.constrain}, {*new.demands.constrain}
    if not wanted or replayed(record, new, unmet=True) == verdict:
        return verdict
    if lacked and had <= wanted:
        return replayed(record, new, unmet=True)
    # That the arguments held what OLD demands is known of calls that it let pass.
    if not lacked and old.said != "deny" and wanted <= had:
        return verdict
    raise Unreplayable("arguments")


def _change(before: Verdict, after: Verdict, old: PolicyAnswer, new: PolicyAnswer) -> Change:
    was, now = _spoke(old), _spoke(new)
    go_on = before.said == after.said != "deny"
    asks_less = {*after.requires} < {*before.requires}
    return Change(
        before,
        after,
        gained=tuple(sorted(now - was)),
        lost=tuple(sorted(was - now)),
        relaxed=go_on and (asks_less or _less(new.demands, old.demands)),
    )


def _spoke(answer: PolicyAnswer) -> frozenset[str]:
    return frozenset((*answer.permit, *answer.deny, *(rule.id for rule in answer.elevate)))


def _less(new: Demands, old: Demands) -> bool:
    return (
        not {*old.constrain} <= {*new.constrain}
        or not {*old.redact} <= {*new.redact}
        or old.spotlight > new.spotlight
    )
