"""`safeconduct audit publish`: the log as static files that anybody's tools read."""

from __future__ import annotations

import argparse
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from safeconduct.cli import output
from safeconduct.cli.audit import noting, place

HELP: Final = "bring a directory of static files (C2SP tlog-tiles) up to the log's checkpoint"
EXAMPLE: Final = "safeconduct audit publish --config ./gateway --to ./public"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    place.add_log(parser)
    parser.add_argument(
        "--to", metavar="OUT", type=Path, required=True, help="where the files are kept"
    )


def run(args: argparse.Namespace) -> int:
    """Publishes; what leaves the house is on record before."""
    from safeconduct.audit.faults import Damaged, LogFault
    from safeconduct.audit.publishing import publish
    from safeconduct.audit.reads import answer

    directory = place.log(args)
    if directory is None:
        return output.FAULT
    config = noting.configured(directory, args.directory, args)

    def noted(entries: Iterable[tuple[int, bytes]]) -> None:
        noting.noted(config, "publish", None, {}, answer(entries))

    try:
        tree = publish(directory, args.to, noted)
    except Damaged as damage:
        raise LogFault(damage.code, f"{directory}: {damage.sentence}") from damage
    value = {"origin": tree.origin, "size": tree.size, "root": tree.root.hex()}
    records = output.counted(tree.size, "record")
    output.emit(args, value, f"{tree.origin} is published up to {records}, root {tree.root.hex()}")
    return output.OK
