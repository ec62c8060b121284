"""From where on a call needs a person's yes, as its manifest says. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import cast

from safeconduct.core.amounts import minor_units
from safeconduct.core.manifest import Effect, Threshold, ToolManifest
from safeconduct.core.model import Call, Facts, Gathered


def passed(call: Call, facts: Facts) -> Iterator[Threshold]:
    """The thresholds that this call passes. What cannot be read passes every one: nobody could say
    that it is small.
    """
    manifest = facts.gathered.tool.manifest
    for one in () if manifest is None else manifest.asks:
        if manifest is not None and _passes(one, call, facts, manifest):
            yield one


def unasked(gathered: Gathered) -> dict[str, int]:
    """By scope, up to how many calls of the tool nobody is asked about. A permit holds for no more:
    the tasks of a line add up, and may be at it at once.
    """
    manifest = gathered.tool.manifest
    if manifest is None:
        return {}
    ahead = [
        one.calls
        for one in manifest.asks
        if one.calls is not None and one.calls > _made(gathered, manifest)
    ]
    return dict.fromkeys(manifest.scopes, min(ahead)) if ahead else {}


def named(one: Threshold) -> str:
    """What an approval was asked for that this threshold asks for."""
    what = "calls" if one.argument is None else one.argument
    return f"threshold:{one.template}:{what}"


def _passes(one: Threshold, call: Call, facts: Facts, manifest: ToolManifest) -> bool:
    if one.argument is None:
        return one.calls is not None and _made(facts.gathered, manifest) >= one.calls
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


def _made(gathered: Gathered, manifest: ToolManifest) -> int:
    """How many calls of one of the tool's scopes the line of tasks has made: a part that is passed
    on is no fresh start.
    """
    task = gathered.task
    made = [
        counts.get(scope, 0) for counts in (task.counts, task.family) for scope in manifest.scopes
    ]
    return max(made, default=0)
