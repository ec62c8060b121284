"""`safeconduct audit hold`: evidence that must stay."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from safeconduct.cli import output

HELP: Final = "keep evidence about a task, a user, or all of it, until it is released"
EXAMPLE: Final = """\
safeconduct audit hold --task t_0123456789abcdef01234567 --reason "case 7/2026"
safeconduct audit hold --user 00u1jane --release --reason "settled"
safeconduct audit hold"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Places a legal hold, or releases one: what is held is neither erased nor pruned.\n"
        "Without a task, a user or --all it lists what is held."
    )
    held = parser.add_mutually_exclusive_group()
    held.add_argument("--task", metavar="ID", help="what a task did")
    held.add_argument("--user", metavar="ID", help="what was done for a user")
    held.add_argument("--all", action="store_true", help="the whole log")
    parser.add_argument("--release", action="store_true", help="end the hold")
    parser.add_argument("--reason", help="why; it is on record")
    output.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code FOUND: it is held already, or was not."""
    from safeconduct.audit.faults import LogFault
    from safeconduct.cli.audit.recording import held, known, note
    from safeconduct.cli.operator import OperatorFault, SaidNo
    from safeconduct.config import load
    from safeconduct.ports import LedgerConflict

    config = load(Path(args.config))
    chosen = [("task", args.task), ("user", args.user), ("log", "*" if args.all else None)]
    what = [(kind, name) for kind, name in chosen if name]
    try:
        if not what:
            found = held(config).held
            lines = [f"{name}: {reason}" for name, reason in found.items()]
            output.emit(args, {"held": dict(found)}, "\n".join(lines) or "nothing is held")
            return output.OK
        if not args.reason:
            output.complain("say why, with --reason: it is on record")
            return output.USAGE
        ((kind, name),) = what
        first = "" if args.release or kind == "log" or known(config, kind, name) else kind
        phase = "released" if args.release else "placed"
        value = {"kind": "hold", "phase": phase, "what": kind, "id": name, "reason": args.reason}
        note(config, value)
    except (SaidNo, LedgerConflict):
        return output.refused("not held" if args.release else "held already")
    except (OperatorFault, LogFault, OSError) as error:
        output.complain(f"not recorded: {error}")
        return output.FAULT
    if first:  # a hold may come before what it is to keep
        output.complain(f"no record names this {first} yet")
    output.emit(args, value, f"{phase}: {kind} {name}")
    return output.OK
