"""Relative changes of amounts, measured against the system of record. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from safeconduct.core.canonical import digest
from safeconduct.core.manifest import ToolManifest
from safeconduct.core.model import Call
from safeconduct.core.provenance import decimal, normalise


def minor_units(value: object, decimals: int) -> int | None:
    """An amount in the smallest units of a number with so many digits behind the point; None where
    it has more, or is no number.
    """
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    if isinstance(value, int):
        return int(value * 10**decimals)
    if decimals == 0:
        return None
    plain = decimal(repr(value))
    if plain is None:
        return None
    whole, _, rest = plain.partition(".")
    return int(f"{whole}{rest.ljust(decimals, '0')}") if len(rest) <= decimals else None


BASIS: Final = 10_000
"""Basis points in a whole: a change of 1 % is 100."""


def baseline_key(call: Call, manifest: ToolManifest, name: str) -> str:
    """Which amount of which object an argument sets, as a digest: records hold no argument text."""
    objects = sorted(
        [argument.type or key, str(normalise(call.arguments[key]))]
        for key, argument in manifest.arguments.items()
        if argument.role == "object-id" and key in call.arguments
    )
    return digest([call.upstream, objects, name])


def amount_changes(
    call: Call,
    manifest: ToolManifest,
    resolved: Mapping[str, Any],
    baseline: Callable[[str], int | None],
) -> tuple[dict[str, int], dict[str, int]]:
    """Facts `delta_bps` (this call) and `task_delta_bps` (the whole task), and the baselines.

    Several small changes add up: the task's change is measured against the amount that the object
    had before the task first touched it. With several amounts in one call the largest change
    counts. An amount whose old value is unknown, zero or negative yields no fact at all, and a rule
    that needs one stays closed.
    """
    baselines: dict[str, int] = {}
    deltas: list[int] = []
    totals: list[int] = []
    for name, value in call.arguments.items():
        argument = manifest.arguments.get(name)
        if argument is None or argument.role != "amount":
            continue
        new = minor_units(value, argument.decimals)
        old = minor_units(resolved.get(f"old_{name}"), argument.decimals)
        if new is None or old is None or old <= 0:
            return {}, {}
        key = baseline_key(call, manifest, name)
        known = baseline(key)
        first = old if known is None else known
        deltas.append(_bps(new - old, old))
        totals.append(_bps(new - first, first))
        baselines[key] = first
    if not deltas:
        return {}, {}
    facts = {"delta_bps": max(deltas, key=abs), "task_delta_bps": max(totals, key=abs)}
    return facts, baselines


def _bps(change: int, base: int) -> int:
    """A change in basis points of a positive base, rounded away from zero: never understated."""
    points = -(-abs(change) * BASIS // base)
    return points if change > 0 else -points
