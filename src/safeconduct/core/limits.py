"""What a permit of a call uses up of the limits of its task: calls, amounts, objects. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

from safeconduct.core.amounts import minor_units
from safeconduct.core.canonical import digest
from safeconduct.core.manifest import CONTROL_ROLES, Argument, Effect
from safeconduct.core.model import Call, Gathered
from safeconduct.core.provenance import normalise, vouching_key

CALLS: Final = "calls"
"""The budget that every call counts against; all others are named after a scope."""

_AMOUNT: Final = "amount "
NAMING: Final = CONTROL_ROLES - {"amount"}
"""Roles of arguments that name objects."""


class Uncountable(ValueError):
    """What a call moves or touches cannot be told, and a limit hangs on it."""


def moving(scope: str) -> str:
    """The budget of what the calls of a scope may move, in the smallest units. No scope has a
    space in its name.
    """
    return f"{_AMOUNT}{scope}"


def is_amount(budget: str) -> bool:
    """Whether a budget is one of units and not of calls."""
    return budget.startswith(_AMOUNT)


def budgets(counts: Mapping[str, int], amounts: Mapping[str, int]) -> dict[str, int]:
    """Limits on calls and on amounts as what they are to a task: budgets."""
    return {**counts, **{moving(scope): units for scope, units in amounts.items()}}


def spends(call: Call, gathered: Gathered) -> dict[str, int]:
    """What a permit of this call uses up, by budget: a reply within a call, nothing more.

    Raises:
        Uncountable: an amount that is limited cannot be read.
    """
    if gathered.reply:
        return {}
    manifest = gathered.tool.manifest
    scopes = () if manifest is None else manifest.scopes
    spent = dict.fromkeys((CALLS, *scopes), 1)
    for scope in scopes:
        if (name := moving(scope)) in gathered.task.budgets:
            spent[name] = _moved(call, gathered)
    return spent


def touches(call: Call, gathered: Gathered) -> dict[str, list[str]]:
    """The objects that a permit of this call touches, by scope with a limit on them: by digest.

    Raises:
        Uncountable: an argument that names objects is neither one value nor a list of values.
    """
    manifest, limited = gathered.tool.manifest, gathered.task.reaches
    if not limited or manifest is None or gathered.reply:
        return {}
    return {scope: _touched(call, gathered) for scope in manifest.scopes if scope in limited}


def _moved(call: Call, gathered: Gathered) -> int:
    """The sum of the amounts in the smallest units. A negative one is no credit: that much moves,
    whichever way. Of a payment that says no amount nobody knows how much it moves.
    """
    effect = gathered.tool.effect
    if not effect.changes_state:
        return 0
    units = [
        minor_units(item, argument.decimals)
        for _, argument, item in _values(call, gathered)
        if argument.role == "amount"
    ]
    if effect is Effect.pay and not units:
        raise Uncountable
    total = 0
    for one in units:
        if one is None:
            raise Uncountable
        total += abs(one)
    return total


def _touched(call: Call, gathered: Gathered) -> list[str]:
    found: set[str] = set()
    for name, argument, item in _values(call, gathered):
        if argument.role in NAMING:
            text = normalise(item, argument.role)
            if text is None:
                raise Uncountable
            # An id without a type is one of whatever the argument names.
            key = vouching_key(argument.role, argument.type or _kind(argument, name))
            found.add(digest([key, text]))
    return sorted(found)


def _kind(argument: Argument, name: str) -> str | None:
    return name if argument.role == "object-id" else None


def _values(call: Call, gathered: Gathered) -> Iterator[tuple[str, Argument, Any]]:
    """The values of declared arguments one by one; `null` leaves an argument out."""
    manifest = gathered.tool.manifest
    for name, argument in ({} if manifest is None else manifest.arguments).items():
        value = call.arguments.get(name)
        for item in cast("list[object]", value) if isinstance(value, list) else [value]:
            if item is not None:
                yield name, argument, item
