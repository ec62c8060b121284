"""What was revoked, what ends with it, and who said so: their part of task state."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, NamedTuple

import msgspec

from safeconduct.tasks.approving import Approving
from safeconduct.tasks.rows import StartRow
from safeconduct.tasks.tables import Table

Record = Mapping[str, Any]

_WORKLOAD: Final = "spiffe://"


class Told(msgspec.Struct, frozen=True):
    """Who revoked something, when, and why in their words."""

    at_ms: int
    by: str
    why: str = ""


class Stop(NamedTuple):
    """Something that was revoked."""

    what: str
    id: str
    told: Told


class Living(NamedTuple):
    """A task that goes on; `parent` is the nearest one above it, or nothing."""

    task: str
    start: StartRow
    parent: str


class Revoking(Approving):
    """The tables of what was revoked. Their look-ups are `_revoked`, which every call asks."""

    def __init__(self) -> None:
        super().__init__()
        # What agents ended themselves is not in it: they all do, and nobody looks for that.
        self._told = Table("told", Told)

    # --- the writer -------------------------------------------------------------------------------

    def _revocation(self, record: Record) -> str | None:
        what, name = record["what"], record["id"]
        if what == "sign-in":
            self._sign_out(name, record["before_ms"])
            return None
        self._revoked.put(f"{what} {name}", record["at_ms"])
        by = record.get("by", "")
        if not by.startswith(_WORKLOAD):
            self._told.put(f"{what} {name}", Told(record["at_ms"], by, record.get("why", "")))
        match what:
            case "task":
                self._revoke_task(name)
            case "user":
                self._end(_holding(what, name))
                self._take_back(name)
            case "agent" | "key":
                self._end(_holding(what, name))
            case _:
                pass  # a token, of which a task may have others
        return None

    def _sign_out(self, user: str, before_ms: int) -> None:
        """Ends what rests on sign-ins until then, also what began later: a signal takes its time,
        and is on another's clock. A later sign-in starts tasks again.
        """
        self._signed_out.put(user, max(before_ms, self._signed_out.peek(user) or 0))
        self._take_back(user, before_ms)
        self._end(lambda start: start.user.id == user and start.user.signed_in_ms <= before_ms)

    def _end(self, ends: Callable[[StartRow], bool]) -> None:
        """Ends tasks, and so all below them, whoever's those are."""
        for task, start in self._starts.current():
            if ends(start):
                self._revoke_task(task)

    # --- readers ----------------------------------------------------------------------------------

    def revoked(self, *, agent: str, user: str, key: str, jti: str, certificate: str = "") -> bool:
        """Whether the agent, the user, the key, that of the certificate, or the token itself was
        revoked.
        """
        if self._revoked.empty:
            return False
        revoked = self._revoked.get
        names = [f"agent {agent}", f"user {user}", f"key {key}", f"jti {jti}"]
        if certificate:
            names.append(f"key {certificate}")
        return any(revoked(name) is not None for name in names)

    def signed_out(self, user: str) -> int:
        """Until when a user's sign-ins are void, in milliseconds since the epoch; 0 for never."""
        return self._signed_out.get(user) or 0

    def revocations(self) -> list[tuple[str, str]]:
        """What was revoked, and its id."""
        return [
            (what, name)
            for what, _, name in (key.partition(" ") for key, _ in self._revoked.items())
        ]

    def told(self, what: str, name: str) -> Told | None:
        """Who revoked this, when and why, if it was not the agent itself; None where nobody did."""
        return self._told.get(f"{what} {name}")

    def stops(self) -> list[Stop]:
        """What others than the agents themselves revoked, the newest first."""
        told = sorted(self._told.items(), key=lambda one: one[1].at_ms, reverse=True)
        return [
            Stop(what, name, row)
            for (what, _, name), row in ((key.partition(" "), row) for key, row in told)
        ]

    def living(self, now_ms: int, what: str = "", name: str = "") -> list[Living]:
        """The tasks that go on now, the newest first: all, or those that end when this is revoked,
        be it that one above them does.
        """
        found: list[Living] = []
        ends = _holding(what, name)
        for task, start in self._starts.items():
            if now_ms >= start.expires_ms or not self.active(task):
                continue
            line = (task, *start.elders)
            if not what or any(
                one == name if what == "task" else (known := self._starts.get(one)) and ends(known)
                for one in line
            ):
                found.append(Living(task, start, start.elders[0] if start.elders else ""))
        return sorted(found, key=lambda one: one.start.started_ms, reverse=True)


def _holding(what: str, name: str) -> Callable[[StartRow], bool]:
    """Whether a task is one of an agent, a user or a key. Nobody knows which tokens are left."""
    match what:
        case "agent":
            return lambda start: start.agent.id == name
        case "user":
            return lambda start: start.user.id == name
        case "key":
            return lambda start: start.key == name
        case _:
            return lambda _: False
