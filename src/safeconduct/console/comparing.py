"""What the policy in the directory had made of the last hour, worked out when somebody asks for it:
one comparison at a time, bounded, aside, and on record before anybody sees what came of it.
"""

from __future__ import annotations

import asyncio
import logging
from typing import Final

import msgspec
import orjson

from safeconduct.audit.index.newest import newest
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Search
from safeconduct.audit.reads import Answer, answer, asked
from safeconduct.console.pages import Here
from safeconduct.console.policy_files import held
from safeconduct.console.records import Records
from safeconduct.console.trials import CPU_S, WALL_S
from safeconduct.console.wrong import Wrong
from safeconduct.policy.bundles.reading import Bundle
from safeconduct.policy.confined import NoAnswer
from safeconduct.policy.diff.apart import compared
from safeconduct.policy.diff.report import Report
from safeconduct.policy.refusal import PolicyRefused
from safeconduct.ports import LedgerFault
from safeconduct.rooms import Rooms

HOUR_MS: Final = 3_600_000
MOST: Final = 2_000
"""How many decisions of that hour are decided anew, the newest first."""

MOST_BYTES: Final = 32 << 20
"""And how large they may be together, with what was sealed with them."""

NOT_HELD: Final = (
    "The files of the policy that decides cannot be had here, so nothing shows what it would say."
)
THE_SAME: Final = "In the directory lies what decides, so there is nothing to compare."
NOT_NOTED: Final = "The reading could not be recorded, so what came of it is not shown."
BROKEN: Final = "The comparison failed here; the gateway's log says why."

_log = logging.getLogger(__name__)


class Compared(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a comparison: a report, or why there is none. With `more`, the hour had more
    decisions than were looked at.
    """

    at_ms: int
    report: Report | None = None
    more: bool = False
    why: str = ""


class _Taken(msgspec.Struct, frozen=True):
    """Decisions in the order of the log, whole, and what is to be said of them."""

    records: list[bytes]
    said: Answer
    more: bool


class Comparing:
    """Compares for whoever asks. What came of it is theirs alone, as the record of the reading
    names them, and forgotten when the gateway stops.
    """

    def __init__(self, rooms: Rooms, records: Records) -> None:
        self._rooms = rooms
        self._records = records
        self._running: asyncio.Task[None] | None = None
        self._last: dict[str, Compared] = {}

    @property
    def offered(self) -> bool:
        """Whether there is a directory in which another policy may lie."""
        return self._rooms.config.root.policy.bundle is not None

    @property
    def running(self) -> bool:
        """Whether a comparison is under way."""
        return self._running is not None and not self._running.done()

    def begin(self, here: Here) -> bool:
        """Compares, and has the rules work in a process of their own; whether that began now."""
        if self.running:
            return False
        self._last.pop(here.approver.user, None)
        self._running = asyncio.create_task(self._run(here))
        return True

    def last(self, here: Here) -> Compared | None:
        """What came of it when they last asked; nothing for who only looks around as them, as the
        record of the reading does not say so.
        """
        return None if here.session.how == "visit" else self._last.get(here.approver.user)

    async def done(self) -> None:
        """Waits for the comparison that is under way."""
        if self._running is not None:
            await self._running

    async def _run(self, here: Here) -> None:
        at_ms = self._rooms.clock_ms()
        try:
            found = await self._compared(here, at_ms)
        except (PolicyRefused, NoAnswer) as error:
            found = Compared(at_ms=at_ms, why=str(error))
        except Wrong as wrong:
            found = Compared(at_ms=at_ms, why=wrong.sentence)
        except LedgerFault:
            found = Compared(at_ms=at_ms, why=NOT_NOTED)
        except Exception:  # noqa: BLE001  a person waits for an answer, and there is one
            _log.exception("policies could not be compared")
            found = Compared(at_ms=at_ms, why=BROKEN)
        self._last[here.approver.user] = found

    async def _compared(self, here: Here, at_ms: int) -> Compared:
        old, new = await self._bundles()
        query = Query(tenant=self._records.tenant, kind="decision", since_ms=at_ms - HOUR_MS)
        taken = await self._records.aside(here, lambda search: self._taken(search, query, at_ms))
        report = await asyncio.to_thread(
            compared, old, new, taken.records, cpu_s=CPU_S, wall_s=WALL_S
        )
        await self._records.note(here, "diff", asked(query), taken.said, opened=True)
        return Compared(at_ms=at_ms, report=report, more=taken.more)

    async def _bundles(self) -> tuple[Bundle, Bundle]:
        """The policy that decides, and the one in the directory. Raises Wrong."""
        rooms = self._rooms
        files = await asyncio.to_thread(held, rooms.config, rooms.policy.digest)
        if files.bundle is None:
            raise Wrong(409, NOT_HELD)
        if files.candidate is None:
            raise Wrong(409, files.other or THE_SAME)
        return files.bundle, files.candidate

    def _taken(self, search: Search, query: Query, at_ms: int) -> _Taken:
        part = newest(search, query, at_ms + 1, MOST)
        records: dict[int, bytes] = {}
        size = 0
        for hit in part.hits:
            record = orjson.dumps(self._records.whole(hit))
            size += len(record)
            if size > MOST_BYTES:
                break
            records[hit.entry.n] = record
        hits = sorted((hit.entry.n, hit.data) for hit in part.hits if hit.entry.n in records)
        more = part.older is not None or len(records) < len(part.hits)
        return _Taken([records[n] for n, _ in hits], answer(hits), more)
