"""`safeconduct audit preserve`: copies that nobody can change."""

from __future__ import annotations

import argparse
from typing import Final

import msgspec

from safeconduct.cli import output
from safeconduct.cli.audit import place

HELP: Final = "put whole segments where nobody can change them: S3 Object Lock, immutable files"
EXAMPLE: Final = """\
safeconduct audit preserve --config ./gateway --to s3://evidence/node-1 --days 400
safeconduct audit preserve ./gateway/state/audit --to /srv/evidence/node-1"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Puts what will not change any more into a store that takes nothing back, and looks\n"
        "whether what is there is still what the log has. Run it as often as the log fills a\n"
        "segment (64 MiB), or once a day."
    )
    parser.add_argument("--to", required=True, help="s3://bucket/prefix, or a directory")
    parser.add_argument("--days", type=int, help="how long objects are locked (S3)")
    parser.add_argument("--endpoint", metavar="URL", help="of a store that is not Amazon's")
    place.add_log(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code FOUND: what was preserved and what is here are not the same."""
    from safeconduct.audit.damage import Damaged
    from safeconduct.audit.preserving import Altered, NotPreserved
    from safeconduct.audit.preserving.preserving import opened, preserve

    directory = place.log(args)
    if directory is None:
        return output.FAULT
    try:
        store = opened(args.to, days=args.days, endpoint=args.endpoint)
        done = preserve(directory, store)
    except Altered as error:
        return output.refused(str(error))
    except (NotPreserved, Damaged, OSError, ValueError) as error:
        output.complain(f"not preserved: {error}")
        return output.FAULT
    said = f"{len(done.put)} files put, {done.records} records there, {done.covered} of them under"
    output.emit(args, msgspec.to_builtins(done), f"{said} a checkpoint that is there, too")
    return output.OK
