"""`safeconduct approvals metrics`: how people answer, and what would spare them questions."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from safeconduct.cli import output
from safeconduct.cli.audit import asking, place
from safeconduct.cli.audit.reading import opened

if TYPE_CHECKING:
    from safeconduct.cli.audit.reading import Reading
    from safeconduct.config.schema import Config
    from safeconduct.core.manifest import ToolManifest


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
        config = reading.config
        templates = {} if config is None else config.root.approvals.templates
        offered = {name: one.offers is not None for name, one in templates.items()}
        tools = _tools(config)
        reading.note("query", query, hits, opened=bool(tools))
        found = metrics((_shown(reading, hit.record, tools) for hit in hits), offered, tools)
        output.emit(args, msgspec.to_builtins(found), text(found))
        return reading.ended()


def _tools(config: Config | None) -> Mapping[str, ToolManifest]:
    """The tools that people are asked about from a threshold on."""
    manifests = () if config is None else config.manifests.values()
    return {
        f"{manifest.upstream}.{name}": tool
        for manifest in manifests
        for name, tool in manifest.tools.items()
        if tool.asks
    }


def _shown(
    reading: Reading, record: Mapping[str, Any], tools: Mapping[str, ToolManifest]
) -> Mapping[str, Any]:
    """The record, and with a question about one of these tools its arguments, where there are keys
    to them.
    """
    told = reading.opener.shown(record)
    if record["phase"] != "requested" or record["tool"] not in tools:
        return told
    payload = reading.opener.opened(record)
    if payload is None or payload.content is None:
        return told
    return {**told, "arguments": json.loads(payload.content["shown"]["arguments"])}


def _printable(text: str) -> str:
    return "\n".join(map(output.printable, text.split("\n")))
