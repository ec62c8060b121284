"""A log of decisions, each decided again: what differs, and what could not be told, counted."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from safeconduct.policy.replay.again import Unreplayable, Why, again
from safeconduct.policy.replay.asked import Bundles

LISTED: Final = 20
"""How many differences are listed; all are counted."""
SAMPLES: Final = 3


class Difference(msgspec.Struct, frozen=True):
    """A decision that is not what it was: `fields` of its record do not follow any more."""

    decision: str
    at_ms: int
    tool: str
    fields: tuple[str, ...]


class Unreplayed(msgspec.Struct, frozen=True):
    """Decisions that could not be decided again, and why."""

    why: Why
    decisions: int
    samples: tuple[str, ...]


class Checked(msgspec.Struct, frozen=True, kw_only=True):
    """What came of deciding a log again.

    Attributes:
        decisions: How many were looked at.
        replayed: Of these, decided again, and the same.
        differing: Of these, decided again, and not the same.
        differences: The first of them.
        unreplayed: The rest, by why.
        inputs: How many distinct inputs were put to the engines.
    """

    decisions: int
    replayed: int
    differing: int
    differences: tuple[Difference, ...]
    unreplayed: tuple[Unreplayed, ...]
    inputs: int


class Check:
    """Takes in decision records, whole, in the order of the log."""

    def __init__(self, bundles: Bundles) -> None:
        self._bundles = bundles
        self._decisions = self._replayed = self._differing = 0
        self._differences: list[Difference] = []
        self._why: Counter[Why] = Counter()
        self._samples: defaultdict[Why, list[str]] = defaultdict(list)

    def take(self, record: Mapping[str, Any]) -> Unreplayable | None:
        """Decide one anew; what is wrong with it, if something is."""
        self._decisions += 1
        try:
            again(record, self._bundles)
        except Unreplayable as left:
            if left.why == "differs":
                self._differ(record, left.fields)
            else:
                self._leave(record, left.why)
            return left
        self._replayed += 1
        return None

    def checked(self) -> Checked:
        """What was seen until now."""
        return Checked(
            decisions=self._decisions,
            replayed=self._replayed,
            differing=self._differing,
            differences=tuple(self._differences),
            unreplayed=tuple(
                Unreplayed(why, self._why[why], tuple(self._samples[why]))
                for why in sorted(self._why)
            ),
            inputs=self._bundles.put,
        )

    def _differ(self, record: Mapping[str, Any], fields: tuple[str, ...]) -> None:
        self._differing += 1
        if len(self._differences) < LISTED:
            self._differences.append(
                Difference(record["decision"], record["at_ms"], record["tool"], fields)
            )

    def _leave(self, record: Mapping[str, Any], why: Why) -> None:
        self._why[why] += 1
        if len(self._samples[why]) < SAMPLES:
            self._samples[why].append(record["decision"])
