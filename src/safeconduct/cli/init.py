"""`safeconduct init`: a small configuration that works, to be changed from there."""

from __future__ import annotations

import argparse
import shutil
from importlib import resources
from pathlib import Path
from typing import Final

from safeconduct.cli.output import OK, emit, refused

HELP: Final = "write a configuration directory to start from"
EXAMPLE: Final = "safeconduct init gateway"

_NEXT: Final = """\
wrote {directory}: one agent, one user, one upstream, one policy
next:
  safeconduct check {directory}             after every change
  safeconduct serve --config {directory}    start the gateway"""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Where to write."""
    parser.description = (
        "Write a small configuration that passes `check`: one agent, one zone, one user, one\n"
        "upstream, one policy. Every file says what to change. An existing directory must be\n"
        "empty; nothing is ever overwritten."
    )
    parser.add_argument(
        "directory", metavar="DIR", type=Path, help="where to write; made if needed"
    )


def run(args: argparse.Namespace) -> int:
    """Write, or refuse to touch what is there."""
    directory: Path = args.directory
    if directory.exists() and (not directory.is_dir() or any(directory.iterdir())):
        return refused(f"{directory} exists and is not empty: nothing was written")
    write(directory)
    emit(args, {"directory": str(directory)}, _NEXT.format(directory=directory))
    return OK


def write(directory: Path) -> None:
    """Copy the shipped files. Raises OSError."""
    library = resources.files("safeconduct") / "library"
    with resources.as_file(library / "init") as start:
        shutil.copytree(start, directory, dirs_exist_ok=True)
    with resources.as_file(library / "schema") as schemas:
        shutil.copytree(schemas, directory / "schema")
    # Package builders skip files that begin with a dot.
    (directory / "gitignore").rename(directory / ".gitignore")
