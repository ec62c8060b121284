"""`safeconduct consent`: let a user consent to what an upstream does for them, or end that."""

from __future__ import annotations

import argparse

from safeconduct.cli import output
from safeconduct.cli.operator import ask

HELP = "make the page on which a user consents to an upstream, or end the consent"
EXAMPLE = "safeconduct consent crm jane@crm.example --config ./gateway"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.description = (
        "For upstreams with `grant: authorization-code`. Give the page to that user alone:\n"
        "whoever opens it and logs in lets the agents of that user act in their own name."
    )
    parser.add_argument("upstream", help="the upstream's id")
    parser.add_argument("user", help="the user's id")
    parser.add_argument("--withdraw", action="store_true", help="end the consent; it bites at once")
    output.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Asks the running gateway."""
    answer = ask(
        output.operator_socket(args),
        "consent",
        upstream=args.upstream,
        user=args.user,
        withdraw=args.withdraw,
    )
    if args.withdraw:
        text = "the consent has ended" if answer["withdrawn"] else "there was no consent"
    else:
        minutes = answer["ends_in_s"] // 60
        text = f"for {args.user} to open within {minutes} minutes:\n{answer['url']}"
    output.emit(args, dict(answer), text)
    return output.OK
