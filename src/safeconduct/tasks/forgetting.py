"""What may be forgotten, and what must not be: users that were erased, and legal holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from msgspec.structs import replace

from safeconduct.core.model import UserFacts
from safeconduct.tasks.counting import Counting
from safeconduct.tasks.tables import Table

Record = Mapping[str, Any]

COUNT: Final = "count"
EVERYTHING: Final = "log *"
"""What is held when all of a log is."""


class Forgetting(Counting):
    """The tables of holds and erasures: their part of task state."""

    def __init__(self) -> None:
        super().__init__()
        self._held = Table("held", str)
        self._placed = Table("placed", int)
        self._erased = Table("erased", str)
        self._signed_out = Table("signed_out", int)

    # --- the writer -------------------------------------------------------------------------------

    def _hold(self, record: Record) -> str | None:
        """Somebody needs the evidence of a task, a user, or all of it, until they say otherwise."""
        placed = record["phase"] == "placed"
        name = f"{record['what']} {record['id']}"
        if placed == (self._held.peek(name) is not None):
            return "held" if placed else "not-held"
        self._held.put(name, record["reason"] if placed else None)
        self._placed.put(COUNT, (self._placed.peek(COUNT) or 0) + 1)
        return None

    def _retention(self, record: Record) -> str | None:
        """What goes was chosen with these holds in mind: no other may have come."""
        return None if record["holds"] == (self._placed.peek(COUNT) or 0) else "held"

    def _erasure(self, record: Record) -> str | None:
        """A user is forgotten: their tasks end, and from now on are those of a pseudonym. That they
        were revoked is not forgotten.
        """
        user, name = record["user"], record["pseudonym"]
        own = [(task, one) for task, one in self._starts.current() if one.user.id == user]
        names = (EVERYTHING, f"user {user}", f"user {name}", *(f"task {task}" for task, _ in own))
        if any(self._held.peek(one) is not None for one in names):
            return "held"
        self._erased.put(name, record["tenant"])
        for task, start in own:
            self._revoke_task(task)
            self._purses.put(start.purse, None)
            if user != name:
                self._counted_as(f"{start.tenant} {start.agent.id}", user, name)
            forgotten = UserFacts(id=name, kind=start.user.kind)
            bare = replace(start, user=forgotten, purpose="", purse="", subgrants=())
            self._starts.put(task, bare)
        signed_out = self._signed_out.peek(user)
        if signed_out is not None:
            self._signed_out.put(user, None)
            self._signed_out.put(name, signed_out)
        return None

    def _counted_as(self, pair: str, user: str, name: str) -> None:
        count = self._counters.peek(f"{pair} {user}")
        if count is not None:
            self._counters.put(f"{pair} {user}", None)
            self._counters.put(f"{pair} {name}", count)

    # --- readers ----------------------------------------------------------------------------------

    def held(self) -> dict[str, str]:
        """What nothing may be erased or pruned of (`task <id>`, `user <id>`, `log *`), and why."""
        return dict(self._held.items())

    def holds(self) -> int:
        """How many records of holds there are: whoever knows as many knows all that is held."""
        return self._placed.get(COUNT) or 0

    def forgotten(self, task: str) -> bool:
        """Whether the user of a task was erased."""
        start = self._starts.get(task)
        return start is not None and self._erased.get(start.user.id) is not None

    def erased(self) -> list[tuple[str, str]]:
        """The pseudonyms of users that were erased, and their tenants."""
        return list(self._erased.items())
