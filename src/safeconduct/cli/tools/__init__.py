"""`safeconduct tools`: from what servers say of their tools to reviewed manifests.

A module of a verb here offers what `safeconduct.cli.main.Verb` says, as any verb does.
"""

from __future__ import annotations

import argparse
from typing import Final

from safeconduct.cli import subverbs

HELP: Final = "propose manifests, review and pin definitions, look for doubts"
EXAMPLE: Final = """\
safeconduct tools infer TOOLS.json --upstream crm
safeconduct tools review --config ./gateway"""

SUB_VERBS: Final[tuple[str, ...]] = ("infer", "lint", "review")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verbs."""
    subverbs.add(parser, __name__, SUB_VERBS)


def run(args: argparse.Namespace) -> int:
    """Runs the verb that was given."""
    return subverbs.run(__name__, args)
