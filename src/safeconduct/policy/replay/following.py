"""What of a decision record follows from what the rules say now, worked out once for decisions that
are alike.

Decisions differ in who calls what and when; in what the checks said, and in what came of it, few
differ. That a result may stand for another decision follows from this: it is worked out from the
very part of the record by whose bytes it is found, and from an equal answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import orjson

from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.record import policy_value
from safeconduct.core.replay import Verdict, disagreeing, recorded, unmet

JSON = dict[str, Any]

MAX_KEPT: Final = 4096
"""Results, of about a kilobyte each with the part of the record that they are of."""

_PART: Final = (
    *("checks", "failures", "approved", "verdict", "reason", "requires"),
    *("obligations", "scopes", "spends"),
)
_KEPT_APART: Final = frozenset({"input", "masked", "engine"})
_SEEN: Final = "input"


class Followed(msgspec.Struct, frozen=True):
    """What the record holds: its `verdict`, and whether the arguments lacked what the policy
    demanded of them; and the `fields` that do not follow from what the rules say.
    """

    verdict: Verdict
    unmet: bool
    fields: tuple[str, ...]


class Following:
    """Remembers what followed."""

    def __init__(self) -> None:
        self._known: dict[bytes, tuple[PolicyAnswer, Followed]] = {}

    def of(self, record: Mapping[str, Any], answer: PolicyAnswer) -> Followed:
        """What follows for a decision record of a call that the policy was asked about."""
        part = _part(record)
        key = orjson.dumps(part)
        known = self._known.get(key)
        if known is not None and (known[0] is answer or known[0] == answer):
            return known[1]
        found = _followed(part, answer)
        if len(self._known) >= MAX_KEPT:
            self._known.clear()
        self._known[key] = answer, found
        return found


def _part(record: Mapping[str, Any]) -> JSON:
    """The part of the record that says what came of it: of times only how far apart they are."""
    part: JSON = {name: record[name] for name in _PART if name in record}
    part["policy"] = {name: item for name, item in record["policy"].items() if name != _SEEN}
    if "expires_ms" in record:
        part["at_ms"], part["expires_ms"] = 0, record["expires_ms"] - record["at_ms"]
    return part


def _followed(part: JSON, answer: PolicyAnswer) -> Followed:
    lacked = bool(answer.demands.constrain) and unmet(part)
    fields = (*_otherwise(part["policy"], answer), *disagreeing(part, answer, unmet=lacked))
    return Followed(recorded(part), lacked, fields)


def _otherwise(policy: JSON, answer: PolicyAnswer) -> tuple[str, ...]:
    """What of the policy's part of a record is not what an answer comes to."""
    said = policy_value(answer)
    names = (said.keys() | policy.keys()) - _KEPT_APART
    return tuple(f"policy.{one}" for one in sorted(names) if said.get(one) != policy.get(one))
