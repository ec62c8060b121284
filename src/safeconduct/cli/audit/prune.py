"""`safeconduct audit prune`: let go of what was kept long enough."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Final

import msgspec

from safeconduct.cli import output

HELP: Final = "remove what is older than the retention says, but for what is held"
EXAMPLE: Final = """\
safeconduct audit prune --config ./gateway --dry-run
safeconduct audit prune --config ./gateway"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Removes whole segments and whole files of payloads, the oldest, as `audit.retention`\n"
        "says. What is left still verifies. Run it once a day; the gateway may run."
    )
    parser.add_argument("--dry-run", action="store_true", help="only say what would go")
    output.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Prunes."""
    from safeconduct.audit.damage import Damaged
    from safeconduct.audit.faults import LogFault
    from safeconduct.audit.retention.holding import Holds
    from safeconduct.audit.retention.pruning import going, plan, prune
    from safeconduct.cli.audit.recording import held, note
    from safeconduct.cli.operator import OperatorFault, SaidNo
    from safeconduct.config import load
    from safeconduct.ports import LedgerConflict

    config = load(Path(args.config))
    directory, retention = output.log_of(config), config.root.audit.retention
    if retention.records_days is None and retention.payloads_days is None:
        return output.refused(
            "nothing goes: `audit.retention` has no bound, so all of it is kept for good "
            "(fix: set `records_days`, or `payloads_days`)"
        )
    try:
        known = held(config)
        now_ms = time.time_ns() // 1_000_000
        gone = plan(directory, retention, Holds(known.names), now_ms)
        value = {"kind": "retention", **msgspec.structs.asdict(gone), "holds": known.holds}
        due = any(going(directory, gone))
        if due and not args.dry_run:
            note(config, value)
            value["freed_bytes"] = prune(directory, gone)
    except (SaidNo, LedgerConflict):
        output.complain("not pruned: something else is held meanwhile; do it again")
        return output.FAULT
    except (OperatorFault, Damaged, LogFault, OSError, ValueError) as error:
        output.complain(f"not pruned: {error}")
        return output.FAULT
    said = (
        f"records before {gone.records_before} and payload files before {gone.payloads_before} "
        f"{'would go' if args.dry_run else 'are gone'}"
    )
    if not due:
        said = "nothing is due: all that may go by its age is held, too young, or gone already"
    output.emit(args, value, said)
    return output.OK
