"""`safeconduct audit show`: the records of the log."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any, Final

from safeconduct.cli import output
from safeconduct.cli.audit import place

HELP: Final = "print records, the oldest first"
EXAMPLE: Final = "safeconduct audit show --config ./gateway --last 20"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("--task", help="only records of this task")
    parser.add_argument("--decision", help="only records of this decision")
    parser.add_argument("--last", type=int, help="only so many, from the end")
    place.add_log(parser)


def run(args: argparse.Namespace) -> int:
    """Shows."""
    from safeconduct.audit.reading import read

    directory = place.log(args)
    if directory is None:
        return output.FAULT
    for record in read(directory, decision=args.decision, task=args.task, last=args.last):
        output.emit(args, record, _line(record))
    return output.OK


def _line(record: Mapping[str, Any]) -> str:
    said = record.get("verdict") or record.get("status") or record.get("phase") or ""
    about = record.get("tool") or record.get("target") or record.get("id") or ""
    reason = record.get("reason", "")
    at = output.moment(record["at_ms"]) if "at_ms" in record else ""
    parts = (
        f"{record['n']:>6}",
        at,
        f"{record['kind']:<10}",
        f"{said:<9}",
        record.get("decision", ""),
        about,
        reason,
    )
    return "  ".join(output.printable(part) for part in parts if part)
