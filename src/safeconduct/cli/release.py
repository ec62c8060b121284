"""`safeconduct release`: let one result go to one tool, or to the task from which it was withheld,
or vouch for one value.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from safeconduct.cli import output
from safeconduct.cli.operator import SaidNo, ask
from safeconduct.core.release import MAX_CALLS, MAX_MINUTES

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

MAX_WHY: Final = 500
"""How long a reason may be, in characters."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    verbs = parser.add_subparsers(dest="subverb", metavar="VERB", required=True)
    show = verbs.add_parser("show", help="show what is withheld and may be released")
    output.add_config(show)
    output.add_format(show)
    result = verbs.add_parser("result", help="what a decision returned may go to a tool")
    decision = _id("d")
    result.add_argument("--decision", type=decision, required=True, help="d_…, whose result it is")
    value = verbs.add_parser("value", help="an argument may have a value for which nothing vouches")
    value.add_argument("--argument", required=True, help="the argument of the tool")
    value.add_argument("--value", required=True, help="the exact value")
    withheld = verbs.add_parser("withheld", help="the same call gets what was withheld from it")
    withheld.add_argument(
        "--decision", dest="withheld", type=decision, required=True,
        help="d_…, whose result was withheld",
    )  # fmt: skip
    for verb in (result, value):
        verb.add_argument("--tool", required=True, help="<upstream>.<name>")
        verb.add_argument(
            "--calls", type=_up_to(MAX_CALLS), default=1, help=f"1 to {MAX_CALLS} (default: 1)"
        )
    for verb in (result, value, withheld):
        output.add_config(verb)
        output.add_format(verb)
        verb.add_argument("--task", type=_id("t"), required=True, help="t_…, for which alone it is")
        verb.add_argument(
            "--minutes", type=_up_to(MAX_MINUTES), default=5,
            help=f"1 to {MAX_MINUTES} (default: 5)",
        )  # fmt: skip
        verb.add_argument("--why", type=_reason, required=True, help="the reason, for the record")


def run(args: argparse.Namespace) -> int:
    """Releases at the running gateway, or shows what may be."""
    if args.subverb == "show":
        waiting: list[Mapping[str, Any]] = ask(output.operator_socket(args), "withheld")["withheld"]
        text = "\n".join(map(_line, waiting)) or "nothing is withheld that may be released"
        output.emit(args, {"withheld": waiting}, text)
        return output.OK
    names = ("task", "tool", "calls", "minutes", "why", "decision", "argument", "value", "withheld")
    asked: dict[str, Any] = {name: getattr(args, name, None) for name in names}
    try:
        answer = ask(output.operator_socket(args), "release", **asked)
    except SaidNo as no:
        why = _never_withheld(args) if args.subverb == "withheld" else None
        return output.refused(why or str(no))
    calls, tool = answer["calls"], answer["tool"]
    text = f"released {answer['release']}: {calls} of {tool} in {args.minutes} min"
    output.emit(args, dict(answer), text)
    return output.OK


def _line(one: Mapping[str, Any]) -> str:
    when, found = output.moment(one["at_ms"]), output.plain(one["findings"])
    return f"{when}  {one['decision']}  of task {one['task']}  {one['tool']}: {found}"


def _never_withheld(args: argparse.Namespace) -> str | None:
    """Why there is nothing of a decision to be released, as the log tells; None: it was there."""
    from safeconduct.audit.reading import find_decision

    try:
        decision, outcome = find_decision(output.audit_directory(args), args.withheld)
    except LookupError:
        return f"the log knows no decision {args.withheld}"
    if decision["task"] != args.task:
        return f"{args.withheld} is a decision of task {decision['task']}, and not of {args.task}"
    if outcome is None:
        return f"the call of {args.withheld} has returned nothing yet, or was not made"
    if outcome.get("reason") == "result-quarantined":
        return None
    if outcome["status"] == "withheld":
        return (
            f"what {args.withheld} returned was withheld as {outcome.get('reason')}: nobody could "
            "look at it, so nobody can release it. The gateway's own log says what kept it"
        )
    return f"nothing is withheld of {args.withheld}: its outcome is {outcome['status']}"


def _id(kind: str) -> Callable[[str], str]:
    def checked(text: str) -> str:
        if not re.fullmatch(rf"{kind}_[0-9a-f]{{24}}", text):
            raise argparse.ArgumentTypeError(f"an id is {kind}_ and 24 hexadecimal digits")
        return text

    return checked


def _up_to(most: int) -> Callable[[str], int]:
    def checked(text: str) -> int:
        if not text.isdecimal() or not 1 <= int(text) <= most:
            raise argparse.ArgumentTypeError(f"from 1 to {most}")
        return int(text)

    return checked


def _reason(text: str) -> str:
    if not text.strip() or len(text) > MAX_WHY:
        raise argparse.ArgumentTypeError(f"a reason is text of 1 to {MAX_WHY} characters")
    return text
