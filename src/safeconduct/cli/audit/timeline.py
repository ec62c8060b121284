"""`safeconduct audit timeline`: a task, call by call, with the flow of labels."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Final

import msgspec

from safeconduct.cli import output
from safeconduct.cli.audit import asking, place
from safeconduct.cli.audit.reading import opened

if TYPE_CHECKING:
    from safeconduct.audit.timeline import Event, Source

HELP: Final = "a task call by call: what each result brought, and what was refused because of it"
EXAMPLE: Final = "safeconduct audit timeline t_0123456789abcdef01234567 --config ./gateway"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("task", help="the task's id, t_…")
    asking.add_tenant(parser)
    place.add_log(parser)


def run(args: argparse.Namespace) -> int:
    """Shows the task and those below it."""
    from safeconduct.audit.index.family import family
    from safeconduct.audit.index.query import Query
    from safeconduct.audit.timeline import timeline

    with opened(args) as reading:
        if reading is None:
            return output.FAULT
        found = family(reading.search, reading.tenant, args.task)
        reading.note("timeline", Query(tenant=reading.tenant, task=args.task), found)
        if not found:
            return output.refused(f"the log knows no task {args.task}")
        events = timeline(reading.opener.shown(hit.record) for hit in found)
        children = sorted({event.task for event in events} - {args.task, ""})
        value = {"task": args.task, "children": children, "events": msgspec.to_builtins(events)}
        output.emit(args, value, "\n".join(_line(event, args.task) for event in events))
        return reading.ended()


def _line(event: Event, task: str) -> str:
    whose = f"[{event.task}] " if event.task not in (task, "") else ""
    head = [output.moment(event.at_ms), f"{event.said:<9}"]
    head += [event.kind] if event.kind != "call" else []
    head += [f"{whose}{event.about}", event.decision or "", event.status or "", event.reason or ""]
    lines = ["  ".join(output.printable(part) for part in head if part)]
    if event.brought:
        lines.append(f"    its result brought: {_list(event.brought)}")
    if event.because:
        lines.append("    because of: " + "; ".join(map(_source, event.because)))
    return "\n".join(lines)


def _source(source: Source) -> str:
    if source.decision is None:
        return f"{output.printable(source.word)} (from before this task's first call)"
    where = f"{source.tool}, {source.decision}"
    return f"{output.printable(source.word)} (from {output.printable(where)})"


def _list(words: tuple[str, ...]) -> str:
    return ", ".join(map(output.printable, words))
