"""`safeconduct audit verify`: whether the log is as it was written."""

from __future__ import annotations

import argparse
from typing import Final

import msgspec

from safeconduct.cli import output
from safeconduct.cli.audit import place

HELP: Final = "re-read every byte; exit 0 intact, 10 truncated, 11 edited, 12 forked"
EXAMPLE: Final = "safeconduct audit verify ./gateway/state/audit"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    place.add_log(parser)


def run(args: argparse.Namespace) -> int:
    """Verifies."""
    from safeconduct.audit.verify import verify

    directory = place.log(args)
    if directory is None:
        return output.FAULT
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
