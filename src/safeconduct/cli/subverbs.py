"""Verbs that have verbs of their own, each of which is a module of one package."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Sequence
from typing import cast

from safeconduct.cli.main import Verb, declare


def add(parser: argparse.ArgumentParser, package: str, names: Sequence[str]) -> None:
    """Declares the verbs of a package."""
    verbs = parser.add_subparsers(dest="subverb", metavar="VERB", required=True)
    for name in names:
        verb = _load(package, name)
        declare(verbs.add_parser(name, help=verb.HELP, allow_abbrev=False), verb)


def run(package: str, args: argparse.Namespace) -> int:
    """Runs the verb that was given."""
    return _load(package, str(args.subverb)).run(args)


def _load(package: str, name: str) -> Verb:
    return cast("Verb", importlib.import_module(f"{package}.{name.replace('-', '_')}"))
