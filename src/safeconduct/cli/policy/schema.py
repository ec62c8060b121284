"""`safeconduct policy schema`: what Cedar rules are checked against."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from safeconduct.cli import output
from safeconduct.cli.operator import OperatorFault, ask

if TYPE_CHECKING:
    from safeconduct.policy.cedar.schema import Schema

HELP: Final = "write the schema of Cedar rules from the tools of a gateway"
EXAMPLE: Final = """\
safeconduct policy schema --config ./gateway
safeconduct policy schema --config ./gateway --write"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "Every tool of the manifests becomes an action, and where the gateway runs, every tool\n"
        "that its upstreams offer. The output schemas of resolvers' tools give facts their types;\n"
        "a fact without one keeps the type that it has in the schema already."
    )
    output.add_config(parser)
    parser.add_argument(
        "--write", action="store_true", help="into the bundle of the configuration, to be reviewed"
    )


def run(args: argparse.Namespace) -> int:
    """Prints or writes."""
    from safeconduct.config import load
    from safeconduct.core.limits import budgets
    from safeconduct.policy.bundles.layout import SCHEMA
    from safeconduct.policy.cedar.generation import NoGenerator, generate

    config = load(Path(args.config))
    bundle = config.root.policy.bundle
    if args.write and bundle is None:
        return output.usage("the configuration names no directory of a bundle to write into")
    file = None if bundle is None else Path(config.directory) / bundle / SCHEMA
    definitions: dict[str, list[dict[str, Any]]] = {}
    try:
        for tool in ask(output.operator_socket(args), "tools")["tools"]:
            definitions.setdefault(tool["upstream"], []).append(tool["definition"])
    except OperatorFault as fault:
        sys.stderr.write(f"from the manifests alone: {fault}\n")
    counts = {
        name
        for profile in config.root.profiles.values()
        for name in budgets(profile.budgets, profile.amounts)
    }
    try:
        made = generate(config.manifests, definitions, counts, _before(file))
    except NoGenerator:
        return output.refused(
            "output schemas need the package cedar-policy-mcp-schema-generator "
            "(fix: install safeconduct[cedar-schema])"
        )
    for fact in made.untyped:
        sys.stderr.write(f"no type, so no rule sees it: {fact} (fix: add it to the schema)\n")
    if not args.write or file is None:
        output.emit(args, {"schema": made.text, "untyped": made.untyped}, made.text.rstrip())
        return output.OK
    file.write_text(made.text, encoding="utf-8")
    told = {"file": str(file), "untyped": made.untyped}
    output.emit(args, told, f"wrote {file}: review it, then `safeconduct policy check`")
    return output.OK


def _before(file: Path | None) -> Schema | None:
    from safeconduct.policy.cedar.contracted import read_schema
    from safeconduct.policy.refusal import PolicyRefused

    try:
        return None if file is None else read_schema(file.read_text(encoding="utf-8"))
    except (FileNotFoundError, PolicyRefused):
        return None
