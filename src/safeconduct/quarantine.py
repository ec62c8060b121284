"""Results that were withheld because they speak to the agent, until a person releases them.

They are kept in memory, and bounded, besides sealed with their outcome in the log. What is no
longer here is gone: the task reads it again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from safeconduct.core.admit import Admitted
from safeconduct.core.model import Call, Gathered
from safeconduct.core.verdict import Grant

MAX_KEPT: Final = 16_777_216
"""How many bytes of results are kept, the latest: in memory they are a few times as large."""


class Kept(msgspec.Struct, frozen=True):
    """What a decision of a call of `target` returned."""

    decision: str
    target: str
    admitted: Admitted


class Quarantine:
    """By task and digest of the call, what it returned last and nobody has seen."""

    def __init__(self) -> None:
        self._kept: OrderedDict[tuple[str, str], Kept] = OrderedDict()
        self._size = 0

    def keep(self, call: Call, gathered: Gathered, decision: str, admitted: Admitted) -> None:
        """Keeps a result for a while: a person may release it."""
        key = (gathered.task.id, call.digest)
        self._drop(key)
        if admitted.size <= MAX_KEPT:
            self._kept[key] = Kept(decision, call.target, admitted)
            self._size += admitted.size
            while self._size > MAX_KEPT:
                self._drop(next(iter(self._kept)))

    def forget(self, forgotten: Callable[[str], bool]) -> None:
        """Forgets what tasks read."""
        for key in [one for one in self._kept if forgotten(one[0])]:
            self._drop(key)

    def find(self, task: str, decision: str) -> Kept | None:
        """What a decision of this task returned, if it is at hand."""
        for (where, _), kept in self._kept.items():
            if where == task and kept.decision == decision:
                return kept
        return None

    def delivers(self, call: Call, gathered: Gathered) -> str | None:
        """The release under which this call gets what it returned before."""
        kept = self._kept.get((gathered.task.id, call.digest))
        if kept is None:
            return None
        for one in gathered.task.releases:
            if one.content == kept.admitted.digest and one.lets(call.target, gathered.now_ms):
                return one.id
        return None

    def given(self, call: Call, gathered: Gathered, grant: Grant) -> Admitted | None:
        """What a call gets under the releases of its permit, without being made again."""
        if not grant.releases:
            return None
        release = self.delivers(call, gathered)
        if release is None or release not in grant.releases:
            return None
        return self._kept[gathered.task.id, call.digest].admitted

    def _drop(self, key: tuple[str, str]) -> None:
        kept = self._kept.pop(key, None)
        if kept is not None:
            self._size -= kept.admitted.size
