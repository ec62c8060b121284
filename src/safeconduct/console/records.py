"""Reading the log for somebody at the console: what they get is on record before they see it.

Questions are answered aside, one at a time: the log and its index are files, and no call waits for
them.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec

from safeconduct.app import indexing
from safeconduct.audit.damage import Damaged
from safeconduct.audit.faults import LogFault
from safeconduct.audit.index.port import IndexDamaged, IndexUnavailable
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Hit, Search, TooMany
from safeconduct.audit.payloads import boundary
from safeconduct.audit.payloads.opening import Opened, Opener
from safeconduct.audit.reads import Answer, Phase, answer, asked, noted
from safeconduct.console.pages import Here
from safeconduct.console.rates import Rates
from safeconduct.console.wrong import Wrong
from safeconduct.ports import JSON, CredentialUnavailable
from safeconduct.rooms import Rooms

PER_MINUTE: Final = 120
"""How often a minute one person may ask the log."""

FILES_PER_MINUTE: Final = 6_000
"""How often a minute one person may have a file of hashes: a log of a million has 4 000 of them."""

_log = logging.getLogger(__name__)

MOST_READ: Final = 20_000
"""How many records are read for one answer: each takes memory of the process that decides."""

_T = TypeVar("_T")


class Records:
    """The log of these rooms, for who may read it."""

    def __init__(self, rooms: Rooms) -> None:
        self._rooms = rooms
        self._config = rooms.config
        self.directory = Path(rooms.config.directory) / rooms.config.root.audit.directory
        self.tenant = rooms.config.root.gateway.tenant
        self._thread = ThreadPoolExecutor(1, "records")
        self._rates = Rates(PER_MINUTE, rooms.clock_ms)
        self._files = Rates(FILES_PER_MINUTE, rooms.clock_ms)
        self._opener = Opener(self.directory, rooms.keys)

    async def find(self, here: Here, phase: Phase, query: Query) -> list[Hit]:
        """The records that answer, the oldest first. Raises as `read`."""
        return await self.read(here, phase, query, lambda search: search.find(query))

    async def read(
        self,
        here: Here,
        phase: Phase,
        query: Query,
        work: Callable[[Search], list[Hit]],
        **more: str | bool,
    ) -> list[Hit]:
        """The records that `work` finds, in a thread of its own; `more` goes on record too.

        Raises:
            Wrong: too often, or the log or its index cannot be read.
            LedgerFault: it could not be put on record, and nobody sees it.
        """
        hits = await self.aside(here, work)
        said = answer((hit.entry.n, hit.data) for hit in hits)
        await self.note(here, phase, asked(query), said, **more)
        return hits

    async def aside(self, here: Here, work: Callable[[Search], _T]) -> _T:
        """What `work` makes of the log, which nobody sees before `note` has said so; counts of
        records and the like need not be noted. Raises Wrong.
        """
        if not self._rates.allow(here.approver.user):
            raise Wrong(429, "That was too much at once. Wait a minute.")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._asked, work)

    async def look(self, here: Here, work: Callable[[Path], _T], *, records: bool = False) -> _T:
        """What `work` reads in the log's directory, without its index: hashes and the like, which
        need not be noted, or `records`, which nobody sees before `note` has said so. Raises Wrong.
        """
        if not (self._rates if records else self._files).allow(here.approver.user):
            raise Wrong(429, "That was too much at once. Wait a minute.")
        return await asyncio.get_running_loop().run_in_executor(self._thread, self._looked, work)

    async def note(
        self,
        here: Here,
        phase: Phase,
        asked: Mapping[str, str | int | bool],
        said: Answer,
        **more: str | bool,
    ) -> int:
        """Puts on record what somebody is about to see; the number of that record. Raises
        LedgerFault.
        """
        value: JSON = {
            "kind": "audit.read",
            "phase": phase,
            "tenant": self.tenant,
            "asked": asked,
            **msgspec.to_builtins(said),
            **more,
        }
        if here.session.how == "visit":
            value["unsafe_visit"] = True
        record = noted(value, self._rooms.clock_ms(), here.approver.user)
        return await self._rooms.log.append(record)

    def pseudonym(self, user: str) -> str:
        """How records name a user; NOBODY where no record does. Raises LogFault."""
        return self._rooms.keys.meant(self.tenant, user)

    def shown(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """A record with the users that the keys tell. Raises LogFault."""
        return boundary.shown(record, self._rooms.keys)

    def opened(self, hits: Iterable[Hit]) -> dict[int, Opened | None]:
        """What was sealed with records, by their number. Raises LogFault, OSError."""
        return {hit.entry.n: self._opener.opened(hit.record) for hit in hits}

    def whole(self, hit: Hit) -> dict[str, Any]:
        """A decision with what it is replayed from; where that cannot be opened it says why.

        Raises LogFault, OSError.
        """
        return self._opener.whole(hit.record)

    def _looked(self, work: Callable[[Path], _T]) -> _T:
        try:
            return work(self.directory)
        except Damaged as damage:
            raise Wrong(503, f"The log cannot be read now: {damage}") from damage
        except OSError as error:
            raise Wrong(503, "The log cannot be read now.") from error

    def _asked(self, work: Callable[[Search], _T]) -> _T:
        try:
            index = indexing.opened(self._config)
            # An index that was built anew is another one: each question opens it for itself.
            with Search(self.directory, index, self.tenant, most=MOST_READ) as search:
                return work(search)
        except TooMany as many:
            sentence = f"That takes {many} to answer. `safeconduct audit query` has the time."
            raise Wrong(400, sentence) from many
        except IndexUnavailable as error:
            # It may say where the database is, and parts of what was written there.
            _log.error("the index of the log does not answer: %s", error)
            sentence = "The log cannot be searched now: its index does not answer."
            raise Wrong(503, sentence) from error
        except (IndexDamaged, Damaged, LogFault, CredentialUnavailable) as error:
            raise Wrong(503, f"The log cannot be searched now: {error}") from error
        except OSError as error:
            raise Wrong(503, "The log cannot be read now.") from error
