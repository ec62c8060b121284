"""`safeconduct task`: start a task with the development identity, or look at one."""

from __future__ import annotations

import argparse
from pathlib import Path

from safeconduct.cli import output
from safeconduct.cli.operator import OperatorFault, ask
from safeconduct.cli.parties import NoSuchParty, add_parties, parties

HELP = "start a task, or show what one has done so far"
EXAMPLE = (
    "safeconduct task start --config ./gateway --purpose 'Triage case C-4711' --key-file task.jwk"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares the verb's arguments."""
    verbs = parser.add_subparsers(dest="subverb", metavar="VERB", required=True)
    start = verbs.add_parser(
        "start",
        help="start a task at the running gateway, with the development identity",
        description="Plays user, front end and agent with the development keys, and exchanges "
        "their tokens for a task token. Needs gateway.unsafe_dev_identity.",
    )
    output.add_config(start)
    output.add_format(start)
    add_parties(start)
    start.add_argument("--scope", action="append", help="narrow the task to this scope; repeatable")
    start.add_argument(
        "--follow",
        action="append",
        default=[],
        metavar="JSON",
        help="have the task do what a source says: source, object, tools, count, minutes; "
        "repeatable",
    )
    start.add_argument(
        "--svid",
        metavar="TOKEN",
        help="the agent's own JWT-SVID for the gateway, where an issuer knows it by evidence "
        "(default: one of the development identity)",
    )
    start.add_argument(
        "--key-file",
        type=Path,
        required=True,
        help="where the private key is written, mode 0600: a new file",
    )
    show = verbs.add_parser("show", help="show a task's state: labels, counts, budgets")
    output.add_config(show)
    output.add_format(show)
    show.add_argument("task", help="the task's id, t_…")


def run(args: argparse.Namespace) -> int:
    """Starts or shows."""
    return _start(args) if args.subverb == "start" else _show(args)


def _start(args: argparse.Namespace) -> int:
    import msgspec

    from safeconduct.config import load
    from safeconduct.core.subgrants import SubGrant
    from safeconduct.identity.client import start_task

    if args.key_file.exists():
        return output.usage(
            f"{args.key_file} exists, and may be the key of a task that runs "
            "(fix: name another --key-file, or remove it)"
        )
    try:
        follow = [msgspec.json.decode(one, type=SubGrant) for one in args.follow]
    except msgspec.DecodeError as fault:
        return output.usage(f"--follow: {fault}")
    if follow and args.source == "agent":
        return output.usage("--follow: an agent cannot say itself what it follows")
    config = load(Path(args.config))
    try:
        started = start_task(
            config, **parties(args, config), scopes=args.scope, svid=args.svid, follow=follow
        )
    except NoSuchParty as fault:
        return output.usage(str(fault))
    except (ConnectionError, TimeoutError) as error:
        raise OperatorFault(
            f"no gateway answers at {config.root.gateway.issuer} ({error}); start it with "
            "`safeconduct serve`"
        ) from None
    output.write_private(args.key_file, started.key.jwk())
    value = {
        "task": started.task,
        "token": started.token,
        "token_type": "DPoP",
        "key_file": str(args.key_file),
        "scopes": sorted(started.scopes),
        "expires_ms": started.expires_ms,
    }
    lines = [
        f"task {started.task} started: {', '.join(sorted(started.scopes))}",
        f"key    {args.key_file}",
        f"token  {started.token}",
    ]
    output.emit(args, value, "\n".join(lines))
    return output.OK


def _show(args: argparse.Namespace) -> int:
    facts = ask(output.operator_socket(args), "task", task=args.task)
    lines = [f"{name:<15}{output.plain(value)}" for name, value in facts.items()]
    output.emit(args, dict(facts), "\n".join(lines))
    return output.OK
