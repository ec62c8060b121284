"""`safeconduct approvals`: a person's yes or no to exactly one call."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

from safeconduct.cli import output
from safeconduct.cli.operator import ask

HELP = "show what waits for a yes, and approve or deny it"
EXAMPLE = "safeconduct approvals approve a_0123456789abcdef01234567 --config ./gateway"

NO_SUCH_QUESTION: Final = (
    "no such question stands: it was answered, its time has passed, or it was never asked"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    verbs = parser.add_subparsers(dest="subverb", metavar="VERB", required=True)
    for name, text in (
        ("show", "show every question, or one, with the exact arguments"),
        ("approve", "approve one call: these bytes, once, within its time"),
        ("deny", "deny one call"),
    ):
        verb = verbs.add_parser(name, help=text)
        output.add_config(verb)
        output.add_format(verb)
        verb.add_argument("approval", nargs="?" if name == "show" else None, help="a_…")
        if name == "approve":
            verb.add_argument("--yes", action="store_true", help="do not ask again (for scripts)")
    enrol = verbs.add_parser(
        "enrol",
        help="make a link by which a user registers a passkey (approvals.unsafe_enrolment)",
    )
    output.add_config(enrol)
    output.add_format(enrol)
    enrol.add_argument("user", help="the user's id")


def run(args: argparse.Namespace) -> int:
    """Shows, approves or denies, or makes a link."""
    socket = output.operator_socket(args)
    if args.subverb == "enrol":
        return _enrol(args, ask(socket, "enrol", user=args.user))
    pending: list[Mapping[str, Any]] = ask(socket, "approvals")["pending"]
    chosen = [one for one in pending if args.approval in (None, one["approval"])]
    if args.approval is not None and not chosen:
        return output.refused(NO_SUCH_QUESTION)
    if args.subverb == "show":
        text = "\n\n".join(_question(one) for one in chosen) or "nothing waits for a yes"
        output.emit(args, {"pending": chosen}, text)
        return output.OK
    granted = args.subverb == "approve"
    if granted and not args.yes and not _confirmed(chosen[0]):
        return output.refused("not approved")
    answer = ask(socket, "answer", approval=args.approval, granted=granted)
    output.emit(args, dict(answer), f"{'approved' if granted else 'denied'} {args.approval}")
    return output.OK


def _enrol(args: argparse.Namespace, answer: Mapping[str, Any]) -> int:
    minutes = answer["ends_in_s"] // 60
    text = f"for {args.user} to open once, within {minutes} minutes:\n{answer['url']}"
    output.emit(args, dict(answer), text)
    return output.OK


def _confirmed(question: Mapping[str, Any]) -> bool:
    print(_question(question))
    print("\nApprove exactly this, once? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _question(question: Mapping[str, Any]) -> str:
    left_s = max(0, (question["expires_ms"] - time.time_ns() // 1_000_000) // 1000)
    labels = question["labels"]
    undo = "can be undone" if question["reversible"] else "cannot be undone"
    return "\n".join(
        (
            f"{question['approval']}  {left_s} s left",
            f"  question   {', '.join(map(output.printable, question['templates']))}",
            f"  tool       {question['tool']}  ({question['effect']}, {undo})",
            f"  arguments  {output.printable(question['arguments'])}",
            *map(_seen_in, question["origins"].items()),
            f"  agent      {question['agent']}",
            f"  for        {question['user']}, task {question['task']}",
            f"  purpose    {output.printable(question['purpose'])}",
            f"  stated by  the {question['purpose_source']}",
            f"  has read   {output.plain(labels)}",
            f"  because    {', '.join(question['requires'])}",
            f"  digest     {question['digest']}",
        )
    )


def _seen_in(origin: tuple[str, Sequence[str]]) -> str:
    name, places = origin
    return f"  seen in    {output.printable(f'{name}: ' + ', '.join(places))}"
