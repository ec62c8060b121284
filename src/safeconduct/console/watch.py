"""What of watching lasts longer than a page: who watches, and what was counted before."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path
from typing import Final

from safeconduct.app import indexing
from safeconduct.audit.damage import Damaged
from safeconduct.audit.index.port import IndexDamaged, IndexUnavailable
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Search
from safeconduct.console.counts import SPANS, Counting, hourly
from safeconduct.console.streams import Streams
from safeconduct.ports import CredentialUnavailable
from safeconduct.rooms import Rooms

COUNT_S: Final = 600.0
"""How often what may be asked for next is counted, in seconds."""

_FAILURES: Final = (IndexUnavailable, IndexDamaged, Damaged, CredentialUnavailable, OSError)

_log = logging.getLogger(__name__)


class Watch:
    """The streams of one console, and its counts."""

    def __init__(self, rooms: Rooms) -> None:
        self.streams = Streams(rooms.log)
        self.counting = Counting(rooms.clock_ms)
        self._config = rooms.config
        self._ahead: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Counts ahead, where the index is kept up to the log by others: nobody who looks has to
        wait until a week is counted. Counting takes a thread, and no call waits for it.
        """
        if indexing.kept_up(self._config):
            self._ahead = asyncio.create_task(self._count_ahead())

    def stop(self) -> None:
        """Ends every stream."""
        self.streams.stop()
        if self._ahead is not None:
            self._ahead.cancel()

    async def _count_ahead(self) -> None:
        while True:
            try:
                await asyncio.to_thread(self.count)
            except _FAILURES as error:
                _log.warning("decisions could not be counted ahead: %s", error)
            await asyncio.sleep(COUNT_S)

    def count(self) -> None:
        """Counts what the page shows to who asks for nothing special. Raises as `Search.count`,
        and as `indexing.opened`.
        """
        root = self._config.root
        directory, tenant = Path(self._config.directory) / root.audit.directory, root.gateway.tenant
        with Search(directory, indexing.opened(self._config), tenant) as search:
            for span in SPANS.values():
                self.counting.count(search, Query(tenant=tenant, kind="decision"), span)
                self.counting.count(search, Query(tenant=tenant, kind="approval"), hourly(span))
