"""`safeconduct audit archive`: a week of the index that has passed, as Parquet."""

from __future__ import annotations

import argparse
import time
from pathlib import Path
from typing import Final

import msgspec

from safeconduct.cli import output
from safeconduct.cli.audit import place

HELP: Final = "put a week of the index that has passed into a Parquet file"
EXAMPLE: Final = "safeconduct audit archive --config ./gateway --week 2026-W45"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("--week", required=True, help="the week, as ISO 8601 names it: 2026-W45")
    place.add_log(parser)


def run(args: argparse.Namespace) -> int:
    """Archives; questions are answered from the archive from then on."""
    from safeconduct.app import indexing
    from safeconduct.audit.index.entry import week
    from safeconduct.audit.index.following import catch_up
    from safeconduct.audit.index.sqlite import DIRECTORY, WeeklyIndex, week_of
    from safeconduct.config import load

    try:
        number = week_of(args.week)
    except ValueError:
        return output.usage(f"{args.week} is no week (fix: write it as in 2026-W45)")
    if number >= week(time.time_ns() // 1_000_000):
        return output.refused(f"{args.week} has not passed yet")
    directory = place.log(args)
    if directory is None:
        return output.FAULT
    config = None if args.directory else load(Path(args.config))
    tenant = "" if config is None else config.root.gateway.tenant
    index = WeeklyIndex(directory / DIRECTORY) if config is None else indexing.opened(config)
    if not isinstance(index, WeeklyIndex):
        index.close()
        return output.refused("the index is in PostgreSQL, whose partitions are by week")
    try:
        with index.writing():
            catch_up(directory, index, tenant=tenant)
            archived = index.archive(number)
    finally:
        index.close()
    if archived is None:
        return output.refused(f"the log has no record of {args.week}")
    where = directory / DIRECTORY / archived.file
    text = f"{where}: {output.counted(archived.rows, 'record')}, SHA-256 {archived.sha256}"
    output.emit(args, {"path": str(where), **msgspec.to_builtins(archived)}, text)
    return output.OK
