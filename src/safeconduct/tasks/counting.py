"""Counters that make an answer about a task, or about what an agent did for a user, complete.

Each record that names a task takes the next number of its task and of its pair: tenant, agent and
user. Whoever holds the numbers a to b of one of them, and no gap, holds all of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from safeconduct.tasks.plans import Plans
from safeconduct.tasks.tables import Table

Record = Mapping[str, Any]

TASK_N: Final = "task_n"
PAIR_N: Final = "pair_n"


class Counting(Plans):
    """The table of counters: its part of task state."""

    def __init__(self) -> None:
        super().__init__()
        self._counters = Table("counters", int)

    def counters(self, record: Record) -> dict[str, int]:
        """The numbers that a record takes if it is applied next; none if it names no task that is
        known, or that it starts.
        """
        counted = self._counted(record)
        if counted is None:
            return {}
        task, pair = counted
        peek = self._counters.peek
        return {TASK_N: (peek(task) or 0) + 1, PAIR_N: (peek(pair) or 0) + 1}

    def _count(self, record: Record) -> None:
        """Takes over what a record counts. One of an older log counts nothing."""
        if TASK_N in record and (counted := self._counted(record)) is not None:
            task, pair = counted
            self._counters.put(task, record[TASK_N])
            self._counters.put(pair, record[PAIR_N])

    def _counts_on(self, record: Record) -> bool:
        """Whether what a record of the log counts follows what was counted before."""
        said = {name: record[name] for name in (TASK_N, PAIR_N) if name in record}
        return not said or said == self.counters(record)

    def _counted(self, record: Record) -> tuple[str, str] | None:
        """The task that a record names, and its pair: keys of the table."""
        task: str | None = record.get("task")
        if task is None:
            return None
        start = self._starts.peek(task)
        if start is not None:
            return task, f"{start.tenant} {start.agent.id} {start.user.id}"
        if record["kind"] == "task" and record["phase"] == "started":
            return task, f"{record['tenant']} {record['agent']['id']} {record['user']['id']}"
        return None
