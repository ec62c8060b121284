"""Results that were withheld because they speak to the agent, until a person releases them.

They are sealed in the log with their outcome, and nowhere else: there they outlive a restart, and
end with the keys of their user, or with their file. Which of them a task may have stands in the
state. What is opened is what was digested, or it is given to nobody.
"""

from __future__ import annotations

from safeconduct.core.admit import NOT_KEPT, Admitted, Withheld
from safeconduct.core.keeping import restored
from safeconduct.core.model import Call, Gathered
from safeconduct.core.release import Kept
from safeconduct.core.verdict import Grant
from safeconduct.ports import LedgerFault, TaskState, Unsealer


class Quarantine:
    """By task and digest of the call, what it returned last and nobody has seen."""

    def __init__(self, state: TaskState, unsealer: Unsealer) -> None:
        self._state = state
        self._unsealer = unsealer

    def find(self, task: str, decision: str) -> Kept | None:
        """What is known of what a decision of this task returned, if it was withheld from it."""
        return next((one for one in self._state.kept(task) if one.decision == decision), None)

    def delivers(self, call: Call, gathered: Gathered) -> str | None:
        """The release under which this call gets what it returned before."""
        kept = self._kept(call, gathered)
        if kept is None:
            return None
        for one in gathered.task.releases:
            if one.content == kept.content and one.lets(call.target, gathered.now_ms):
                return one.id
        return None

    def given(self, call: Call, gathered: Gathered, grant: Grant) -> Admitted | Withheld | None:
        """What a call gets under the releases of its permit, without being made again."""
        if not grant.releases:
            return None
        release = self.delivers(call, gathered)
        kept = self._kept(call, gathered)
        if kept is None or release is None or release not in grant.releases:
            return None
        return self.opened(kept) or Withheld(NOT_KEPT)

    def opened(self, kept: Kept) -> Admitted | None:
        """What was withheld; None: it cannot be had any more, or is not as it was."""
        try:
            content = self._unsealer.unsealed("outcome", kept.decision, kept.payload)
            return None if content is None else restored(content, kept.content)
        except (LedgerFault, OSError, ValueError):
            return None

    def _kept(self, call: Call, gathered: Gathered) -> Kept | None:
        of_task = self._state.kept(gathered.task.id)
        return next((one for one in of_task if one.digest == call.digest), None)
