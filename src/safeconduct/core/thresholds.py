"""From where on a call needs a person's yes, as its manifest says. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from safeconduct.core.amounts import minor_units
from safeconduct.core.manifest import Effect, Threshold, ToolManifest
from safeconduct.core.model import Call, Facts


def passed(call: Call, facts: Facts) -> Iterator[Threshold]:
    """The thresholds that this call passes. What cannot be read passes every one: nobody could say
    that it is small.
    """
    manifest = facts.gathered.tool.manifest
    for one in () if manifest is None else manifest.asks:
        if manifest is not None and _passes(one, call, facts, manifest):
            yield one


def named(one: Threshold) -> str:
    """What an approval was asked for that this threshold asks for."""
    what = "calls" if one.argument is None else one.argument
    return f"threshold:{one.template}:{what}"


def _passes(one: Threshold, call: Call, facts: Facts, manifest: ToolManifest) -> bool:
    if one.argument is None:
        counts = facts.gathered.task.counts
        made = max((counts.get(scope, 0) for scope in manifest.scopes), default=0)
        return one.calls is not None and made >= one.calls
    value = call.arguments.get(one.argument)
    if value is None:
        # A tool may take what is left out for all there is; a change leaves it as it is.
        changes = manifest.effect in (Effect.write, Effect.send)
        return one.argument in call.arguments or one.items is not None or not changes
    if one.above is not None:
        argument = manifest.arguments.get(one.argument)
        units = minor_units(value, 0 if argument is None else argument.decimals)
        return units is None or abs(units) > one.above
    return not isinstance(value, list) or len(cast("list[object]", value)) > (one.items or 0)
