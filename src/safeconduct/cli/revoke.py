"""`safeconduct revoke`: end a task, or everything an agent, user, key or token holds."""

from __future__ import annotations

import argparse

from safeconduct.cli import output
from safeconduct.cli.operator import ask

HELP = "revoke a task, agent, user, key or token; it bites at once"
EXAMPLE = "safeconduct revoke task t_0123456789abcdef01234567 --config ./gateway"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    parser.add_argument("what", choices=("task", "agent", "user", "key", "jti"))
    parser.add_argument("id", help="the id: t_…, spiffe://…, a user id, a key's thumbprint, a jti")
    parser.add_argument("--why", default="", help="why, for whoever reads the record")
    output.add_config(parser)


def run(args: argparse.Namespace) -> int:
    """Revokes at the running gateway."""
    answer = ask(output.operator_socket(args), "revoke", what=args.what, id=args.id, why=args.why)
    output.emit(args, dict(answer), f"revoked {args.what} {args.id}")
    return output.OK
