"""`safeconduct audit publish`: the log as static files that anybody's tools read."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Final

from safeconduct.cli import output
from safeconduct.cli.audit import place

HELP: Final = "bring a directory of static files (C2SP tlog-tiles) up to the log's checkpoint"
EXAMPLE: Final = "safeconduct audit publish ./gateway/state/audit --to ./public"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    place.add_log(parser)
    parser.add_argument(
        "--to", metavar="OUT", type=Path, required=True, help="where the files are kept"
    )


def run(args: argparse.Namespace) -> int:
    """Publishes."""
    from safeconduct.audit.faults import Damaged, LogFault
    from safeconduct.audit.publishing import publish

    directory = place.log(args)
    if directory is None:
        return output.FAULT
    try:
        tree = publish(directory, args.to)
    except Damaged as damage:
        raise LogFault(damage.code, f"{directory}: {damage.sentence}") from damage
    value = {"origin": tree.origin, "size": tree.size, "root": tree.root.hex()}
    records = output.counted(tree.size, "record")
    output.emit(args, value, f"{tree.origin} is published up to {records}, root {tree.root.hex()}")
    return output.OK
