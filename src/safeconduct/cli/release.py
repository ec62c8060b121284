"""`safeconduct release`: let one result go to one tool, or vouch for one value, in one task."""

from __future__ import annotations

import argparse
from typing import Any

from safeconduct.cli import output
from safeconduct.cli.operator import ask

HELP = "let a task send one result to one tool, or vouch for one value"
EXAMPLE = (
    "safeconduct release result --task t_0123456789abcdef01234567 --decision "
    "d_0123456789abcdef01234567 --tool email.send --why 'she asked for this offer' "
    "--config ./gateway\n"
    "safeconduct release value --task t_0123456789abcdef01234567 --tool email.send "
    "--argument to --value dana@customer.example --why 'rang her up' --config ./gateway"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    verbs = parser.add_subparsers(dest="subverb", metavar="VERB", required=True)
    result = verbs.add_parser("result", help="what a decision returned may go to a tool")
    result.add_argument("--decision", required=True, help="d_…, whose result it is")
    value = verbs.add_parser("value", help="an argument may have a value for which nothing vouches")
    value.add_argument("--argument", required=True, help="the argument of the tool")
    value.add_argument("--value", required=True, help="the exact value")
    for verb in (result, value):
        output.add_config(verb)
        output.add_format(verb)
        verb.add_argument("--task", required=True, help="t_…, for which alone it is")
        verb.add_argument("--tool", required=True, help="<upstream>.<name>")
        verb.add_argument("--calls", type=int, default=1, help="1 to 20 (default: 1)")
        verb.add_argument("--minutes", type=int, default=5, help="1 to 60 (default: 5)")
        verb.add_argument("--why", required=True, help="the reason, for the record")


def run(args: argparse.Namespace) -> int:
    """Releases at the running gateway."""
    names = ("task", "tool", "calls", "minutes", "why", "decision", "argument", "value")
    asked: dict[str, Any] = {name: getattr(args, name, None) for name in names}
    answer = ask(output.operator_socket(args), "release", **asked)
    text = f"released {answer['release']}: {args.calls} of {args.tool} in {args.minutes} min"
    output.emit(args, dict(answer), text)
    return output.OK
