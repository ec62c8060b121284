"""The log's own records among those of others, and how a log goes on that finds no room.

A disk without room ends no call that runs. The reserve is given up, and with it are written: that
the log is full, what becomes of calls that were permitted, and revocations. Everything else is
refused, so that nothing new begins, until there is room for a reserve again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any, Final, cast

from safeconduct.audit.clock import Clock, now_ms
from safeconduct.audit.committer import Append, Committer, Heard
from safeconduct.audit.faults import LogFault
from safeconduct.audit.reserve import Reserve

DRAINED: Final = frozenset({"memory", "outcome", "revocation"})
"""Kinds that a full log still takes."""


class Sequencer:
    """Has groups of appends committed, with what the log has to say itself before them. For one
    thread at a time.

    `disk_s` is how long the disk took for the last group, in seconds.
    """

    def __init__(self, committer: Committer, reserve: Reserve) -> None:
        """The reserve has been taken."""
        self.disk_s = 0.0
        self._committer = committer
        self._reserve = reserve
        self._clock = Clock()
        self._full = False
        self._refused = 0
        self._untold: list[Mapping[str, Any]] = []  # own records that are not written yet

    @property
    def head(self) -> tuple[int, bytes]:
        """Size and root of what is durable and applied."""
        return self._committer.head

    def listen(self, heard: Heard | None) -> None:
        """Has somebody told of each group, or nobody any more."""
        self._committer.heard = heard

    @property
    def whole(self) -> bool:
        """See `Committer.whole`."""
        return self._committer.whole

    def commit(self, group: Sequence[Append]) -> None:
        """Gives every append its answer, as `Committer.commit`."""
        self.disk_s = 0.0
        step_ms = self._clock.step_ms()
        if step_ms:
            self._tell("clock.step", step_ms=step_ms)
        if self._full and self._has_room():
            self._full = False
            self._tell("audit.full", phase="ended", refused=self._refused)
        if not self._full:
            self._commit(group)
            turned_away = [append for append in group if _found_full(append.answer)]
            if not turned_away:
                return
            self._begin_to_drain()
            group = turned_away
        self._drain(group)

    def _drain(self, group: Sequence[Append]) -> None:
        """One append at a time, so that one that is too large for what is left takes no other
        along.
        """
        self._commit([])
        for append in group:
            if all(_kind(record) in DRAINED for record in append.records):
                append.answer = None
                self._commit([append])
            else:
                append.answer = LogFault("full", "no space is left for the log")
            self._refused += _found_full(append.answer)

    def _begin_to_drain(self) -> None:
        self._full = True
        self._refused = 0
        self._tell("audit.full", phase="began")
        with suppress(OSError):  # what is left is as full as it was: each append finds out
            self._reserve.release()

    def _has_room(self) -> bool:
        try:
            return self._reserve.take()
        except OSError:
            return False

    def _tell(self, kind: str, **said: object) -> None:
        self._untold.append({"kind": kind, "at_ms": now_ms(), **said})

    def _commit(self, group: Sequence[Append]) -> None:
        """What the log has to say comes first."""
        own = [Append([record]) for record in self._untold]
        if own or group:
            self._committer.commit([*own, *group])
            self.disk_s += self._committer.disk_s
        self._untold = [one.records[0] for one in own if not isinstance(one.answer, int)]


def _found_full(answer: int | Exception | None) -> bool:
    return isinstance(answer, LogFault) and answer.code == "full"


def _kind(record: object) -> object:
    # What is no record at all is refused like any other.
    return cast("Mapping[str, object]", record).get("kind") if isinstance(record, Mapping) else None
