"""What the verbs that read the log share: which log, which tenant, with which keys, and that their
reading is on record before anybody sees what they read.
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager, suppress
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from safeconduct.cli import output
from safeconduct.cli.audit import place

if TYPE_CHECKING:
    from safeconduct.audit.index.port import Index
    from safeconduct.audit.index.query import Query
    from safeconduct.audit.index.searching import Hit, Search
    from safeconduct.audit.payloads.keystore import Keystore
    from safeconduct.audit.payloads.opening import Opener
    from safeconduct.audit.reads import Answer, Phase
    from safeconduct.config.schema import Config

_AGO: Final = re.compile(r"([1-9][0-9]{0,5})([smhdw])")
_UNIT_S: Final = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PSEUDONYM: Final = "u_"


class NoSuchUser(Exception):
    """The log has no record of a user of that id, or none any more that says so."""


class NotNoted(Exception):
    """A reading could not be put on record, and so was not done."""


def moment_ms(text: str, now_ms: int) -> int:
    """A time as RFC 3339 has it, or so long ago: `7d`, `24h`.

    Raises:
        argparse.ArgumentTypeError: it is neither.
    """
    ago = _AGO.fullmatch(text)
    if ago is not None:
        return now_ms - int(ago[1]) * _UNIT_S[ago[2]] * 1000
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no time (fix: 7d, 24h, or as in 2026-11-21T09:00:00Z, with a zone)"
        )
    return int(at.timestamp() * 1000)


def add_query(parser: argparse.ArgumentParser) -> None:
    """Declares what a question is made of."""
    now_ms = time.time_ns() // 1_000_000

    def at(text: str) -> int:
        return moment_ms(text, now_ms)

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


def query_of(args: argparse.Namespace, reading: Reading) -> Query:
    """The question in the arguments; what is asked for ends now at the latest.

    Raises:
        NoSuchUser, LogFault: as `Reading.pseudonym`.
        Misused: no record ever says that of itself.
    """
    from safeconduct.audit.index.query import Query
    from safeconduct.audit.index.words import KINDS, SAID

    for option, word, known in (("kind", args.kind, KINDS), ("verdict", args.verdict, SAID)):
        if word is not None and word not in known:
            raise output.Misused(
                f"--{option} {word}: no record says that of itself (fix: {', '.join(known)})"
            )
    return Query(
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


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A log that is read. `config` is that of its gateway; without one it is a copy."""

    directory: Path
    config: Config | None
    tenant: str
    search: Search
    keys: Keystore | None
    opener: Opener

    def pseudonym(self, user: str) -> str:
        """How records name a user, where there are keys that tell.

        Raises:
            NoSuchUser: no record names this one.
            LogFault: the keystore fails.
        """
        if self.keys is None or user.startswith(_PSEUDONYM):
            return user
        known = self.keys.known(self.tenant, user)
        if known is None:
            raise NoSuchUser(f"no record names the user {user}")
        return known

    def note(
        self, phase: Phase, query: Query, hits: Iterable[Hit], **more: str | bool | None
    ) -> int | None:
        """Puts on record that these are about to be read; the number of that record.

        None, and a complaint, for a copy of a log: there is nothing to write to.

        Raises:
            NotNoted: it could not be put on record.
        """
        from safeconduct.audit.reads import answer, asked

        said = answer((hit.entry.n, hit.data) for hit in hits)
        return noted(self.config, phase, self.tenant, asked(query), said, **more)

    def note_of(
        self, phase: Phase, asked: Mapping[str, str | int], entries: Iterable[tuple[int, bytes]]
    ) -> Answer:
        """As `note`, of records by number and exact bytes that need not fit into memory; what was
        said of them.
        """
        from safeconduct.audit.reads import answer

        said = answer(entries)
        noted(self.config, phase, self.tenant, asked, said, opened=self.keys is not None)
        return said


def noted(
    config: Config | None,
    phase: Phase,
    tenant: str | None,
    asked: Mapping[str, str | int | bool],
    said: Answer,
    **more: str | bool | None,
) -> int | None:
    """Puts a reading on record, by the gateway or here where none runs; the number of that record.

    Without a tenant it is that of the configuration. None, and raises: as `Reading.note`.
    """
    from safeconduct.audit.faults import LogFault
    from safeconduct.cli.audit import recording
    from safeconduct.cli.operator import OperatorFault, SaidNo

    if config is None:
        output.complain("this reading is not on record: a copy of a log takes no records")
        return None
    value = {
        "kind": "audit.read",
        "phase": phase,
        "tenant": tenant or config.root.gateway.tenant,
        "asked": asked,
        **msgspec.to_builtins(said),
        **{name: one for name, one in more.items() if one},
    }
    try:
        return recording.note(config, value)
    except (OperatorFault, SaidNo, LogFault, OSError) as error:
        raise NotNoted(
            f"nothing was read, as reading could not be put on record: {error}"
        ) from error


def configured(directory: Path, given: Path | None, args: argparse.Namespace) -> Config | None:
    """The configuration of the gateway whose log is about to be read; None for a copy.

    Args:
        directory: Where the log is.
        given: What the arguments name as a log, if they do, and no gateway's.
        args: They name the configuration.

    Raises:
        ConfigError: there is no configuration, where one is needed.
        Misused: what is given as a copy is a gateway's own log.
        OSError: the log cannot be read.
    """
    from safeconduct.audit import lock
    from safeconduct.config import ConfigError, load

    if given is None:
        return load(Path(args.config))
    with suppress(ConfigError, OSError):
        config = load(Path(args.config))
        if output.log_of(config).samefile(directory):
            return config
    for said, true in (
        ("is a log that is being written", lock.is_held(directory)),
        ("has its gateway's keys beside it, and is no copy", _keys_beside(directory)),
    ):
        if true:
            raise output.Misused(
                f"{directory} {said}, so reading it belongs on record "
                "(fix: name the configuration of its gateway with --config; a copy lies elsewhere)"
            )
    return None


def _keys_beside(directory: Path) -> bool:
    """Whether a keystore, or what the signer remembers, lies where a gateway has it: then this is
    the log itself, by whatever name.
    """
    from safeconduct.audit.payloads import keystore
    from safeconduct.audit.signer import notary

    kept = Path(keystore.DIRECTORY, keystore.FILE)
    for log in (directory.absolute(), directory.resolve()):
        states = (log.parent, log.parent / keystore.STATE)
        if any((place / kept).exists() for place in (log, *states)):
            return True
        if any((state / notary.MEMORY).exists() for state in states):
            return True
    return False


@contextmanager
def opened(args: argparse.Namespace) -> Generator[Reading | None]:
    """The log that the arguments name, ready to be asked; None, and a complaint, without one.

    Raises:
        ConfigError, Misused: as `configured`.
        LogFault: the keystore cannot be used.
        OSError: the log cannot be read.
    """
    from safeconduct.app import indexing
    from safeconduct.audit.index.searching import Search
    from safeconduct.audit.payloads import keystore
    from safeconduct.audit.payloads.opening import Opener

    directory = place.log(args)
    if directory is None:
        yield None
        return
    config = configured(directory, args.directory, args)
    with ExitStack() as held:
        keys = keystore.near(directory)
        if keys is not None:
            held.callback(keys.close)
        index = _beside(directory, held) if config is None else indexing.opened(config)
        own = "" if config is None else config.root.gateway.tenant
        search = held.enter_context(Search(directory, index, own))
        tenant = args.tenant or own
        if not tenant:
            tenant = search.tenant()
        yield Reading(
            directory=directory,
            config=config,
            tenant=tenant,
            search=search,
            keys=keys,
            opener=Opener(directory, keys),
        )


def _beside(directory: Path, held: ExitStack) -> Index:
    """The index beside a copy of a log; of one that nobody may write beside, one for this time."""
    from safeconduct.audit.index.sqlite import DIRECTORY, WeeklyIndex

    beside = directory / DIRECTORY
    if os.access(beside if beside.exists() else directory, os.W_OK):
        return WeeklyIndex(beside)
    aside = held.enter_context(tempfile.TemporaryDirectory(prefix="safeconduct-index-"))
    return WeeklyIndex(Path(aside))


def _count(text: str) -> int:
    number = int(text)
    if number < 1:
        raise ValueError
    return number


def nothing(reading: Reading, query: Query) -> str:
    """Why no record answers, as far as that can be told: what no record at all names is named."""
    from safeconduct.audit.index.query import Query

    alone = (
        ("agent", query.agent, Query(tenant=query.tenant, agent=query.agent, limit=1)),
        ("tool", query.tool, Query(tenant=query.tenant, tool=query.tool, limit=1)),
    )
    unknown = [
        f"no record names the {what} {value}"
        for what, value, asked in alone
        if value is not None and not reading.search.find(asked)
    ]
    return "; ".join(["0 records", *unknown])


def ended(reading: Reading, code: int = output.OK) -> int:
    """The exit code of a verb that has read: a log that is damaged is said to be."""
    if reading.search.damage is None:
        return code
    output.complain(
        f"the log is damaged, and this is what comes before: {reading.search.damage.sentence} "
        "(`safeconduct audit verify` says more)"
    )
    return output.FAULT
