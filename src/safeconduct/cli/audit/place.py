"""Which log a verb is about."""

from __future__ import annotations

import argparse
from pathlib import Path

from safeconduct.cli import output


def add_log(parser: argparse.ArgumentParser) -> None:
    """Declares the log: a directory, or that of a configuration."""
    parser.add_argument("directory", nargs="?", type=Path, help="the log (default: --config's)")
    output.add_config(parser)


def log(args: argparse.Namespace) -> Path | None:
    """The directory of the log; None, and a complaint, where there is none."""
    from safeconduct.audit.verify import holds_log

    directory: Path = args.directory or output.audit_directory(args)
    if holds_log(directory):
        return directory
    output.complain(f"no log in {directory}{_elsewhere(directory, args)}")
    return None


def _elsewhere(directory: Path, args: argparse.Namespace) -> str:
    if args.directory is None:
        return " (fix: no gateway has run with this configuration yet; `safeconduct serve` does)"
    return f" (fix: did you mean {directory / 'state' / 'audit'}?)"
