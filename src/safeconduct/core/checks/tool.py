"""Is there such a tool in this task, is it the one that was reviewed, and do the arguments fit?"""

from __future__ import annotations

from typing import cast

from safeconduct.core.amounts import minor_units
from safeconduct.core.manifest import CONTROL_ROLES, Argument
from safeconduct.core.model import Call, Gathered, ToolFacts
from safeconduct.core.verdict import Deny


def tool(call: Call, gathered: Gathered) -> Deny | None:
    """Refuses tools outside the delegation, changed definitions and undeclared arguments."""
    facts, task, agent = gathered.tool, gathered.task, gathered.agent.id
    if facts.manifest is None:
        return Deny("tool-unknown")
    if not delegated(facts, agent, task.scopes):
        # Only a scope that a new task could have is worth telling: anything else does not exist.
        told = delegated(facts, agent, task.obtainable)
        return Deny("scope-missing" if told else "tool-unknown")
    reason = unusable(facts, task.tenant)
    if reason is not None:
        return Deny(reason)
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


def delegated(facts: ToolFacts, agent: str, scopes: frozenset[str]) -> bool:
    """Whether a task of this agent with these scopes has this tool."""
    needed = () if facts.manifest is None else facts.manifest.scopes
    return (
        bool(needed)
        and scopes.issuperset(needed)
        and (facts.bearers is None or agent in facts.bearers)
    )


def unusable(facts: ToolFacts, tenant: str) -> str | None:
    """The reason why no task of this tenant uses this tool as it stands, or None."""
    if facts.pin == "changed":
        return "definition-changed"
    # What a statement reads can be told by the database alone, so its own roles have to.
    return None if facts.keeps_to(tenant) else "query-unbound"


def _fits(argument: Argument, value: object) -> bool:
    """Control arguments are scalars, or lists of them; an argument left out by `null` is none."""
    if argument.role not in CONTROL_ROLES or value is None:
        return True
    if argument.role == "amount":
        return minor_units(value, argument.decimals) is not None
    if isinstance(value, list):
        return all(type(item) in (str, int) for item in cast("list[object]", value))
    return type(value) in (str, int)
