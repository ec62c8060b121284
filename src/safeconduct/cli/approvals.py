"""`safeconduct approvals`: what waits for a person's yes, and their answer.

A yes is a passkey's or a sign-in's: `approve` sends its reader to the console's page and waits for
what is answered there. What can be opened as a file is proof of nobody.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from safeconduct.cli import fatigue, output
from safeconduct.cli.operator import ask

HELP = "show what waits for a yes, and approve or deny it"
EXAMPLE = """\
safeconduct approvals list --config ./gateway
safeconduct approvals approve a_0123456789abcdef01234567 --config ./gateway
safeconduct approvals deny a_0123456789abcdef01234567 --why "ask the customer first"
safeconduct approvals elevations --end e_0123456789abcdef01234567"""

NO_SUCH_QUESTION: Final = (
    "no such question stands: it was answered, its time has passed, or it was never asked"
)

POLL_S: Final = 1.0
"""How often to ask whether somebody has answered, in seconds."""

_VERBS: Final = (
    ("list", "show what waits, a line each"),
    ("show", "show every question, or one, with the exact arguments and who has still to say yes"),
    ("approve", "send a person to the page of one call, and wait for the answer"),
    ("deny", "deny one call"),
    ("elevations", "show what may be done more than once, or end it"),
    ("end-bypass", "have people asked again"),
)

_LINKS: Final = (
    ("enrol", "make a link by which a user registers a passkey (approvals.unsafe_enrolment)"),
    ("visit", "make a link to look around at the console as a user (console.unsafe_visits)"),
)

_TOLD: Final = {
    "granted": "approved",
    "narrowed": "not approved: a smaller call was",
    "denied": "denied",
    "lapsed": "lapsed: nobody has answered in time",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    verbs = parser.add_subparsers(dest="subverb", metavar="VERB", required=True)
    for name, text in _VERBS:
        verb = verbs.add_parser(name, help=text, allow_abbrev=False)
        output.add_config(verb)
        output.add_format(verb)
        if name in ("show", "approve", "deny"):
            verb.add_argument("approval", nargs="?" if name == "show" else None, help="a_…")
        if name == "approve":
            verb.add_argument(
                "--yes",
                action="store_true",
                help="say yes here, unasked (approvals.unsafe_terminal)",
            )
        if name == "deny":
            verb.add_argument("--why", default="", metavar="TEXT", help="what the agent is told")
        if name == "end-bypass":
            verb.add_argument("bypass", help="b_…")
        if name == "elevations":
            verb.add_argument("--end", metavar="e_…", help="end this one now")
    fatigue.add_arguments(
        verbs.add_parser(
            "metrics",
            help="show how people answer, and what would spare them questions",
            allow_abbrev=False,
        )
    )
    for name, text in _LINKS:
        link = verbs.add_parser(name, help=text, allow_abbrev=False)
        output.add_config(link)
        output.add_format(link)
        link.add_argument("user", help="the user's id")


def run(args: argparse.Namespace) -> int:
    """Shows, approves or denies, or makes a link."""
    if args.subverb == "metrics":
        return fatigue.run(args)
    socket = output.operator_socket(args)
    match args.subverb:
        case "enrol" | "visit":
            return _link(args, ask(socket, args.subverb, user=args.user))
        case "end-bypass":
            output.emit(
                args, dict(ask(socket, "end-bypass", bypass=args.bypass)), f"ended {args.bypass}"
            )
            return output.OK
        case "elevations":
            return _elevations(args, socket)
        case _:
            return _questions(args, socket)


def _questions(args: argparse.Namespace, socket: Path) -> int:
    told = ask(socket, "approvals")
    pending: list[Mapping[str, Any]] = told["pending"]
    if args.subverb == "list":
        lines = [_line(one) for one in pending] or ["nothing waits for a yes"]
        output.emit(args, {"pending": pending}, "\n".join(lines))
        return output.OK
    chosen = [one for one in pending if args.approval in (None, one["approval"])]
    if args.approval is not None and not chosen:
        return output.refused(NO_SUCH_QUESTION)
    if args.subverb == "show":
        text = "\n\n".join(map(_question, chosen)) or "nothing waits for a yes"
        output.emit(args, {"pending": chosen}, text)
        return output.OK
    granted = args.subverb == "approve"
    if granted and not told["terminal"]:
        return _elsewhere(args, socket, chosen[0])
    if granted and not args.yes and not _confirmed(chosen[0]):
        return output.refused("not approved")
    said = {} if granted else {"said": args.why}
    answer = ask(socket, "answer", approval=args.approval, granted=granted, **said)
    output.emit(args, dict(answer), f"{'approved' if granted else 'denied'} {args.approval}")
    return output.OK


def _elsewhere(args: argparse.Namespace, socket: Path, question: Mapping[str, Any]) -> int:
    """Names the page where the approver answers, and waits until they have, or cannot any more."""
    page, approval = question.get("page"), question["approval"]
    if args.yes or page is None:
        return output.refused(
            "a yes needs the approver's passkey: "
            + ("leave out --yes, and open the page" if page else "configure `console`")
        )
    _progress(f"to be answered there, by {_who(question['missing'])}: {page}")
    missing = question["missing"]
    while (answer := ask(socket, "approval", approval=approval))["state"] == "pending":
        if answer["missing"] != missing:
            missing = answer["missing"]
            _progress(f"{_agreed(answer)} said yes; missing: {_who(missing)}")
        time.sleep(POLL_S)
    text = f"{_TOLD[answer['state']]}  {approval}"
    if said := answer.get("said"):
        text = f"{text}\n  said       {output.printable(said)}"
    output.emit(args, dict(answer), text)
    return output.OK if answer["state"] == "granted" else output.FOUND


def _progress(text: str) -> None:
    """What is told while it lasts, beside the answer."""
    sys.stderr.write(f"{output.printable(text)}\n")
    sys.stderr.flush()


def _elevations(args: argparse.Namespace, socket: Path) -> int:
    if args.end is not None:
        answer = ask(socket, "end-elevation", elevation=args.end)
        output.emit(args, dict(answer), f"ended {args.end}")
        return output.OK
    answer = ask(socket, "elevations")
    lines = [
        f"{one['elevation']}  {_left_s(one['until_ms'])} s left, {one['left']} more of "
        f"{output.printable(one['tool'])} ({one['objects']} objects)  for {one['user']}, "
        f"task {one['task']}  by {', '.join(map(output.printable, one['by']))}"
        for one in answer["elevations"]
    ]
    output.emit(args, dict(answer), "\n".join(lines) or "nothing may be done more than once")
    return output.OK


def _link(args: argparse.Namespace, answer: Mapping[str, Any]) -> int:
    minutes = answer["ends_in_s"] // 60
    text = f"for {args.user} to open once, within {minutes} minutes:\n{answer['url']}"
    output.emit(args, dict(answer), text)
    return output.OK


def _confirmed(question: Mapping[str, Any]) -> bool:
    print(_question(question))
    print("\nApprove exactly this, once? [y/N] ", end="", flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def _line(question: Mapping[str, Any]) -> str:
    title = question["title"] or ", ".join(question["templates"])
    return (
        f"{question['approval']}  {_left_s(question['expires_ms']):>5} s left  {question['tool']}"
        f"  {output.printable(title)}  for {question['user']}  by {_who(question['missing'])}"
    )


def _goes_on(follows: Mapping[str, Any] | None) -> list[str]:
    """For what else a yes holds."""
    if follows is None:
        return []
    also = "".join(f", or others in {output.printable(one)}" for one in follows["fields"])
    return [f"  goes on    {follows['calls']} more calls that only these values steer{also}"]


def _question(question: Mapping[str, Any]) -> str:
    labels = question["labels"]
    undo = "can be undone" if question["reversible"] else "cannot be undone"
    return "\n".join(
        (
            f"{question['approval']}  {_left_s(question['expires_ms'])} s left",
            f"  question   {', '.join(map(output.printable, question['templates']))}",
            *_titled(question["title"]),
            f"  tool       {question['tool']}  ({question['effect']}, {undo})",
            f"  arguments  {output.printable(question['arguments'])}",
            *map(_changed, question["changes"].items()),
            *map(_seen_in, question["origins"].items()),
            f"  agent      {question['agent']}",
            f"  for        {question['user']}, task {question['task']}",
            f"  purpose    {output.printable(question['purpose'])}",
            f"  stated by  the {question['purpose_source']}",
            f"  has read   {output.plain(labels)}",
            f"  because    {', '.join(question['requires'])}",
            *_goes_on(question["follows"]),
            f"  asked      {_who(question['missing'])}",
            *([f"  said yes   {_agreed(question)}"] if question["agreed"] else []),
            f"  digest     {question['digest']}",
            *([f"  page       {question['page']}"] if "page" in question else []),
        )
    )


def _left_s(until_ms: int) -> int:
    return max(0, (until_ms - time.time_ns() // 1_000_000) // 1000)


def _who(missing: Sequence[Mapping[str, Any]]) -> str:
    """Who has still to say yes."""
    return ", ".join(
        "the user" if one["who"] == "user" else f"{one['count']} of {one['who']}" for one in missing
    )


def _agreed(question: Mapping[str, Any]) -> str:
    return ", ".join(output.printable(one["by"]) for one in question["agreed"])


def _titled(title: str) -> list[str]:
    return [f"  title      {output.printable(title)}"] if title else []


def _changed(change: tuple[str, Mapping[str, Any]]) -> str:
    name, one = change
    words = f"{name}: {output.plain(one['before'])} -> {output.plain(one['after'])}"
    return f"  changes    {output.printable(words)}"


def _seen_in(origin: tuple[str, Sequence[str]]) -> str:
    name, places = origin
    return f"  seen in    {output.printable(f'{name}: ' + ', '.join(places))}"
