"""Confidential texts that come back in what a call says (steps 3 and 10)."""

from __future__ import annotations

import asyncio

from safeconduct.core.admit import Admitted
from safeconduct.core.contents import contents
from safeconduct.core.copying import FROM, PUBLIC, confidential, copied
from safeconduct.core.labels import Confidentiality
from safeconduct.core.model import Call, Gathered
from safeconduct.ports import Copied, TaskState


class Copies:
    """What the agents of a line have read that is confidential, and what of it a call repeats."""

    def __init__(self, state: TaskState, prints: Copied) -> None:
        self._state = state
        self._prints = prints

    async def remember(
        self, gathered: Gathered, admitted: Admitted, now_ms: int
    ) -> tuple[str, ...]:
        """Keeps the fingerprints of a result; the memories to which they were news, durably.

        Raises:
            OSError: they cannot be kept.
            TooManyValues: the result has more fields than may be looked at.
        """
        label = admitted.label.confidentiality
        if label < FROM:
            return ()
        task = gathered.task.id
        texts = confidential(gathered.tool, admitted.read, label)
        if not texts:
            return ()
        memories = self._state.hearing(task, now_ms)
        return await asyncio.to_thread(self._prints.add, memories, task, texts)

    def of(self, call: Call, gathered: Gathered) -> Confidentiality:
        """The highest label of what the content of a change repeats. Raises OSError."""
        if not gathered.tool.effect.changes_state:
            return PUBLIC
        counts = {
            memory: count
            for memory in self._state.memories(gathered.task.id)
            if (count := self._state.printed(memory))
        }
        if not counts:
            return PUBLIC
        held = {memory: self._prints.held(memory) for memory in counts}
        lost = any(one.results < counts[memory] for memory, one in held.items())
        highest = max(one.highest for one in held.values())
        if not lost and highest <= gathered.tool.clearance:
            return PUBLIC
        texts = contents(call, gathered.tool).values()
        return copied(texts, held.values(), self._prints.key, lost=lost)
