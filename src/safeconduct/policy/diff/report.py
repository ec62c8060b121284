"""What a change of policy would have done to a log of decisions, counted and in groups."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from safeconduct.core.policy import PolicyAnswer
from safeconduct.policy.diff.replaying import Change, Less, Pair
from safeconduct.policy.loading import LocalEngine
from safeconduct.policy.replay.again import Unreplayable, Why
from safeconduct.policy.replay.asked import Bundles

SAMPLES: Final = 3
"""How many decisions are shown of each group."""

_ORDER: Final = {
    ("deny", "permit"): 0,
    ("elevate", "permit"): 1,
    ("deny", "elevate"): 2,
    ("permit", "deny"): 4,
    ("permit", "elevate"): 5,
    ("elevate", "deny"): 6,
}
_RELAXED: Final = 3
_LAST: Final = 7


class Sample(msgspec.Struct, frozen=True):
    """A decision; `follows` a flip in its task, so that labels and budgets could have been others
    by then.
    """

    decision: str
    at_ms: int
    task: str
    labels: dict[str, Any]
    follows: bool


class Group(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions on one tool that change alike. `follow` is how many follow a flip in their task.

    `agents` are how many of them each agent asked for. Where one neither `widens` nor `narrows`,
    another question is asked. With `if_met` the new verdict is that on arguments that meet what NEW
    demands of them.
    """

    old: str
    new: str
    tool: str
    gained: tuple[str, ...]
    lost: tuple[str, ...]
    relaxed: tuple[Less, ...]
    if_met: bool
    widens: bool
    narrows: bool
    decisions: int
    follow: int
    agents: dict[str, int]
    samples: tuple[Sample, ...]


class Left(msgspec.Struct, frozen=True, kw_only=True):
    """Decisions that were not replayed, and why."""

    why: str
    decisions: int
    samples: tuple[str, ...]


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """The difference between two bundles on a log.

    Attributes:
        old, new: Digests of the bundles; of several that decided all of them.
        decisions: How many were looked at.
        unasked: Of these, decided before the policy was asked: they stay.
        replayed: Of these, reproduced by OLD to the rule.
        compared: Whether there are any of them. Without, nothing is known of the change.
        masked: Of the replayed, how many with masked values: of those only equality is known.
        changed: Of the replayed, decided otherwise under NEW.
        widened: Of the changed, with less refused, asked or demanded.
        narrowed: Of the changed, with more refused or asked, and nothing less.
        by_other_rules: Of the replayed, the same under NEW by other rules.
        follow: Of the unchanged, how many follow a flip in their task.
        groups: The changed ones, wider first.
        left: Those that were not replayed.
        logged: By bundle, what each of its logged rules had made of decisions, by rule.
    """

    old: str
    new: str
    decisions: int
    unasked: int
    replayed: int
    compared: bool
    masked: int
    changed: int
    widened: int
    narrowed: int
    by_other_rules: int
    follow: int
    groups: tuple[Group, ...]
    left: tuple[Left, ...]
    logged: dict[str, dict[str, dict[str, int]]]


class _Tally:
    def __init__(self) -> None:
        self.decisions = 0
        self.follow = 0
        self.agents: Counter[str] = Counter()
        self.samples: list[Sample] = []

    def add(self, record: Mapping[str, Any], *, follows: bool) -> None:
        self.decisions += 1
        self.follow += follows
        self.agents[record["agent"]] += 1
        if len(self.samples) < SAMPLES:
            self.samples.append(
                Sample(
                    decision=record["decision"],
                    at_ms=record["at_ms"],
                    task=record["task"],
                    labels=record["labels"],
                    follows=follows,
                )
            )


class Comparison:
    """Takes in decision records in the order of the log."""

    def __init__(self, old: Bundles, new: LocalEngine) -> None:
        self._pair = Pair(old, new)
        self._digests = ", ".join(old.digests), new.digest
        self.decisions = 0
        self._unasked = self._replayed = self._masked = self._by_other_rules = self._follow = 0
        self._changes: defaultdict[tuple[str, Change], _Tally] = defaultdict(_Tally)
        self._left: defaultdict[str, _Tally] = defaultdict(_Tally)
        self._flipped: set[str] = set()
        self._logged: tuple[Counter[tuple[str, str]], ...] = (Counter(), Counter())

    def take(
        self, record: Mapping[str, Any], instead: Mapping[str, Any] | None = None
    ) -> Change | None:
        """Look at one decision, and at what it had been by then under NEW, as `Pair.compare` does;
        None where nothing is known of it.
        """
        self.decisions += 1
        if "policy" not in record:
            self._unasked += 1
            return None
        try:
            compared = self._pair.compare(record, instead)
        except Unreplayable as left:
            self.leave(record, left.why)
            return None
        self._replayed += 1
        self._masked += "masked" in record["policy"]
        change = compared.change
        for counts, answer in zip(self._logged, (compared.old, compared.new), strict=True):
            if answer.log_only:
                _count(counts, answer)
        follows = record["task"] in self._flipped
        if change.flips:
            self._changes[record["tool"], change].add(record, follows=follows)
            self._flipped.add(record["task"])
        else:
            self._by_other_rules += bool(change.gained or change.lost)
            self._follow += follows
        return change

    def leave(self, record: Mapping[str, Any], why: Why) -> None:
        """Count a decision as one of which nothing is known."""
        self._left[why].add(record, follows=record["task"] in self._flipped)

    def report(self) -> Report:
        """What was seen until now."""
        groups = sorted(
            (_group(tool, change, tally) for (tool, change), tally in self._changes.items()),
            key=_order,
        )
        old, new = self._digests
        return Report(
            old=old,
            new=new,
            decisions=self.decisions,
            unasked=self._unasked,
            replayed=self._replayed,
            compared=self._replayed > 0,
            masked=self._masked,
            changed=sum(group.decisions for group in groups),
            widened=sum(group.decisions for group in groups if group.widens),
            narrowed=sum(group.decisions for group in groups if group.narrows),
            by_other_rules=self._by_other_rules,
            follow=self._follow,
            groups=tuple(groups),
            left=tuple(
                Left(
                    why=why,
                    decisions=tally.decisions,
                    samples=tuple(one.decision for one in tally.samples),
                )
                for why, tally in sorted(self._left.items())
            ),
            logged={"old": _nested(self._logged[0]), "new": _nested(self._logged[1])},
        )


def _count(counts: Counter[tuple[str, str]], answer: PolicyAnswer) -> None:
    """Counts logged rules that spoke, by what the policy had said if they counted."""
    for rule in answer.log_only:
        flips = answer.would_have != answer.said
        counts[rule, f"{answer.said} -> {answer.would_have}" if flips else "no change"] += 1


def _nested(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    nested: dict[str, dict[str, int]] = {}
    for (rule, effect), number in sorted(counts.items()):
        nested.setdefault(rule, {})[effect] = number
    return nested


def _group(tool: str, change: Change, tally: _Tally) -> Group:
    return Group(
        old=str(change.old),
        new=str(change.new),
        tool=tool,
        gained=change.gained,
        lost=change.lost,
        relaxed=change.relaxed,
        if_met=change.if_met,
        widens=change.widens,
        narrows=change.narrows,
        decisions=tally.decisions,
        follow=tally.follow,
        agents=dict(tally.agents.most_common()),
        samples=tuple(tally.samples),
    )


def _order(group: Group) -> tuple[int, int, str, tuple[str, ...], tuple[str, ...]]:
    kinds = group.old.split()[0], group.new.split()[0]
    rank = _RELAXED if group.relaxed else _ORDER.get(kinds, _LAST)
    return rank, -group.decisions, group.tool, group.gained, group.lost
