"""`safeconduct policy reload`: have the running gateway look for newer rules."""

from __future__ import annotations

import argparse
from typing import Final

from safeconduct.cli import output
from safeconduct.cli.operator import SaidNo, ask

HELP: Final = "have the running gateway look for newer rules, and use them"
EXAMPLE: Final = "safeconduct policy reload --config ./gateway"

PATIENCE_S: Final = 180.0
"""The gateway asks its source, and judges the rules in a process of their own."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "The gateway judges what it finds as at a start. What it refuses changes nothing: the\n"
        "rules of before go on, and exit code 1 and one line say why."
    )
    output.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Asks at the operator socket."""
    try:
        told = ask(output.operator_socket(args), "reload", patience_s=PATIENCE_S)
    except SaidNo as no:
        return output.refused(str(no))
    text = f"the policy is now {told['digest']}" if told["changed"] else "nothing has changed"
    output.emit(args, told, text)
    return output.OK
