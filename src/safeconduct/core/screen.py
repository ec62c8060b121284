"""Step 2: the checks that need nothing but local facts. What fails here costs nothing more."""

from __future__ import annotations

from safeconduct.core.checks import FIRST, SECOND
from safeconduct.core.model import Call, Gathered
from safeconduct.core.verdict import Answer, Decision, Deny


def screen(call: Call, gathered: Gathered) -> Decision | None:
    """A refusal by the first check that has something against the call, or None: go on.

    It stops at the first refusal, so that a call outside the delegation learns nothing of zones or
    budgets; the checks after it are on record as not evaluated.
    """
    answers: list[Answer] = []
    refusal: Deny | None = None
    for name, check in FIRST:
        if refusal is not None:
            answers.append(Answer(name, None, evaluated=False))
            continue
        refusal = check(call, gathered)
        answers.append(Answer(name, refusal))
    if refusal is None:
        return None
    answers.extend(Answer(name, None, evaluated=False) for name, _ in SECOND)
    return Decision(refusal, tuple(answers))
