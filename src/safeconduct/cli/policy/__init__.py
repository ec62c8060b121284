"""`safeconduct policy`: work on policy as on software. Each of its verbs is a module beside this.

A module of a verb here offers what `safeconduct.cli.main.Verb` says, as any verb does.
"""

from __future__ import annotations

import argparse
import importlib
from typing import Final, cast

from safeconduct.cli.main import Verb, declare

HELP: Final = "check, test, compare, release and reload policy"
EXAMPLE: Final = """\
safeconduct policy verify ./gateway/policy --keys signers.jwks.json
safeconduct policy reload --config ./gateway"""

SUB_VERBS: Final[tuple[str, ...]] = (
    # One line each, in the order of their use.
    "schema",
    "check",
    "test",
    "diff",
    "sign",
    "build",
    "verify",
    "reload",
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
    return cast("Verb", importlib.import_module(f"safeconduct.cli.policy.{name}"))
