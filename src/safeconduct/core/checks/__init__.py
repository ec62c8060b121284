"""The ten checks, in the order in which they are asked: the order is a security property."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from safeconduct.core.checks.budget import budget
from safeconduct.core.checks.content import content
from safeconduct.core.checks.delegation import delegation
from safeconduct.core.checks.elevation import elevation
from safeconduct.core.checks.flow import flow
from safeconduct.core.checks.policy import policy
from safeconduct.core.checks.review import review
from safeconduct.core.checks.sink import sink
from safeconduct.core.checks.tool import tool
from safeconduct.core.checks.zone import zone
from safeconduct.core.model import Call, Facts, Gathered
from safeconduct.core.verdict import CheckName, Deny, Elevate

# INVARIANT: what an early check refuses must cost and tell nothing more; no check of the first
# group may elevate, and none of them sees a fact that had to be fetched.
FIRST: Final[tuple[tuple[CheckName, Callable[[Call, Gathered], Deny | None]], ...]] = (
    ("delegation", delegation),
    ("tool", tool),
    ("zone", zone),
    ("budget", budget),
)

SECOND: Final[tuple[tuple[CheckName, Callable[[Call, Facts], Deny | Elevate | None]], ...]] = (
    ("flow", flow),
    ("sink", sink),
    ("content", content),
    ("review", review),
    ("policy", policy),
    ("elevation", elevation),
)

NAMES: Final[tuple[CheckName, ...]] = tuple(name for name, _ in (*FIRST, *SECOND))
"""The checks in their order."""
