"""`safeconduct audit`: work with the evidence. Each of its verbs is a module beside this.

A module of a verb here offers what `safeconduct.cli.main.Verb` says, as any verb does.
"""

from __future__ import annotations

import argparse
from typing import Final

from safeconduct.cli import subverbs

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
    subverbs.add(parser, __name__, SUB_VERBS)


def run(args: argparse.Namespace) -> int:
    """Runs the verb that was given."""
    return subverbs.run(__name__, args)
