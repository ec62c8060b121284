"""Is there budget left for this call, is its agent still who it was, and is it not a repetition of
one whose fate is unknown?
"""

from __future__ import annotations

from collections.abc import Mapping

from safeconduct.core.model import Call, Gathered, TaskFacts
from safeconduct.core.verdict import Deny

CALLS = "calls"
"""The budget that every call counts against; all other budgets are named after a scope."""


def spends(gathered: Gathered) -> dict[str, int]:
    """What a permit of this call uses up, by budget: a reply within a call, nothing more."""
    if gathered.reply:
        return {}
    manifest = gathered.tool.manifest
    scopes = () if manifest is None else manifest.scopes
    return dict.fromkeys((CALLS, *scopes), 1)


def budget(call: Call, gathered: Gathered) -> Deny | None:
    """Refuses refusal loops, agents that must attest anew, overspending, and blind repetition."""
    del call
    repeated = gathered.outcome_unknown and gathered.tool.effect.changes_state
    return bounded(gathered.task, spends(gathered), reply=gathered.reply, repeated=repeated)


def bounded(
    task: TaskFacts, spends: Mapping[str, int], *, reply: bool, repeated: bool
) -> Deny | None:
    """What a task that stands like this says to a call that spends so much. `repeated`: it changes
    something, and nobody knows whether it did already.
    """
    if task.refusals >= task.max_refusals:
        return Deny("refusals-exhausted")
    # A reply belongs to a call that was counted, and made.
    if task.reattestation_due and not reply:
        return Deny("reattestation-needed")
    for name, amount in spends.items():
        if name in task.budgets and task.counts.get(name, 0) + amount > task.budgets[name]:
            return Deny("budget-exhausted")
    return Deny("outcome-unknown") if repeated else None
