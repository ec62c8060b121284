"""What the verbs that search the log share: the log, its index, and the keys to what is sealed."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Generator, Iterable, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from safeconduct.cli import output
from safeconduct.cli.audit import noting, place

if TYPE_CHECKING:
    from safeconduct.audit.index.port import Index
    from safeconduct.audit.index.query import Query
    from safeconduct.audit.index.searching import Hit, Search
    from safeconduct.audit.payloads.keystore import Keystore
    from safeconduct.audit.payloads.opening import Opener
    from safeconduct.audit.reads import Answer, Phase
    from safeconduct.config.schema import Config


class NoSuchUser(Exception):
    """The log has no record of a user of that id, or none any more that says so."""


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """A log that is read. `config` is that of its gateway; without one it is a copy."""

    directory: Path
    config: Config | None
    tenant: str
    search: Search
    keys: Keystore | None
    opener: Opener

    def pseudonym(self, user: str) -> str:
        """How records name a user, where there are keys that tell. Raises LogFault."""
        return user if self.keys is None else self.keys.meant(self.tenant, user)

    def note(
        self, phase: Phase, query: Query, hits: Iterable[Hit], **more: str | bool | None
    ) -> int | None:
        """Puts on record that these are about to be read; the number of that record.

        None, and raises: as `noting.noted`.
        """
        from safeconduct.audit.reads import answer, asked

        said = answer((hit.entry.n, hit.data) for hit in hits)
        return noting.noted(self.config, phase, self.tenant, asked(query), said, **more)

    def note_of(
        self, phase: Phase, asked: Mapping[str, str | int], entries: Iterable[tuple[int, bytes]]
    ) -> Answer:
        """As `note`, of records by number and exact bytes that need not fit into memory; what was
        said of them.
        """
        from safeconduct.audit.reads import answer

        said = answer(entries)
        noting.noted(self.config, phase, self.tenant, asked, said, opened=self.keys is not None)
        return said

    def nothing(self, query: Query) -> str:
        """Why no record answers, as far as can be told: what no record at all names is named."""
        from safeconduct.audit.index.telling import unnamed

        return "; ".join(["0 records", *unnamed(self.search, query)])

    def ended(self, code: int = output.OK) -> int:
        """The exit code of a verb that has read: a log that is damaged is said to be."""
        if self.search.damage is None:
            return code
        output.complain(
            f"the log is damaged, and this is what comes before: {self.search.damage.sentence} "
            "(`safeconduct audit verify` says more)"
        )
        return output.FAULT


@contextmanager
def opened(args: argparse.Namespace) -> Generator[Reading | None]:
    """The log that the arguments name, ready to be asked; None, and a complaint, without one.

    Raises:
        ConfigError, Misused: as `noting.configured`.
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
    config = noting.configured(directory, args.directory, args)
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
        if search.rebuilt is not None:
            output.complain(f"the index was damaged, and built anew from the log: {search.rebuilt}")


def _beside(directory: Path, held: ExitStack) -> Index:
    """The index beside a copy of a log; of one that nobody may write beside, one for this time."""
    from safeconduct.audit.index.sqlite import DIRECTORY, WeeklyIndex

    beside = directory / DIRECTORY
    if os.access(beside if beside.exists() else directory, os.W_OK):
        return WeeklyIndex(beside)
    aside = held.enter_context(tempfile.TemporaryDirectory(prefix="safeconduct-index-"))
    return WeeklyIndex(Path(aside))
