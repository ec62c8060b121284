"""`safeconduct audit query`: find records."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

from safeconduct.cli import output
from safeconduct.cli.audit import asking, place
from safeconduct.cli.audit.reading import NoSuchUser, Reading, opened
from safeconduct.cli.audit.show import line

if TYPE_CHECKING:
    from safeconduct.audit.index.query import Query
    from safeconduct.audit.index.searching import Hit

HELP: Final = "find records by agent, user, time and more; --prove shows that none is missing"
EXAMPLE: Final = """\
safeconduct audit query --config ./gateway --user jane@example.com --since 7d --verdict deny
safeconduct audit query --config ./gateway --agent AGENT --user USER --since 24h --prove"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    asking.add_query(parser)
    asking.add_tenant(parser)
    parser.add_argument(
        "--prove",
        action="store_true",
        help="prove each record, and of one task, or one agent and user, that none is missing",
    )
    place.add_log(parser)


def run(args: argparse.Namespace) -> int:
    """Finds; what is shown is on record before."""
    with opened(args) as reading:
        if reading is None:
            return output.FAULT
        try:
            query = asking.query_of(args, reading, "query")
            found = reading.search.find(query)
            if args.prove:
                return _proven(args, reading, query, found)
            reading.note("query", query, found)
        except NoSuchUser as error:
            return output.refused(str(error))
        for hit in found:
            record = reading.opener.shown(hit.record)
            output.emit(args, record, line(record))
        if not found and args.format != "json":
            output.complain(reading.nothing(query))
        return reading.ended()


def _proven(args: argparse.Namespace, reading: Reading, query: Query, found: Sequence[Hit]) -> int:
    from safeconduct.audit.index.evidence import gather, prove
    from safeconduct.audit.index.telling import sentence, values

    before = gather(reading.search, query)
    found = reading.search.find(query)  # of an index that may have been built anew
    reading.note("query", query, found, task=before.last)
    evidence = gather(reading.search, query)
    tree, note, proven = prove(reading.directory, evidence.hits)
    answer = {hit.entry.n for hit in found}
    if args.format == "json":
        for value in values(evidence, note, proven, answer):
            output.emit(args, value, "")
    else:
        if not found:
            output.complain(reading.nothing(query))
        for one in proven:
            if one.hit.entry.n in answer:
                output.emit(args, None, line(reading.opener.shown(one.hit.record)))
        output.emit(args, None, sentence(len(answer), evidence, tree))
    return reading.ended(output.FOUND if evidence.flaw else output.OK)
