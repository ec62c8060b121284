"""Asking an index, and reading from the log what it finds.

What an index says is looked at again: the record stands where it says, has that number, and fits
what was asked. If not, the index is built anew and asked once more.
"""

from __future__ import annotations

import os
from functools import cache
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import msgspec

from safeconduct.audit import segments
from safeconduct.audit.faults import Damaged
from safeconduct.audit.index.entry import Entries, Entry, Party, placed
from safeconduct.audit.index.following import catch_up
from safeconduct.audit.index.port import Count, Found, Index, IndexDamaged
from safeconduct.audit.index.query import Query
from safeconduct.audit.records import MAX_RECORD_BYTES, SEQUENCE, decode
from safeconduct.core.trace import trace_of

_FRAME: Final = len(segments.frame(segments.ENTRY, b""))
_MOST: Final = _FRAME + MAX_RECORD_BYTES


class TooMany(Exception):
    """More records would have to be read for this answer than may be."""


class Hit(NamedTuple):
    """A record that was found: its exact bytes, what they say, and what the index keeps of it."""

    data: bytes
    record: dict[str, Any]
    entry: Entry


class Search:
    """A log and its index, brought up to it. Closes the index at the end.

    `damage` is what is wrong with the log, if anything: then what comes before it is searched.
    `rebuilt` is why the index had to be built anew, if it had.
    """

    def __init__(
        self, directory: Path, index: Index, tenant: str, *, most: int | None = None
    ) -> None:
        """`tenant` is that of the gateway, for records before the first that names it. `most` is
        how many records are read for one answer: what is looked up by a mark has no limit, and
        agents choose objects and traces.
        """
        self.damage: Damaged | None = None
        self.rebuilt: str | None = None
        self.size = 0
        self._directory = directory
        self._index = index
        self._tenant = tenant
        self._most = most
        self._files: dict[int, int] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        for fd in self._files.values():
            os.close(fd)
        self._files.clear()
        self._index.close()

    def find(self, query: Query) -> list[Hit]:
        """The records that answer, the oldest first, of all that the log has by now.

        Raises:
            IndexDamaged: the index cannot be built.
            OSError: the log or the index cannot be read.
            TooMany: it takes too many records.
        """
        try:
            self._catch_up()
            return self._find(query)
        except IndexDamaged as damage:
            self.rebuild(str(damage))
            return self._find(query)

    def count(self, query: Query, every_ms: int) -> list[Count]:
        """How many records answer, as `Index.count`: the rows are counted and none is read, so that
        of these numbers nothing is proven. Raises as `find`.
        """
        try:
            self._catch_up()
            return self._index.count(query, every_ms)
        except IndexDamaged as damage:
            self.rebuild(str(damage))
            return self._index.count(query, every_ms)

    def tenant(self) -> str:
        """Whose the log is, as the last start of its gateway says. Raises as `find`."""
        self.find(Query(tenant="", limit=1))
        position = self._index.position()
        return self._tenant if position is None else position.tenant

    def origin(self) -> str:
        """The name of the log, as its first segment that was read says; "" for an empty one."""
        position = self._index.position()
        return "" if position is None else position.origin

    def rebuild(self, why: str) -> None:
        """Throws the index away and builds it from the log. Raises as `find`."""
        self.rebuilt = why
        with self._index.writing():
            self._index.clear()
        self._catch_up()

    def _catch_up(self) -> None:
        self.damage = None
        with self._index.writing():
            try:
                self.size = catch_up(self._directory, self._index, tenant=self._tenant)
            except Damaged as damage:
                self.damage = damage
                position = self._index.position()
                self.size = 0 if position is None else position.size

    def _find(self, query: Query) -> list[Hit]:
        if query.trace is not None:
            return self._of_trace(query, query.trace)
        hits = self._read(query)
        if query.mark is None:
            if not all(query.fits(hit.entry) for hit in hits):
                raise IndexDamaged("it found a record that does not fit what was asked")
            return hits
        return query.within([hit for hit in hits if query.fits(hit.entry)])

    def _of_trace(self, query: Query, trace: str) -> list[Hit]:
        """Calls that claimed the trace, and those without a claim in the task that it is derived
        from.
        """
        bare = msgspec.structs.replace(query, trace=None, limit=None)
        marked = self._read(query)
        found = {
            hit.entry.n: hit
            for hit in marked
            if hit.record.get("trace") == trace and bare.fits(hit.entry)
        }
        tasks = {hit.entry.task for hit in marked if trace_of(hit.entry.task) == trace}
        for task in tasks:
            for hit in self._find(msgspec.structs.replace(bare, task=task)):
                if hit.record.get("trace", trace) == trace:
                    found[hit.entry.n] = hit
        return query.within([found[n] for n in sorted(found)])

    def _read(self, query: Query) -> list[Hit]:
        entries = Entries(query.tenant, cache(self._party))
        hits: list[Hit] = []
        rows = self._index.find(query)
        if self._most is not None and len(rows) > self._most:
            raise TooMany(f"more than {self._most:,} records")
        for found in rows:
            data, record = self._record(found)
            entries.at_ms = query.since_ms or 0  # of a record without a time
            hits.append(Hit(data, record, entries.entry(*found, record)))
        return hits

    def _party(self, task: str) -> Party | None:
        """Whose a task is, as its start says; the index alone knows of one whose start was pruned.

        So a row in which a task is another's is found out as any other that is wrong.
        """
        for found in self._index.find(Query(tenant="", trace=trace_of(task))):
            _, record = self._record(found)
            if (record["kind"], record.get("phase"), record["task"]) == ("task", "started", task):
                return Entries("", _nobodys).entry(*found, record).party
        known = self._index.task(task)
        return None if known is None else known.party

    def _record(self, found: Found) -> tuple[bytes, dict[str, Any]]:
        """The exact bytes of a record that was found, and what they say."""
        data = self._entry_at(found.place)
        try:
            record = decode(data)
        except ValueError as error:
            raise IndexDamaged(f"no record is where it says: {error}") from error
        if record.get(SEQUENCE) != found.n:
            raise IndexDamaged(f"it says that record {found.n} is where another one is")
        return data, record

    def _entry_at(self, place: int) -> bytes:
        segment, offset = placed(place)
        fd = self._files.get(segment)
        try:
            if fd is None:
                path = segments.path(self._directory, segment)
                fd = self._files[segment] = os.open(path, os.O_RDONLY | os.O_NOFOLLOW)
            window = os.pread(fd, _MOST, offset)
        except FileNotFoundError as error:
            raise IndexDamaged(f"segment {segment} is not there") from error
        payload = window[_FRAME : _FRAME + int.from_bytes(window[5:_FRAME])]
        if segments.frame(segments.ENTRY, payload) != window[: _FRAME + len(payload)]:
            raise IndexDamaged(f"no record begins at {offset} in segment {segment}")
        return payload


def _nobodys(_task: str) -> None:
    """Of a record that says itself whose it is."""
