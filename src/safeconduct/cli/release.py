"""`safeconduct release`: let one result go to one tool, or to the task from which it was withheld,
or vouch for one value.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from safeconduct.cli import output
from safeconduct.cli.operator import ask

HELP = "let a task send or have one result, or vouch for one value; show what is withheld"
EXAMPLE = (
    "safeconduct release show --config ./gateway\n"
    "safeconduct release result --task t_0123456789abcdef01234567 --decision "
    "d_0123456789abcdef01234567 --tool email.send --why 'she asked for this offer' "
    "--config ./gateway\n"
    "safeconduct release value --task t_0123456789abcdef01234567 --tool email.send "
    "--argument to --value dana@customer.example --why 'rang her up' --config ./gateway\n"
    "safeconduct release withheld --task t_0123456789abcdef01234567 --decision "
    "d_0123456789abcdef01234567 --why 'the minutes of a meeting' --config ./gateway"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    verbs = parser.add_subparsers(dest="subverb", metavar="VERB", required=True)
    show = verbs.add_parser("show", help="show what is withheld and may be released")
    output.add_config(show)
    output.add_format(show)
    result = verbs.add_parser("result", help="what a decision returned may go to a tool")
    result.add_argument("--decision", required=True, help="d_…, whose result it is")
    value = verbs.add_parser("value", help="an argument may have a value for which nothing vouches")
    value.add_argument("--argument", required=True, help="the argument of the tool")
    value.add_argument("--value", required=True, help="the exact value")
    withheld = verbs.add_parser("withheld", help="the same call gets what was withheld from it")
    withheld.add_argument(
        "--decision", dest="withheld", required=True, help="d_…, whose result was withheld"
    )
    for verb in (result, value):
        verb.add_argument("--tool", required=True, help="<upstream>.<name>")
        verb.add_argument("--calls", type=int, default=1, help="1 to 20 (default: 1)")
    for verb in (result, value, withheld):
        output.add_config(verb)
        output.add_format(verb)
        verb.add_argument("--task", required=True, help="t_…, for which alone it is")
        verb.add_argument("--minutes", type=int, default=5, help="1 to 60 (default: 5)")
        verb.add_argument("--why", required=True, help="the reason, for the record")


def run(args: argparse.Namespace) -> int:
    """Releases at the running gateway, or shows what may be."""
    if args.subverb == "show":
        waiting: list[Mapping[str, Any]] = ask(output.operator_socket(args), "withheld")["withheld"]
        text = "\n".join(map(_line, waiting)) or "nothing is withheld that may be released"
        output.emit(args, {"withheld": waiting}, text)
        return output.OK
    names = ("task", "tool", "calls", "minutes", "why", "decision", "argument", "value", "withheld")
    asked: dict[str, Any] = {name: getattr(args, name, None) for name in names}
    answer = ask(output.operator_socket(args), "release", **asked)
    calls, tool = answer["calls"], answer["tool"]
    text = f"released {answer['release']}: {calls} of {tool} in {args.minutes} min"
    output.emit(args, dict(answer), text)
    return output.OK


def _line(one: Mapping[str, Any]) -> str:
    when, found = output.moment(one["at_ms"]), output.plain(one["findings"])
    return f"{when}  {one['decision']}  of task {one['task']}  {one['tool']}: {found}"
