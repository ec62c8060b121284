"""One recorded decision, decided again by the bundle that decided it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal

import msgspec

from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.recorded_input import UNOPENED, NotReplayable, recorded_value
from safeconduct.core.replay import Verdict, disagreeing
from safeconduct.policy.replay.asked import Asked, Bundles

JSON = dict[str, Any]

Why = Literal[
    "other bundle",
    "other engine",
    "masked",
    "no input",
    "erased",
    "sealed",
    "missing",
    "damaged",
    "too-large",
    "not asked",
    "error",
    "differs",
    "masked for NEW",
    "hangs on more",
]
WHY: Final[dict[Why, str]] = {
    "other bundle": "the bundle that decided is not at hand, or its engine is elsewhere",
    "other engine": "another version of the engine decided, and this one says something else",
    "masked": "the record does not show what the rules saw",
    "no input": "recorded by a version that did not keep what the rules saw",
    "erased": "the key to what the rules saw was erased",
    "sealed": "what the rules saw is sealed, and the key is not at hand",
    "missing": "what the rules saw is sealed in a file that is not there",
    "damaged": "what the rules saw is sealed, and not as it was written",
    "too-large": "what the rules saw was too large to be kept",
    "not asked": "refused before the policy was asked",
    "error": "the rules could not be asked then, and can be now",
    "differs": "the bundle that decided says something else now",
    "masked for NEW": "NEW has rules that look at what the record does not show",
    "hangs on more": "after a flip, it hangs on what the record does not hold",
}
"""Why a decision is not replayed."""


class Unreplayable(Exception):
    """A decision that OLD does not reproduce, or that NEW cannot judge; `why` is one of `WHY`, and
    `fields` what of the record does not follow from what OLD says.
    """

    def __init__(self, why: Why, fields: tuple[str, ...] = ()) -> None:
        super().__init__(WHY[why])
        self.why: Why = why
        self.fields = fields


class Again(msgspec.Struct, frozen=True):
    """A decision that was reproduced: what its rules saw, what they said, and the verdict.

    `unmet`: the arguments lacked what the policy demanded of them.
    """

    engine: Asked
    value: JSON
    answer: PolicyAnswer
    verdict: Verdict
    unmet: bool


def again(record: Mapping[str, Any], bundles: Bundles) -> Again:
    """A decision record, decided again as far as it holds what was decided by.

    Raises:
        Unreplayable: it is not reproduced, or not all of what that takes is there.
    """
    policy: JSON | None = record.get("policy")
    if policy is None:
        fields = disagreeing(record, None, unmet=False)
        raise Unreplayable("differs" if fields else "not asked", fields)
    engine = bundles.get(policy["bundle"])
    if engine is None:
        raise Unreplayable("other bundle")
    try:
        value = recorded_value(record, engine.engine.members)
    except NotReplayable:
        raise Unreplayable(_kept_from(record, policy)) from None
    answer = engine.evaluate(value, record["at_ms"])
    found = bundles.following.of(record, answer)
    if found.fields:
        raise Unreplayable(_why(policy, answer), found.fields)
    return Again(engine, value, answer, found.verdict, found.unmet)


def _kept_from(record: Mapping[str, Any], policy: JSON) -> Why:
    unopened: Why | None = record.get(UNOPENED)
    if unopened is not None:
        return unopened
    return "masked" if "masked" in policy else "no input"


def _why(policy: JSON, answer: PolicyAnswer) -> Why:
    """Why a decision is not what it was."""
    if "masked" in policy:
        return "masked"
    if "error" in policy:
        return "error"
    return "differs" if policy.get("engine", answer.engine) == answer.engine else "other engine"
