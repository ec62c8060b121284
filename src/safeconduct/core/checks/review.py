"""Does a second model find the call consistent with what the user asked for?"""

from __future__ import annotations

from typing import Final

from safeconduct.core.model import Call, Facts
from safeconduct.core.review import Reviewed
from safeconduct.core.verdict import Deny, Elevate, Requirement

REVIEW_SOURCE: Final = "review"
"""What an approval was asked for when a second model did not find the call consistent."""

TTL_S: Final = 300
"""How long a yes to such a call lasts."""


def review(call: Call, facts: Facts) -> Deny | Elevate | None:
    """Refuses what was not found consistent, or asks a person, as configured.

    No answer is never a good one, and a good one lifts nothing that another check says.
    """
    del call
    return None if facts.review is None else reviewed(facts.review)


def reviewed(found: Reviewed) -> Deny | Elevate | None:
    """What a review comes to."""
    if found.answer == "consistent":
        return None
    if found.otherwise == "elevate":
        return Elevate(
            Requirement(templates=(REVIEW_SOURCE,), sources=(REVIEW_SOURCE,), ttl_s=TTL_S)
        )
    return Deny("review-unavailable" if found.answer == "failed" else "review-inconsistent")
