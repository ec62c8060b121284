"""`safeconduct audit preserve`: copies that nobody can change."""

from __future__ import annotations

import argparse
from typing import Final

import msgspec

from safeconduct.cli import output
from safeconduct.cli.audit import place

HELP: Final = "put the log where nobody can change it: S3 Object Lock, immutable files"
EXAMPLE: Final = """\
safeconduct audit preserve --config ./gateway --to s3://evidence/node-1 --days 400
safeconduct audit preserve ./gateway/state/audit --to /srv/evidence/node-1"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Puts all that the signed checkpoint of now covers into a store that takes nothing back,\n"
        "and looks whether what is there is still what the log has. Run it as often as you could\n"
        "bear to lose what came since: each run adds what is new."
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
        store = opened(args.to, directory, days=args.days, endpoint=args.endpoint)
        done = preserve(directory, store)
    except Altered as error:
        return output.refused(str(error))
    except (NotPreserved, Damaged, OSError, ValueError) as error:
        output.complain(f"not preserved: {error}")
        return output.FAULT
    said = (
        f"{output.counted(done.records, 'record')} there, covered by the checkpoint that is there"
    )
    output.emit(
        args, msgspec.to_builtins(done), f"{said}; {output.counted(len(done.put), 'file')} put"
    )
    return output.OK
