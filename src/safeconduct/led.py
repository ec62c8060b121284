"""What stood in the sources that users have their tasks follow: in memory, and bounded.

A value that is no longer here leads nowhere, until its source is read again.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from safeconduct.core.model import Call, Gathered
from safeconduct.core.provenance import decimal

MAX_LED: Final = 1_000
"""How many values of one source are kept, the first."""

MAX_TASKS: Final = 50
"""Of how many tasks: those that were quiet longest go first. With eight sources each, and values of
at most 256 characters, that is 150 MB at worst."""


class Led:
    """By task and sub-grant, the values that its source returned."""

    def __init__(self) -> None:
        self._tasks: OrderedDict[str, dict[int, frozenset[str]]] = OrderedDict()

    def see(self, call: Call, gathered: Gathered, values: Iterable[str]) -> None:
        """Takes in what a call returned, if it is the read of such a source."""
        task, tool = gathered.task, gathered.tool
        manifest = tool.manifest
        if manifest is None or tool.effect.changes_state:
            return
        reading = [
            one for one in task.subgrants if one.grant.reads(call.target, call.arguments, manifest)
        ]
        if not reading:
            return
        found = set[str]()
        for value in values:
            found.update((value, decimal(value) or value))
            if len(found) >= MAX_LED:
                break
        known = self._tasks.setdefault(task.id, {})
        self._tasks.move_to_end(task.id)
        for one in reading:
            # What it says now is what it says: an older version was another page.
            known[one.number] = frozenset(found)
        if len(self._tasks) > MAX_TASKS:
            self._tasks.popitem(last=False)

    def values(self, call: Call, gathered: Gathered) -> dict[int, frozenset[str]]:
        """The values that sub-grants let steer this call now, by sub-grant."""
        known = self._tasks.get(gathered.task.id, {})
        effect, now_ms = gathered.tool.effect, gathered.now_ms
        return {
            one.number: known[one.number]
            for one in gathered.task.subgrants
            if one.number in known and one.lets(call.target, effect, now_ms)
        }
