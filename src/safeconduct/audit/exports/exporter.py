"""From the log to one sink: in order, each record at least once, and no record that a sink refuses
for ever in the way of the next.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import Any, Final, NamedTuple

import orjson

from safeconduct.audit import following
from safeconduct.audit.exports.sink import Sink, SinkFault
from safeconduct.audit.following import Copy, Cursor, Reader

_log = logging.getLogger(__name__)

READ: Final = 1000
"""How many records are read at once, in whole groups."""

PAUSE_S: Final = 0.5
MAX_PAUSE_S: Final = 60.0
"""How long to wait before the first and at most before any further try, in seconds."""

DOUBTS: Final = 4
"""How often a sink that never took anything may refuse what it is sent before it is believed: it
may as well be set up wrong.
"""

Rename = Callable[[Mapping[str, Any]], Mapping[str, Any]]


class _Item(NamedTuple):
    copy: Copy
    data: bytes


class Exporter:
    """One sink, and how far it has come. What it refused is listed beside its cursor."""

    def __init__(
        self, name: str, log: Path, cursors: Path, sink: Sink, *, shown: Rename, stop: Event
    ) -> None:
        """`shown` is what of a record the sink may see; `stop` ends all waiting.

        Raises LogFault, OSError: its cursor cannot be read.
        """
        self.name = name
        self._cursor = cursors / f"{name}.json"
        self._refused = cursors / f"{name}.refused"
        self._sink = sink
        self._shown = shown
        self._stop = stop
        self._reader = Reader(log, following.load(self._cursor))
        self._accepted = False

    def advance(self) -> bool:
        """Hands over what the log has gained; whether it had gained anything.

        Raises:
            LogFault: the log is damaged, or is not the one that was followed so far.
            OSError: the log cannot be read, or the cursor not be written.
        """
        copies = self._reader.read(READ)
        if self._reader.missed:
            _log.error(
                "export %s: %d records before record %d were pruned before they were handed over, "
                "and never will be",
                *(self.name, self._reader.missed, self._reader.place.n - len(copies)),
            )
            self._reader.missed = 0
        batch: list[_Item] = []
        size = 0
        for copy in copies:
            data = self._sink.encode(copy._replace(record=dict(self._shown(copy.record))))
            if data is None:
                continue
            if len(batch) == self._sink.max_items or size + len(data) > self._sink.max_bytes:
                self._deliver(batch)
                self._moved(copy.place)
                batch, size = [], 0
            batch.append(_Item(copy, data))
            size += len(data)
        self._deliver(batch)
        if copies:
            self._moved(self._reader.place)
        return bool(copies)

    def _moved(self, place: Cursor) -> None:
        if not self._stop.is_set():
            following.store(self._cursor, self._sink.waits() or place)

    def _deliver(self, batch: Sequence[_Item]) -> None:
        """Returns when the sink has taken all but what it will never take, or at a stop."""
        tries = 0
        while batch and not self._stop.is_set():
            after_s: float | None = None
            try:
                taken = self._sink.send([item.data for item in batch])
            except SinkFault as fault:
                if fault.content and (self._accepted or tries >= DOUBTS):
                    for part in _halves(batch):
                        self._deliver(part)
                    if len(batch) == 1:
                        self._set_aside(batch[0].copy, str(fault))
                    return
                after_s = fault.after_s
                _log.warning("export %s: %s", self.name, fault)
            else:
                self._accepted = self._accepted or len(taken.again) < len(batch)
                for place in taken.refused:
                    self._set_aside(batch[place].copy, "refused by itself")
                if taken.lost:
                    why = f"{taken.lost} of {len(batch)} records from this one on were refused"
                    self._set_aside(batch[0].copy, why)
                batch = [batch[place] for place in taken.again]
            if batch:
                self._stop.wait(_pause_s(tries, after_s))
                tries += 1

    def _set_aside(self, copy: Copy, why: str) -> None:
        """What is not delivered is known by its number: the log still has it."""
        said = {"id": copy.id, "n": copy.place.n, "why": why}
        with self._refused.open("ab") as file:
            file.write(orjson.dumps(said, option=orjson.OPT_APPEND_NEWLINE))
        count = refused(self._refused)
        _log.error("export %s: record %s set aside: %s; %d so far", self.name, copy.id, why, count)


def refused(path: Path) -> int:
    """How many records a sink refused, by the list of them."""
    try:
        return path.read_bytes().count(b"\n")
    except FileNotFoundError:
        return 0


def _halves(batch: Sequence[_Item]) -> Iterator[Sequence[_Item]]:
    if len(batch) > 1:
        yield batch[: len(batch) // 2]
        yield batch[len(batch) // 2 :]


def _pause_s(tries: int, after_s: float | None) -> float:
    """Longer each time, and never the same for two: sinks that come back are not overrun."""
    longest = min(MAX_PAUSE_S, PAUSE_S * 2 ** min(tries, 16))
    jittered = random.uniform(longest / 2, longest)  # noqa: S311  spreads load, guards nothing
    return max(jittered, min(after_s or 0.0, 10 * MAX_PAUSE_S))
