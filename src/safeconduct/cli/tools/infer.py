"""`safeconduct tools infer`: a manifest from what a server says of its tools."""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safeconduct.cli import output
from safeconduct.cli.tools import offered

if TYPE_CHECKING:
    from safeconduct.ports import JSON

HELP: Final = "propose a manifest from the definitions of tools"
EXAMPLE: Final = """\
safeconduct tools infer TOOLS.json --upstream crm > gateway/manifests/crm.yaml
safeconduct tools infer --upstream crm --config ./gateway
safeconduct tools infer TOOLS.json --upstream crm --scopes"""

_NAME: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,62}[a-z0-9])?")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Propose a manifest from names, descriptions, schemas and annotations, each guess with\n"
        "its reason beside it. Where nothing is certain the stricter guess is written; a server's\n"
        "hints make it stricter still, and never laxer. A proposal is for a person to correct:\n"
        "nothing of it counts before the definitions are reviewed and pinned.\n"
        "Without TOOLS.json the running gateway is asked what the upstream offers."
    )
    parser.add_argument("tools", metavar="TOOLS.json", nargs="?", help=offered.FILE_HELP)
    parser.add_argument(
        "--upstream", metavar="NAME", help="the upstream's id (default: the file's own name)"
    )
    parser.add_argument(
        "--scopes", action="store_true", help="print the registry of its scopes instead"
    )
    output.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Prints the proposal."""
    import msgspec

    from safeconduct.tools.inference import propose
    from safeconduct.tools.inference.written import registry, text

    upstream, definitions = _definitions(args)
    proposal = propose(upstream, definitions)
    if args.format == "json":
        reasons = [{"place": list(place), "reason": why} for place, why in proposal.reasons.items()]
        manifest = msgspec.to_builtins(proposal.manifest)
        told = {"manifest": manifest, "reasons": reasons, "scopes": proposal.scopes}
        output.emit(args, told, "")
    else:
        sys.stdout.write(registry(proposal.scopes) if args.scopes else text(proposal))
    return output.OK


def _definitions(args: argparse.Namespace) -> tuple[str, list[JSON]]:
    if args.tools is None:
        from safeconduct.config import load

        if args.upstream is None:
            raise output.Misused("name a file of definitions, or --upstream of a running gateway")
        config = load(Path(args.config))
        upstream = offered.known(config, args.upstream)
        return upstream, offered.live(config)[upstream].definitions
    upstream = args.upstream or Path(args.tools).stem.lower()
    if not _NAME.fullmatch(upstream):
        raise output.Misused(
            "name the upstream by --upstream: lower case letters, digits and single - between them"
        )
    return upstream, offered.in_file(args.tools)
