"""`safeconduct audit show`: the records of the log."""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from safeconduct.audit.nodes.heads import CHECKPOINT, CONTRADICTION
from safeconduct.cli import output
from safeconduct.cli.audit import asking, place
from safeconduct.cli.audit.reading import Reading, opened

HELP: Final = "print records, the oldest first, or one decision with what was sealed"
EXAMPLE: Final = """\
safeconduct audit show --config ./gateway --last 20
safeconduct audit show d_0123456789abcdef01234567 --config ./gateway"""

_ID: Final = re.compile(r"d_[0-9a-f]{24}")
_LIKE_ONE: Final = re.compile(r"d_[^/]*")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("shown", metavar="DECISION", nargs="?", help="all about this decision, d_…")
    parser.add_argument("--task", help="only records of this task")
    parser.add_argument("--decision", help="only records of this decision")
    parser.add_argument("--last", type=int, help="only so many, from the end")
    asking.add_tenant(parser)
    place.add_log(parser)


def run(args: argparse.Namespace) -> int:
    """Shows; what is shown is on record before."""
    if args.shown is not None and not _ID.fullmatch(args.shown):
        if args.directory is not None:
            return output.usage(f"{args.shown} is no decision (fix: its id has the form d_…)")
        if _LIKE_ONE.fullmatch(args.shown) and not Path(args.shown).exists():
            return output.refused(
                f"there is no decision {args.shown}: an id is d_ and 24 hexadecimal digits"
            )
        args.shown, args.directory = None, Path(args.shown)
    with opened(args) as reading:
        if reading is None:
            return output.FAULT
        return _records(args, reading) if args.shown is None else _decision(args, reading)


def _records(args: argparse.Namespace, reading: Reading) -> int:
    """All of them, in one piece after the other: a log may be larger than memory.

    The last ones are read once, as there are more of them when they are on record.
    """
    from safeconduct.audit.faults import LogFault
    from safeconduct.audit.reading import read
    from safeconduct.audit.records import SEQUENCE, encode

    asked = {"decision": args.decision, "task": args.task, "last": args.last}
    held = None if args.last is None else list(read(reading.directory, **asked))

    def records() -> Iterator[dict[str, Any]]:
        return read(reading.directory, **asked) if held is None else iter(held)

    def entries() -> Iterator[tuple[int, bytes]]:
        with suppress(LogFault):  # is raised again when the records before it are printed
            for record in records():
                yield record[SEQUENCE], encode(record)

    said = reading.note_of("show", {name: one for name, one in asked.items() if one}, entries())
    upto = -1 if said.last is None else said.last
    for one in records():
        if one[SEQUENCE] > upto:
            break  # was written meanwhile: the record of this reading
        record = reading.opener.whole(one)
        output.emit(args, record, line(record))
    return output.OK


def _decision(args: argparse.Namespace, reading: Reading) -> int:
    from safeconduct.audit.index.query import Query
    from safeconduct.audit.payloads.opening import WHY

    query = Query(tenant=reading.tenant, decision=args.shown)
    decided = reading.search.find(query)
    whole = [
        hit
        for one in decided
        for hit in reading.search.find(Query(tenant=reading.tenant, task=one.entry.task))
        if hit.record.get("decision") == args.shown
    ]
    payloads = {hit.entry.n: reading.opener.opened(hit.record) for hit in whole}
    opened = any(one is not None and one.content is not None for one in payloads.values())
    reading.note("show", query, whole, opened=opened)
    if not whole:
        return output.refused(f"the log knows no decision {args.shown}")
    for hit in whole:
        record, payload = reading.opener.shown(hit.record), payloads[hit.entry.n]
        value = {"record": record, "payload": payload}
        lines = [
            line(record),
            *(f"    {name:<16}{output.plain(one)}" for name, one in record.items()),
        ]
        if payload is not None and payload.why is not None:
            lines.append(f"    what was sealed cannot be seen: {WHY[payload.why]}")
        elif payload is not None and payload.content is not None:
            lines += [f"  * {name:<16}{output.plain(one)}" for name, one in payload.content.items()]
        output.emit(args, value, "\n".join(lines))
    return reading.ended()


def line(record: Mapping[str, Any]) -> str:
    """A record in one line: its number, when, what it is, what it is about, whose, and by whom."""
    said = record.get("verdict") or record.get("status") or record.get("phase") or ""
    about = record.get("tool") or record.get("target") or record.get("id") or _node(record)
    reason = record.get("reason", "")
    at_ms = record.get("at_ms", record.get("started_ms"))
    at = "" if at_ms is None else output.moment(at_ms)
    by = record.get("by", "")
    parts = (
        f"{record['n']:>6}",
        at,
        f"{record['kind']:<10}",
        f"{said:<9}",
        record.get("decision", ""),
        about,
        reason,
        record.get("task", ""),
        f"by {by}" if by else "",
    )
    return "  ".join(output.printable(part) for part in parts if part)


def _node(record: Mapping[str, Any]) -> str:
    """Of a record in a log of logs: which node, and how many records it had signed."""
    if record["kind"] not in {CHECKPOINT, CONTRADICTION}:
        return ""
    return f"{record['origin']}  {output.counted(record['size'], 'record')}"
