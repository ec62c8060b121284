"""`safeconduct audit export`: evidence for somebody who has neither the log nor this program."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from safeconduct.cli import output
from safeconduct.cli.audit import asking, place
from safeconduct.cli.audit.reading import NoSuchUser, opened

if TYPE_CHECKING:
    from safeconduct.audit.index.evidence import Evidence
    from safeconduct.audit.index.query import Query

HELP: Final = "write a bundle of records, proofs and a verifier, to be checked anywhere"
EXAMPLE: Final = """\
safeconduct audit export --config ./gateway --case C-4711 --task TASK --out case.zip
safeconduct audit export --config ./gateway --case C-4711 --agent AGENT --user USER --since 30d \
--out case.zip"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("--case", metavar="NAME", required=True, help="what the bundle is for")
    parser.add_argument("--out", metavar="FILE", type=Path, required=True, help="a new file")
    parser.add_argument(
        "--open", action="store_true", help="also put payloads into it in clear, as keys allow"
    )
    asking.add_query(parser)
    asking.add_tenant(parser)
    place.add_log(parser)


def run(args: argparse.Namespace) -> int:
    """Exports; that it was done, and the digest of the case, are on record before."""
    from safeconduct.audit import cases
    from safeconduct.audit.index.evidence import gather
    from safeconduct.audit.index.telling import sentence

    if args.out.exists():
        return output.usage(f"{args.out} exists (fix: name another file)")
    with opened(args) as reading:
        if reading is None:
            return output.FAULT
        try:
            query = asking.query_of(args, reading, "export")
        except NoSuchUser as error:
            return output.refused(str(error))
        search, directory = reading.search, reading.directory
        before = gather(search, query)
        found = search.find(query)
        if not found and not before.hits:
            reading.note("export", query, ())
            return output.refused("no record answers")
        case = cases.case(args.case, search, query, found, before)
        n = reading.note("export", query, found, task=case.last, case=case.digest, opened=args.open)
        clear: dict[int, Any] = {}
        if args.open:
            for hit in found:
                payload = reading.opener.opened(hit.record)
                if payload is not None and payload.content is not None:
                    clear[hit.entry.n] = payload.content
        evidence, tree = cases.write(args.out, search, directory, case, n, clear)
        told = sentence(len(found), evidence, tree)
        value = {
            "out": str(args.out),
            "case": case.digest,
            "records": len(found),
            "complete": evidence.counter,
            "missing": evidence.flaw,
            "below": case.below,
        }
        lines = [f"{args.out}: {told}"]
        if case.below:
            below = output.printable(", ".join(case.below))
            lines.append(f"what was done in the tasks below it is not in the bundle: {below}")
        output.emit(args, value, "\n".join((*lines, _claimed(args, query, evidence))))
        return reading.ended(output.FOUND if evidence.flaw else output.OK)


def _claimed(args: argparse.Namespace, query: Query, evidence: Evidence) -> str:
    """Whether the bundle claims to be complete, and of what."""
    from safeconduct.audit.index.evidence import narrowed

    if evidence.counter is None:
        return "a selection: completeness is not claimed"
    if evidence.flaw is not None:
        return "completeness is NOT claimed"
    whose = (
        f"task {query.task}"
        if query.task is not None
        else f"what {query.agent} did for {args.user}"
    )
    if narrowed(query):
        return f"of {output.printable(whose)} all records that were asked for, none is missing"
    number = sum(query.fits(hit.entry) for hit in evidence.hits)
    return f"of {output.printable(whose)} all {output.counted(number, 'record')}, none is missing"
