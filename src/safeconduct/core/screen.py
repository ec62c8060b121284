"""Step 2: the checks that need nothing but local facts. What fails here costs nothing more."""

from __future__ import annotations

from safeconduct.core.checks import FIRST, NAMES
from safeconduct.core.model import Call, Gathered
from safeconduct.core.verdict import Answer, Decision, Deny


def screen(call: Call, gathered: Gathered) -> Decision | None:
    """A refusal by the first check that has something against the call, or None: go on.

    It stops at the first refusal, so that a call outside the delegation learns nothing of zones or
    budgets; the checks after it are on record as not evaluated.
    """
    for at, (_, check) in enumerate(FIRST):
        refusal = check(call, gathered)
        if refusal is not None:
            return _stopped(at, refusal)
    return None


def _stopped(at: int, refusal: Deny) -> Decision:
    """A refusal by the check at this place: those before it had nothing to say against the call."""
    passed = [Answer(name, None) for name in NAMES[:at]]
    unasked = [Answer(name, None, evaluated=False) for name in NAMES[at + 1 :]]
    return Decision(refusal, (*passed, Answer(NAMES[at], refusal), *unasked))
