"""A question to the log as arguments have it: of what, and from when until when."""

from __future__ import annotations

import argparse
import time
from typing import TYPE_CHECKING

from safeconduct.audit.index.moments import moment_ms
from safeconduct.cli import output

if TYPE_CHECKING:
    from safeconduct.audit.index.query import Query
    from safeconduct.audit.reads import Phase
    from safeconduct.cli.audit.reading import Reading


def moment(text: str, now_ms: int) -> int:
    """`moment_ms` for arguments. Raises argparse.ArgumentTypeError."""
    try:
        return moment_ms(text, now_ms)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def add_query(parser: argparse.ArgumentParser) -> None:
    """Declares what a question is made of."""
    now_ms = time.time_ns() // 1_000_000

    def at(text: str) -> int:
        return moment(text, now_ms)

    parser.add_argument("--agent", metavar="ID", help="of this agent, by its SPIFFE ID")
    parser.add_argument("--user", metavar="ID", help="for this user, by id or pseudonym")
    parser.add_argument("--since", metavar="TIME", type=at, help="from then on: RFC 3339, 7d, 24h")
    parser.add_argument("--until", metavar="TIME", type=at, help="before then (default: now)")
    parser.add_argument("--task", metavar="ID", help="of this task")
    parser.add_argument("--tool", metavar="ID", help="about this tool, <upstream>.<name>")
    parser.add_argument("--verdict", help="permit, elevate or deny; or the status of an outcome")
    parser.add_argument("--reason", help="with this reason")
    parser.add_argument("--label", help="that name a label: untrusted, restricted, a category")
    parser.add_argument("--kind", help="of this kind: decision, outcome, approval, …")
    parser.add_argument("--trace", metavar="ID", help="of this W3C trace")
    parser.add_argument("--object", metavar="ID", help="about this object")
    parser.add_argument("--limit", metavar="N", type=_count, help="so many, the newest")
    parser.set_defaults(now_ms=now_ms)


def add_tenant(parser: argparse.ArgumentParser) -> None:
    """Declares the tenant."""
    parser.add_argument(
        "--tenant", metavar="ID", help="whose records (default: the configuration's, the log's)"
    )


def query_of(args: argparse.Namespace, reading: Reading, phase: Phase) -> Query:
    """The question in the arguments; what is asked for ends now at the latest.

    Raises:
        NoSuchUser: no record names the user; that this was asked is on record.
        LogFault: as `Reading.pseudonym`.
        Misused: no record ever says that of itself.
    """
    from safeconduct.audit.index.query import Query
    from safeconduct.audit.index.words import KINDS, SAID
    from safeconduct.audit.payloads.keystore import NOBODY
    from safeconduct.cli.audit.reading import NoSuchUser

    for option, word, known in (("kind", args.kind, KINDS), ("verdict", args.verdict, SAID)):
        if word is not None and word not in known:
            raise output.Misused(
                f"--{option} {word}: no record says that of itself (fix: {', '.join(known)})"
            )
    query = Query(
        tenant=reading.tenant,
        agent=args.agent,
        user=None if args.user is None else reading.pseudonym(args.user),
        since_ms=args.since,
        until_ms=min(args.until or args.now_ms, args.now_ms),
        task=args.task,
        tool=args.tool,
        verdict=args.verdict,
        reason=args.reason,
        label=args.label,
        kind=args.kind,
        trace=args.trace,
        object=args.object,
        limit=args.limit,
    )
    if query.user == NOBODY:
        reading.note(phase, query, ())
        raise NoSuchUser(f"no record names the user {args.user}")
    return query


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number
