"""What is recorded, and the state that follows from it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

import msgspec

from safeconduct.core.copying import Held
from safeconduct.core.elevation import Bypass, Elevation
from safeconduct.core.labels import Confidentiality, Label
from safeconduct.core.model import (
    AgentFacts,
    ApprovalFacts,
    Followed,
    TaskFacts,
    UserFacts,
)
from safeconduct.core.provenance import Origin
from safeconduct.core.release import Kept


class LedgerConflict(Exception):
    """The state changed since it was read: nothing was recorded. `reason` says what conflicted."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class LedgerFault(Exception):
    """The record could not be made durable; nothing may be done that depends on it."""


class RecordTooLarge(ValueError):
    """A record above 8 KiB of canonical JSON."""


class Ledger(Protocol):
    """The log and the state that is derived from it: one step, durable when it returns."""

    async def append(self, *records: Mapping[str, Any]) -> int:
        """The sequence number of the first record.

        Raises: LedgerConflict, LedgerFault, RecordTooLarge.
        """
        ...


class Projection(Protocol):
    """State derived from the log. Called by who writes the log, and when the log is opened."""

    def applied(self) -> int:
        """How many records of the log are in the state."""
        ...

    def begin(self) -> None: ...

    def counters(self, record: Mapping[str, Any]) -> Mapping[str, int]:
        """Numbers by name that the record takes with it if it is applied next."""
        ...

    def apply(self, seq: int, record: Mapping[str, Any], *, replay: bool) -> str | None:
        """None: applied. A string: refused, and nothing of it was changed."""
        ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...


class Holder(msgspec.Struct, frozen=True, kw_only=True):
    """Whose task it is, as it stands. `key` is the thumbprint that its tokens are bound to, empty
    where there is none; `certified`: they are bound to certificates. `parent` is the task above
    it, and `actors` are the agents of all above it, nearest first.
    """

    agent: AgentFacts
    user: UserFacts
    key: str
    certified: bool = False
    parent: str | None = None
    actors: tuple[str, ...] = ()


class Tasks(Protocol):
    """What the token service knows of tasks that run."""

    def task(self, task: str) -> TaskFacts | None: ...

    def holder(self, task: str) -> Holder | None: ...

    def revoked(
        self, *, agent: str, user: str, key: str, jti: str, certificate: str = ""
    ) -> bool: ...

    def latest_ms(self) -> int:
        """The highest time on record, in milliseconds since the epoch."""
        ...


class TaskState(Protocol):
    """Authoritative reads of task state."""

    def task(self, task: str) -> TaskFacts | None: ...

    def active(self, task: str) -> bool: ...

    def parties(self, task: str) -> tuple[AgentFacts, UserFacts]: ...

    def vouched(self, task: str, key: str, value: str) -> tuple[Origin, ...]: ...

    def ceiling(self, task: str, key: str) -> str | None: ...

    def written(self, tenant: str, system: str, value: str) -> bool: ...

    def followed(self, task: str, now_ms: int) -> Followed | None: ...

    def object_label(self, tenant: str, system: str, name: str) -> Label: ...

    def baseline(self, task: str, key: str) -> int | None: ...

    def approval(self, task: str, digest: str) -> ApprovalFacts | None: ...

    def elevations(self, task: str) -> tuple[Elevation, ...]: ...

    def bypasses(self) -> tuple[Bypass, ...]: ...

    def revoked(
        self, *, agent: str, user: str, key: str, jti: str, certificate: str = ""
    ) -> bool: ...

    def outcome_unknown(self, task: str, digest: str) -> bool: ...

    def circles(self, task: str, tool: str, digest: str) -> bool:
        """Whether a call is one of those that a task was refused, or made, too often."""
        ...

    def kept(self, task: str) -> tuple[Kept, ...]:
        """The results that were withheld from a task, and are sealed."""
        ...

    def memories(self, task: str) -> tuple[str, ...]: ...

    def hearing(self, task: str, at_ms: int) -> tuple[str, ...]: ...

    def printed(self, memory: str) -> int: ...


class Copied(Protocol):
    """Fingerprints of confidential texts that agents have read, by memory."""

    key: bytes

    def held(self, memory: str) -> Held:
        """What is known of the texts that a memory has read. Raises OSError."""
        ...

    def add(
        self, memories: Iterable[str], task: str, texts: Mapping[Confidentiality, str]
    ) -> tuple[str, ...]:
        """Adds the texts of one result, durably; the memories to which they were news.

        Raises OSError.
        """
        ...
