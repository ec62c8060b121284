"""`safeconduct policy`: work on policy as on software. Each of its verbs is a module beside this.

A module of a verb here offers what `safeconduct.cli.main.Verb` says, as any verb does.
"""

from __future__ import annotations

import argparse
from typing import Final

from safeconduct.cli import subverbs

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
    subverbs.add(parser, __name__, SUB_VERBS)


def run(args: argparse.Namespace) -> int:
    """Runs the verb that was given."""
    return subverbs.run(__name__, args)
