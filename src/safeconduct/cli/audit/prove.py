"""`safeconduct audit prove`: that a record is in the log, or that the log grew out of itself."""

from __future__ import annotations

import argparse
from base64 import b64encode
from pathlib import Path
from typing import Final

from safeconduct.cli import output
from safeconduct.cli.audit import place

HELP: Final = "print the proof that a record is in the log, or that nothing before was changed"
EXAMPLE: Final = """\
safeconduct audit prove ./gateway/state/audit --record 1207 > 1207.tlog-proof
safeconduct audit prove --config ./gateway --decision d_0123456789abcdef01234567
safeconduct audit prove --config ./gateway --since 1000"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    about = parser.add_mutually_exclusive_group(required=True)
    about.add_argument("--record", metavar="N", type=int, help="that the log has this record")
    about.add_argument("--decision", metavar="ID", help="the same, of the record of a decision")
    about.add_argument(
        "--since", metavar="SIZE", type=int, help="that the log goes on from its first SIZE records"
    )
    place.add_log(parser)


def run(args: argparse.Namespace) -> int:
    """Proves."""
    from safeconduct.audit.faults import Damaged, LogFault

    directory = place.log(args)
    if directory is None:
        return output.FAULT
    try:
        return _consistency(args, directory) if args.since is not None else _one(args, directory)
    except LookupError as error:
        output.complain(str(error.args[0]))
        return output.FOUND
    except Damaged as damage:
        raise LogFault(damage.code, f"{directory}: {damage.sentence}") from damage


def _one(args: argparse.Namespace, directory: Path) -> int:
    from safeconduct.audit import proving
    from safeconduct.audit.reading import find_decision

    number: int = args.record
    if args.decision is not None:
        number = find_decision(directory, args.decision)[0]["n"]
    proof = proving.inclusion(directory, number)
    value = {"record": number, "size": proof.tree.size, "proof": str(proof)}
    # It has its own last newline, as the checkpoint in it has.
    output.emit(args, value, str(proof).removesuffix("\n"))
    return output.OK


def _consistency(args: argparse.Namespace, directory: Path) -> int:
    from safeconduct.audit import proving

    tree, path = proving.consistency(directory, args.since)
    hashes = [b64encode(one).decode() for one in path]
    value = {"old": args.since, "size": tree.size, "proof": hashes}
    lines = (f"old {args.since}", f"size {tree.size}", *hashes)
    output.emit(args, value, "\n".join(lines))
    return output.OK
