"""Is there budget left for this call, is its agent still who it was, and is it not a repetition of
one whose fate is unknown?
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from safeconduct.core.limits import Uncountable, is_amount, spends, touches
from safeconduct.core.loops import LOOP_STOPPED
from safeconduct.core.model import Call, Gathered, TaskFacts
from safeconduct.core.verdict import Deny


def budget(call: Call, gathered: Gathered) -> Deny | None:
    """Refuses refusal loops, agents that must attest anew, overspending, and blind repetition."""
    repeated = gathered.outcome_unknown and gathered.tool.effect.changes_state
    try:
        spent, touched = spends(call, gathered), touches(call, gathered)
    except Uncountable:
        return Deny("limit-uncountable")
    return bounded(
        gathered.task,
        spent,
        touched,
        reply=gathered.reply,
        repeated=repeated,
        circles=gathered.circles,
    )


def bounded(
    task: TaskFacts,
    spends: Mapping[str, int],
    touches: Mapping[str, Collection[str]],
    *,
    reply: bool,
    repeated: bool,
    circles: bool,
) -> Deny | None:
    """What a task that stands like this says to a call that spends so much, and touches these
    objects. `repeated`: it changes something, and nobody knows whether it did already. `circles`:
    it is one of those that were refused, or made, too often (`safeconduct.core.loops`).
    """
    if task.refusals >= task.max_refusals:
        return Deny("refusals-exhausted")
    if circles:
        return Deny(LOOP_STOPPED)
    # A reply belongs to a call that was counted, and made.
    if task.reattestation_due and not reply:
        return Deny("reattestation-needed")
    for name, amount in spends.items():
        if name in task.budgets and task.counts.get(name, 0) + amount > task.budgets[name]:
            return Deny("amount-exhausted" if is_amount(name) else "budget-exhausted")
    for scope, objects in touches.items():
        if not all(reach.holds(objects) for reach in task.reaches.get(scope, ())):
            return Deny("objects-exhausted")
    return Deny("outcome-unknown") if repeated else None
