"""`safeconduct audit rotate-key`: the next key that signs the log."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from safeconduct.cli import output
from safeconduct.cli.audit import place

HELP: Final = "replace the key that signs the log, and record the change under both"
EXAMPLE: Final = "safeconduct audit rotate-key --config ./gateway"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    output.add_config(parser)
    parser.set_defaults(directory=None)


def run(args: argparse.Namespace) -> int:
    """Replaces it."""
    from safeconduct.app.rotating import rotate
    from safeconduct.audit.faults import LogFault
    from safeconduct.audit.signer import Refused
    from safeconduct.config import load

    if place.log(args) is None:
        return output.FAULT
    config = load(Path(args.config))
    try:
        key, log = rotate(config)
    except LogFault as fault:
        if fault.code != "busy":
            raise
        output.complain(f"the gateway runs (fix: stop it first; {output.log_of(config)} is open)")
        return output.FAULT
    except Refused as refused:
        output.complain(refused.sentence)
        return output.FAULT
    output.emit(args, {"key": str(key), "log": str(log)}, f"the log is signed by {key}")
    return output.OK
