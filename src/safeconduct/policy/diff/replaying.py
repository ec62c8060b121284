"""One recorded decision under two bundles.

Nothing is said of what the new bundle would change before the old one has given the very answer,
and the very verdict, that the record holds.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from operator import eq
from typing import Any, Final, Literal

import msgspec

from safeconduct.core.obligations import Path
from safeconduct.core.policy import PolicyAnswer, Said
from safeconduct.core.recorded_input import recorded_value
from safeconduct.core.replay import Verdict, replayed
from safeconduct.policy.loading import LocalEngine
from safeconduct.policy.replay.again import Again, Unreplayable, again
from safeconduct.policy.replay.asked import Asked, Bundles

Less = Literal["asks less", "its yes lasts longer", "asks by another template", "demands less"]
"""What is less about a call that may go on in both: who may say yes by another template is not
known, so it may be somebody whom nobody would have asked.
"""

_RANK: Final[dict[Said, int]] = {"deny": 0, "elevate": 1, "permit": 2}


class Change(msgspec.Struct, frozen=True):
    """A decision under both bundles; `gained` and `lost` are ids of rules that count."""

    old: Verdict
    new: Verdict
    gained: tuple[str, ...] = ()
    lost: tuple[str, ...] = ()
    relaxed: tuple[Less, ...] = ()
    if_met: bool = False
    """Whether `new` is what comes of arguments that meet what NEW demands of them. Records do not
    hold them, so the worst is taken for granted.
    """

    @property
    def flips(self) -> bool:
        """Whether the decision is another, and not only by other rules."""
        return self.old != self.new or bool(self.relaxed) or self.if_met

    @property
    def widens(self) -> bool:
        """Whether it refuses, asks or demands less."""
        return _RANK[self.new.said] > _RANK[self.old.said] or bool(self.relaxed)

    @property
    def narrows(self) -> bool:
        """Whether it refuses or asks more, and nothing less."""
        asks_more = {*self.new.requires} > {*self.old.requires}
        alike = self.new.said == self.old.said
        lower = _RANK[self.new.said] < _RANK[self.old.said]
        return not self.widens and (lower or (alike and (asks_more or self.if_met)))


class Compared(msgspec.Struct, frozen=True):
    """A decision that was reproduced, and what it comes to under NEW."""

    change: Change
    old: PolicyAnswer
    new: PolicyAnswer


class Pair:
    """Bundles that decided, and one that is to decide, asked about the same calls."""

    def __init__(self, old: Bundles, new: LocalEngine) -> None:
        self._old = old
        self._new = old.get(new.digest) or Asked(new)

    def compare(
        self, record: Mapping[str, Any], instead: Mapping[str, Any] | None = None
    ) -> Compared:
        """A decision record of a call that the policy was asked about; `instead` is what it had
        been by then under NEW, where that is something else.

        Raises:
            Unreplayable: OLD does not reproduce it, or NEW would look at what is masked.
        """
        before = again(record, self._old)
        verdict, old = before.verdict, before.answer
        if self._new is before.engine and instead is None:
            return Compared(Change(verdict, verdict), old, old)  # it said so a moment ago
        new = self._judged(instead or record, before, changed=instead is not None)
        if instead is None and _alike(old, new):
            return Compared(Change(verdict, verdict), old, new)
        after, if_met = _verdict(instead or record, old, new, lacked=before.unmet)
        return Compared(_change(verdict, after, old, new, if_met=if_met), old, new)

    def _judged(self, record: Mapping[str, Any], before: Again, *, changed: bool) -> PolicyAnswer:
        """What NEW says to what the rules saw. Raises Unreplayable."""
        if _hidden(record["policy"].get("masked", ()), self._new.engine.looks):
            raise Unreplayable("masked for NEW")
        value, members = before.value, self._new.engine.members
        had = before.engine.engine.members
        if changed or not _within(members, had):
            value = recorded_value(record, members)
        elif members is not None:
            value = {name: item for name, item in value.items() if name in members}
        return self._new.evaluate(value, record["at_ms"])


def _within(members: frozenset[str] | None, others: frozenset[str] | None) -> bool:
    """Whether who sees the others sees these; None are all."""
    return others is None or (members is not None and members <= others)


def _alike(old: PolicyAnswer, new: PolicyAnswer) -> bool:
    """Whether the same rules count, and come to the same."""
    return (
        new.permit == old.permit
        and new.deny == old.deny
        and new.elevate == old.elevate
        and new.demands == old.demands
        and new.error == old.error
    )


def _hidden(masked: Iterable[str], looks: Iterable[Path]) -> bool:
    """Whether rules that look there could see something at one of these JSON Pointers."""
    for pointer in masked:
        parts = [part.replace("~1", "/").replace("~0", "~") for part in pointer.split("/")[1:]]
        # Each counts that lies below the other, or is the other.
        if any(all(map(eq, look, parts)) for look in looks):
            return True
    return False


def _verdict(
    record: Mapping[str, Any], old: PolicyAnswer, new: PolicyAnswer, *, lacked: bool
) -> tuple[Verdict, bool]:
    """The verdict under NEW, and whether it is that of arguments that meet its demands."""
    verdict = replayed(record, new, unmet=False)
    had, wanted = {*old.demands.constrain}, {*new.demands.constrain}
    if not wanted or verdict.said == "deny":
        return verdict, False
    if lacked and had <= wanted:
        return replayed(record, new, unmet=True), False
    # That the arguments held what OLD demands is known of calls that it let pass.
    met = not lacked and old.said != "deny" and wanted <= had
    return verdict, not met


def _change(
    before: Verdict, after: Verdict, old: PolicyAnswer, new: PolicyAnswer, *, if_met: bool
) -> Change:
    was, now = _spoke(old), _spoke(new)
    # Whoever may go on, and not more freely than before, may still do so with less.
    go_on = 0 < _RANK[after.said] <= _RANK[before.said]
    return Change(
        before,
        after,
        gained=tuple(sorted(now - was)),
        lost=tuple(sorted(was - now)),
        relaxed=tuple(_less(before, after, old, new)) if go_on else (),
        if_met=if_met,
    )


def _spoke(answer: PolicyAnswer) -> frozenset[str]:
    return frozenset((*answer.permit, *answer.deny, *(rule.id for rule in answer.elevate)))


def _less(before: Verdict, after: Verdict, old: PolicyAnswer, new: PolicyAnswer) -> Iterator[Less]:
    asks_fewer = before.said == after.said and len(after.requires) < len(before.requires)
    if asks_fewer or (old.elevate and not new.elevate):
        yield "asks less"
    if old.elevate and new.elevate:
        if _lasts_s(new) > _lasts_s(old):
            yield "its yes lasts longer"
        if _templates(new) != _templates(old):
            yield "asks by another template"
    if (
        not {*old.demands.constrain} <= {*new.demands.constrain}
        or not {*old.demands.redact} <= {*new.demands.redact}
        or old.demands.spotlight > new.demands.spotlight
    ):
        yield "demands less"


def _lasts_s(answer: PolicyAnswer) -> int:
    return min(rule.ttl_s for rule in answer.elevate)


def _templates(answer: PolicyAnswer) -> set[str]:
    return {rule.template for rule in answer.elevate}
