"""`safeconduct resume`: let a task go on that was refused too much, or went in circles."""

from __future__ import annotations

import argparse

from safeconduct.cli import output
from safeconduct.cli.operator import ask

HELP = "let a task go on that was refused too much, or went in circles"
EXAMPLE = (
    "safeconduct resume t_0123456789abcdef01234567 --why 'the address book is fixed' "
    "--config ./gateway"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("task", help="the task's id, t_…")
    parser.add_argument("--why", required=True, help="why, for the record")
    output.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Resumes at the running gateway."""
    answer = ask(output.operator_socket(args), "resume", task=args.task, why=args.why)
    output.emit(args, dict(answer), f"resumed {args.task}")
    return output.OK
