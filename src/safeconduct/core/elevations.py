"""Elevations: a person's yes to more than one call, held here and never given to the agent. Pure.

An elevation is one task's, for one tool and what was asked for then, so often, so long, and for
what the approver was shown: the same arguments that steer, and no higher amount. What the others
say is open, and the page says so to who gives it.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import cast

from safeconduct.core.approvers import meet
from safeconduct.core.canonical import canonical
from safeconduct.core.elevation import Bypass, Elevation
from safeconduct.core.manifest import CONTROL_ROLES, Role, ToolManifest
from safeconduct.core.model import Call, Facts
from safeconduct.core.provenance import normalise, value_digest
from safeconduct.core.verdict import Requirement

_ABOUT_VALUES = ("flow:", "sink:", "review")
"""How questions begin that are about these very values: an answer holds for no others."""


def covering(call: Call, facts: Facts, requirement: Requirement) -> Elevation | None:
    """The elevation that this call may rest on, if there is one: the first that was given."""
    manifest = facts.gathered.tool.manifest
    if manifest is None:
        return None
    steers, most = steering(call.arguments, manifest)
    for one in facts.elevations:
        if (
            one.left > 0
            and facts.gathered.now_ms < one.until_ms
            and one.tool == call.target
            and facts.gathered.task.labels <= one.labels
            and meet(one.parties, requirement.parties)
            and answered(one) >= {*requirement.sources}
            and (one.steers.keys() == steers.keys() if one.open else _same(one.steers, steers))
            and one.most.keys() == most.keys()
            and all(_within(amount, one.most[name]) for name, amount in most.items())
        ):
            return one
    return None


def bypassing(facts: Facts, requirement: Requirement) -> Bypass | None:
    """The bypass by which nobody is asked: of scopes, thresholds and rules, never of what somebody
    may have steered.
    """
    if any(source.startswith(_ABOUT_VALUES) for source in requirement.sources):
        return None
    for one in facts.bypasses:
        if (
            facts.gathered.now_ms < one.until_ms
            and one.templates >= {*requirement.templates}
            and one.by != facts.gathered.user.id
            and one.party is not None
            and meet((one.party,), requirement.parties)
        ):
            return one
    return None


def steering(
    arguments: Mapping[str, object], manifest: ToolManifest
) -> tuple[dict[str, frozenset[str]], dict[str, str]]:
    """The digests of what steers a call or says what it looks for, and its amounts, by argument."""
    steers: dict[str, frozenset[str]] = {}
    most: dict[str, str] = {}
    for name, value in arguments.items():
        argument = manifest.arguments.get(name)
        if argument is None or argument.role not in CONTROL_ROLES | {"query"}:
            continue
        if argument.role == "amount":
            most[name] = normalise(value, "amount") or ""
            continue
        items = cast("list[object]", value) if isinstance(value, list) else [value]
        steers[name] = frozenset(value_digest(_text(item, argument.role)) for item in items)
    return steers, most


def _text(value: object, role: Role) -> str:
    """What a value is told from others by: a text by what it means in its role, all else, which
    means nothing there, by its exact bytes.
    """
    meant = normalise(value, role) if isinstance(value, str) else None
    return meant or f"\0{canonical(value).decode()}"


def answered(one: Elevation) -> frozenset[str]:
    """What need not be asked any more while it lasts."""
    return frozenset(
        {source for source in one.sources if not (one.open and source.startswith(_ABOUT_VALUES))}
    )


def _same(shown: Mapping[str, frozenset[str]], steers: Mapping[str, frozenset[str]]) -> bool:
    """Whether the same arguments steer, by none but values that were shown."""
    return shown.keys() == steers.keys() and all(
        values and values <= shown[name] for name, values in steers.items()
    )


def _within(amount: str, most: str) -> bool:
    """Whether an amount is between nothing and the shown one."""
    try:
        given, bound = Decimal(amount), Decimal(most)
    except ArithmeticError:
        return False
    return 0 <= given <= bound or bound <= given <= 0
