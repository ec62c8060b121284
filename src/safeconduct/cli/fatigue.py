"""`safeconduct approvals metrics`: how people answer, and what would spare them questions."""

from __future__ import annotations

import argparse
import time

from safeconduct.cli import output
from safeconduct.cli.audit import asking, place
from safeconduct.cli.audit.reading import opened


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what is read."""
    now_ms = time.time_ns() // 1_000_000
    parser.add_argument(
        "--since",
        metavar="TIME",
        type=lambda text: asking.moment(text, now_ms),
        help="from then on: RFC 3339, 30d, 24h",
    )
    asking.add_tenant(parser)
    place.add_log(parser)
    output.add_format(parser)


def run(args: argparse.Namespace) -> int:
    """Computes and prints; that the log was read is on record before."""
    import msgspec

    from safeconduct.approvals.fatigue import Metrics, metrics
    from safeconduct.audit.index.query import Query

    def text(found: Metrics) -> str:
        lines = [
            f"{', '.join(one.templates)}  {one.tool}: asked {one.asked} times in {one.tasks} "
            f"tasks, {one.yes} yes, {one.no} no, {one.lapsed} not answered"
            for one in found.gates
        ]
        lines += [f"warning: {one}" for one in found.warnings]
        for one in found.proposals:
            lines += [f"# {one.why}", one.yaml]
        return "\n".join(map(_printable, lines)) or "nobody was asked anything"

    with opened(args) as reading:
        if reading is None:
            return output.FAULT
        query = Query(tenant=reading.tenant, since_ms=args.since, kind="approval")
        hits = reading.search.find(query)
        reading.note("query", query, hits)
        offered = (
            {}
            if reading.config is None
            else {
                name: one.offers is not None
                for name, one in reading.config.root.approvals.templates.items()
            }
        )
        found = metrics((reading.opener.shown(hit.record) for hit in hits), offered)
        output.emit(args, msgspec.to_builtins(found), text(found))
        return reading.ended()


def _printable(text: str) -> str:
    return "\n".join(map(output.printable, text.split("\n")))
