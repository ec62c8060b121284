"""`safeconduct audit`: verify the log, or read it."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from safeconduct.cli import output

HELP = "verify the audit log, or show its records"
EXAMPLE = "safeconduct audit verify ./gateway/state/audit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    verbs = parser.add_subparsers(dest="subverb", metavar="VERB", required=True)
    verify = verbs.add_parser(
        "verify",
        help="re-read every byte; exit 0 intact, 10 truncated, 11 edited, 12 forked",
    )
    show = verbs.add_parser("show", help="print records, the oldest first")
    show.add_argument("--task", help="only records of this task")
    show.add_argument("--decision", help="only records of this decision")
    show.add_argument("--last", type=int, help="only so many, from the end")
    for verb in (verify, show):
        verb.add_argument("directory", nargs="?", type=Path, help="the log (default: --config's)")
        output.add_config(verb)
        output.add_format(verb)


def run(args: argparse.Namespace) -> int:
    """Verifies or shows."""
    from safeconduct.audit.verify import holds_log, read, verify

    directory = args.directory or output.audit_directory(args)
    if not holds_log(directory):
        output.complain(f"no log in {directory}{_elsewhere(directory, args)}")
        return output.FAULT
    if args.subverb == "verify":
        report = verify(directory)
        value = {
            "verified": not report.findings,
            "sentence": report.sentence,
            **msgspec.to_builtins(report),
        }
        lines = [f"{finding.code}: {finding.sentence}" for finding in report.findings]
        if report.unknown_count:
            shown = ", ".join(report.unknown)
            lines.append(f"{report.unknown_count} calls without a known outcome: {shown}")
        output.emit(args, value, "\n".join([*lines, report.sentence]))
        return report.exit_code
    records = read(directory, decision=args.decision, task=args.task, last=args.last)
    for record in records:
        output.emit(args, record, _line(record))
    return output.OK


def _elsewhere(directory: Path, args: argparse.Namespace) -> str:
    if args.directory is None:
        return " (fix: no gateway has run with this configuration yet; `safeconduct serve` does)"
    return f" (fix: did you mean {directory / 'state' / 'audit'}?)"


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
