"""Rules that would spare people questions, for a person to put in: nothing here changes one."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from safeconduct.core.amounts import minor_units
from safeconduct.core.manifest import Threshold, ToolManifest
from safeconduct.core.thresholds import named

Record = Mapping[str, Any]

FAST_MS: Final = 2_000
"""Nobody reads what is shown in less, in milliseconds."""

STREAK: Final = 20
"""So many times yes in a row without a no is worth a warning, and a narrower rule."""


class Proposal(msgspec.Struct, frozen=True, kw_only=True):
    """A rule that would spare questions, for a person to put in."""

    templates: list[str]
    tool: str
    why: str
    yaml: str


def raised(
    asked: Iterable[Record], ended: Mapping[str, Record], tools: Mapping[str, ToolManifest]
) -> Iterable[Proposal]:
    """Higher thresholds for amounts: where all that people read, up to one amount, got their yes.
    A smaller call than the one that was asked about is a no to that one.

    `asked` are the questions, with their `arguments` as far as they can be seen, and `ended` how
    each was answered in the end.
    """
    amounts: defaultdict[tuple[str, str, str], list[tuple[int, bool]]] = defaultdict(list)
    for question in asked:
        answer, found = ended.get(question["approval"]), _amount(question, tools)
        if answer is None or found is None:
            continue
        yes = answer["phase"] in ("granted", "elevated")
        if not yes or answer["at_ms"] - question["at_ms"] >= FAST_MS:
            template, argument, units = found
            amounts[question["tool"], template, argument].append((units, yes))
    for (tool, template, argument), seen in sorted(amounts.items()):
        refused = [units for units, yes in seen if not yes]
        agreed = [units for units, yes in seen if yes and units < min(refused, default=units + 1)]
        if len(agreed) >= STREAK:
            yield _proposal(tool, template, argument, agreed)


def _amount(question: Record, tools: Mapping[str, ToolManifest]) -> tuple[str, str, int] | None:
    """The template, the argument and the amount of a question that a threshold of the manifest
    alone asks. One that asks about each call counts for the only amount that the tool takes.
    """
    tool = tools.get(question["tool"])
    arguments: Mapping[str, Any] = question.get("arguments", {})
    for one in () if tool is None else tool.asks:
        name = None if tool is None else _argument(one, tool)
        if tool is None or name is None or question["requires"] != [named(one)]:
            continue
        units = minor_units(arguments.get(name), tool.arguments[name].decimals)
        if units is not None:
            return one.template, name, abs(units)
    return None


def _argument(one: Threshold, tool: ToolManifest) -> str | None:
    if one.above is not None:
        return one.argument if one.argument in tool.arguments else None
    taken = [name for name, argument in tool.arguments.items() if argument.role == "amount"]
    return taken[0] if one.calls == 0 and len(taken) == 1 else None


def _proposal(tool: str, template: str, argument: str, agreed: list[int]) -> Proposal:
    most = max(agreed)
    # JSON is YAML, whatever is in a name.
    asks = json.dumps({"template": template, "argument": argument, "above": most})
    return Proposal(
        templates=[template],
        tool=tool,
        why=(
            f"all {len(agreed)} calls up to {argument} {most} that people read got their yes: let "
            f"this threshold of {template}, in the manifest, ask above that alone"
        ),
        yaml="\n".join(
            ["tools:", f"  {json.dumps(tool.partition('.')[2])}:", f"    asks: [{asks}]"],
        ),
    )
