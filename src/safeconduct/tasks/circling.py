"""What tasks do again and again: counted by tool and by call, for as long as nobody looks at it.

Somebody who does, the user by saying more or an operator, begins a count of its own: what was
counted before is under a name that nobody asks for any more.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from safeconduct.core import loops
from safeconduct.tasks.memories import Memories
from safeconduct.tasks.rows import StartRow, TaskRow
from safeconduct.tasks.tables import Table

Record = Mapping[str, Any]

_NOTHING: loops.Seen = {}


class Circling(Memories):
    """The table of what is repeated: its part of task state."""

    def __init__(self) -> None:
        super().__init__()
        self._repeated = Table("repeated", dict[str, int])

    # --- the writer -------------------------------------------------------------------------------

    def _circles(self, start: StartRow, row: TaskRow, record: Record) -> bool:
        """Whether a decision on record was not to be made any more, as its call goes in circles."""
        return start.loops is not None and self._stopped(
            start.loops, row, record, self._repeated.peek
        )

    def _again(self, start: StartRow, row: TaskRow, record: Record) -> None:
        """Counts a refusal, or a permit."""
        if start.loops is None:
            return
        names = _names(record, row)
        tool, call = [self._repeated.peek(name) or _NOTHING for name in names]
        if record["verdict"] == "deny":
            seen = loops.refused(tool, call, record["reason"])
        else:
            seen = _NOTHING, loops.permitted(call, changes_state=record["changes_state"])
        for name, before, now in zip(names, (tool, call), seen, strict=True):
            if before != now:
                self._repeated.put(name, dict(now) or None)

    @staticmethod
    def _stopped(
        limits: loops.Limits, row: TaskRow, call: Record, seen: Callable[[str], loops.Seen | None]
    ) -> bool:
        return loops.stopped(limits, *[seen(name) or _NOTHING for name in _names(call, row)])


def _names(call: Record, row: TaskRow) -> tuple[str, str]:
    """The rows of a call's tool and of the call itself, since somebody last looked at the task."""
    since = f"{call['task']} {row.resumed}"
    return f"{since} {call['tool']}", f"{since} {call['digest']}"
