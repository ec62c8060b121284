"""`safeconduct audit`: work with the evidence. Each of its verbs is a module beside this.

A module of a verb here offers what `safeconduct.cli.main.Verb` says, as any verb does.
"""

from __future__ import annotations

import argparse
import importlib
from typing import Final, cast

from safeconduct.cli.main import Verb, declare

HELP: Final = "verify, read and search the audit log, and export evidence"
EXAMPLE: Final = """\
safeconduct audit verify ./gateway/state/audit
safeconduct audit show --config ./gateway --last 20"""

SUB_VERBS: Final[tuple[str, ...]] = (
    # One line each, in the order of their use.
    "verify",
    "show",
    "query",
    "timeline",
    "replay",
    "export",
    "archive",
    "hold",
    "erase",
    "prune",
    "preserve",
    "witness",
    "gather",
    "follow",
    "prove",
    "publish",
    "rotate-key",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verbs."""
    verbs = parser.add_subparsers(dest="subverb", metavar="VERB", required=True)
    for name in SUB_VERBS:
        verb = _load(name)
        declare(verbs.add_parser(name, help=verb.HELP, allow_abbrev=False), verb)


def run(args: argparse.Namespace) -> int:
    """Runs the verb that was given."""
    return _load(str(args.subverb)).run(args)


def _load(name: str) -> Verb:
    return cast("Verb", importlib.import_module(f"safeconduct.cli.audit.{name.replace('-', '_')}"))
