"""`safeconduct tools lint`: what manifests say, and rarely mean."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Final

from safeconduct.cli.output import FOUND, OK, emit

if TYPE_CHECKING:
    from safeconduct.config import Problem

HELP: Final = "look for doubts in manifests"
EXAMPLE: Final = """\
safeconduct tools lint gateway/
safeconduct tools lint gateway/manifests/crm.yaml"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Directories or files."""
    parser.description = (
        "Look for what manifests say and rarely mean, beside what `safeconduct check` refuses,\n"
        "and print each as `file:line: sentence (fix: ...)`. A comment with the word `because`,\n"
        "in the line or above it, settles a doubt. Exit code 1 means that something was found."
    )
    parser.add_argument(
        "paths", metavar="FILE", type=Path, nargs="+", help="configuration directory, or a manifest"
    )


def run(args: argparse.Namespace) -> int:
    """Looks at everything, then answers once."""
    from safeconduct.config import examine, examine_files
    from safeconduct.tools.linting import doubts

    problems: list[Problem] = []
    for directory in [path for path in args.paths if path.is_dir()]:
        problems += examine(directory, doubts).problems
    files = [path for path in args.paths if not path.is_dir()]
    if files:
        problems += examine_files(files, doubts).problems
    lines = [str(problem) for problem in problems] or ["no doubts"]
    emit(args, {"ok": not problems, "problems": problems}, "\n".join(lines))
    return FOUND if problems else OK
