"""Releases, as an operator gives them: checked, and on record before they hold."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from safeconduct.core.manifest import Argument
from safeconduct.core.provenance import normalise, value_digest, vouching_key
from safeconduct.core.release import MAX_CALLS, MAX_MINUTES
from safeconduct.ports import JSON, LedgerConflict
from safeconduct.rooms import Rooms, new_id


class NotReleased(ValueError):
    """Nothing was released; the message says why."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator asks for: what `decision` returned, or `value` as `argument`."""

    task: str
    tool: str
    calls: Annotated[int, Meta(ge=1, le=MAX_CALLS)]
    minutes: Annotated[int, Meta(ge=1, le=MAX_MINUTES)]
    why: Annotated[str, Meta(min_length=1, max_length=500)]
    decision: str | None = None
    argument: str | None = None
    value: str | int | float | None = None


class Withheld(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator asks for: that the call of the `withheld` decision gets what it returned."""

    task: str
    withheld: str
    minutes: Annotated[int, Meta(ge=1, le=MAX_MINUTES)]
    why: Annotated[str, Meta(min_length=1, max_length=500)]


async def release(rooms: Rooms, request: Mapping[str, object], by: str) -> JSON:
    """Puts a release on record, and says what it is.

    Raises:
        NotReleased: it makes no sense, or its task does not live.
        LedgerFault: it could not be recorded.
    """
    given = {name: value for name, value in request.items() if value is not None and name != "verb"}
    asked: Asked | Withheld
    try:
        if "withheld" in given:
            asked = msgspec.convert(given, Withheld)
        else:
            asked = msgspec.convert(given, Asked)
    except msgspec.ValidationError as error:
        raise NotReleased(f"this is no release: {error}") from None
    if isinstance(asked, Withheld):
        what = _withheld(rooms, asked)
    else:
        what = {"tool": asked.tool, "calls": asked.calls}
        what |= _result(rooms, asked) if asked.decision is not None else _value(rooms, asked)
    at_ms = rooms.clock_ms()
    record: JSON = {
        "kind": "release",
        "release": new_id("r"),
        "task": asked.task,
        "tenant": rooms.config.root.gateway.tenant,
        "until_ms": at_ms + asked.minutes * 60_000,
        "at_ms": at_ms,
        "by": by,
        "why": asked.why,
        **what,
    }
    try:
        await rooms.log.append(record)
    except LedgerConflict:
        raise NotReleased("no such task runs, or it was given too many releases") from None
    told = ("release", "task", "tool", "calls", "until_ms", "content")
    return {name: record[name] for name in told if name in record}


def waiting(rooms: Rooms) -> list[JSON]:
    """What was withheld and may be released: the earliest first."""
    found = sorted(rooms.state.withheld(), key=lambda one: one[1].at_ms)
    return [
        {
            "task": task,
            "decision": one.decision,
            "tool": one.tool,
            "at_ms": one.at_ms,
            "findings": list(one.findings),
        }
        for task, one in found
    ]


def _tool(rooms: Rooms, target: str) -> Mapping[str, Argument]:
    """The arguments of a tool. Raises NotReleased."""
    where, _, name = target.partition(".")
    manifest = rooms.config.manifests.get(where)
    tool = None if manifest is None else manifest.tools.get(name)
    if tool is None:
        raise NotReleased(f"no manifest has a tool {target}")
    return tool.arguments


def _withheld(rooms: Rooms, asked: Withheld) -> JSON:
    kept = rooms.facts.quarantine.find(asked.task, asked.withheld)
    if kept is None or rooms.facts.quarantine.opened(kept) is None:
        raise NotReleased(
            "what this decision returned is not at hand: have the task make the call again, and "
            "release what that one returned"
        )
    # Once, to the very call, and these very bytes.
    return {
        "tool": kept.tool,
        "calls": 1,
        "of": asked.withheld,
        "content": kept.content,
    }


def _result(rooms: Rooms, asked: Asked) -> JSON:
    if asked.argument is not None or asked.value is not None:
        raise NotReleased("release what a decision returned, or one value, not both")
    if not rooms.facts.origins.granting.keeps(asked.task, asked.decision or ""):
        raise NotReleased(
            "what this decision returned is not at hand: have the task read it again, and release "
            "that"
        )
    _tool(rooms, asked.tool)
    return {"of": asked.decision}


def _value(rooms: Rooms, asked: Asked) -> JSON:
    argument = _tool(rooms, asked.tool).get(asked.argument or "")
    if argument is None:
        raise NotReleased(f"the manifest of {asked.tool} declares no such argument")
    text = normalise(asked.value, argument.role)
    if not text:
        raise NotReleased("name the value that is endorsed")
    key = vouching_key(argument.role, argument.type)
    return {"argument": asked.argument, "key": key, "value": value_digest(text)}
