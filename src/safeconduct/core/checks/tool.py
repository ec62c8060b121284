"""Is there such a tool in this task, is it the one that was reviewed, and do the arguments fit?"""

from __future__ import annotations

from typing import cast

from safeconduct.core.amounts import minor_units
from safeconduct.core.manifest import CONTROL_ROLES, Argument
from safeconduct.core.model import Call, Gathered
from safeconduct.core.verdict import Deny


def tool(call: Call, gathered: Gathered) -> Deny | None:
    """Refuses tools outside the delegation, changed definitions and undeclared arguments."""
    facts, task = gathered.tool, gathered.task
    if facts.manifest is None or not facts.manifest.scopes:
        return Deny("tool-unknown")
    if facts.bearers is not None and gathered.agent.id not in facts.bearers:
        return Deny("tool-unknown")
    needed = facts.manifest.scopes
    if not task.scopes.issuperset(needed):
        # Only a scope that a new task could have is worth telling: anything else does not exist.
        return Deny("scope-missing" if task.obtainable.issuperset(needed) else "tool-unknown")
    if facts.pin == "changed":
        return Deny("definition-changed")
    if not facts.keeps_to(task.tenant):
        # What a statement reads can be told by the database alone, so its own roles have to.
        return Deny("query-unbound")
    if facts.effect.changes_state and task.purpose_source == "agent":
        return Deny("purpose-unattested")
    if not call.exact:
        return Deny("arguments-invalid")
    declared = facts.manifest.arguments
    for name, value in call.arguments.items():
        # An argument nobody gave a role to cannot be judged, so it is not sent.
        argument = declared.get(name)
        if argument is None or not _fits(argument, value):
            return Deny("arguments-invalid", name)
    return None


def _fits(argument: Argument, value: object) -> bool:
    """Control arguments are scalars, or lists of them; an argument left out by `null` is none."""
    if argument.role not in CONTROL_ROLES or value is None:
        return True
    if argument.role == "amount":
        return minor_units(value, argument.decimals) is not None
    if isinstance(value, list):
        return all(type(item) in (str, int) for item in cast("list[object]", value))
    return type(value) in (str, int)
