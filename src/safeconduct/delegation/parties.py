"""Who takes part in a token request, once they were looked at."""

from __future__ import annotations

from typing import Final

import msgspec

from safeconduct.config.schema import Agent, Assignment, Profile
from safeconduct.core.model import TaskFacts, UserFacts
from safeconduct.kit.certificate import Certificate
from safeconduct.ports import Holder, Workload

NOT_GOING_ON: Final = "This task does not go on."


class Client(msgspec.Struct, frozen=True):
    """The agent that asks, what its SVIDs use up, and the keys that they are bound to; its
    `certificate`, if it showed an X.509-SVID.
    """

    workload: Workload
    consumes: tuple[str, ...]
    keys: frozenset[str | None] = frozenset()
    certificate: Certificate | None = None

    @property
    def certified(self) -> bool:
        """Whether its tokens are bound to a certificate."""
        return self.certificate is not None

    @property
    def id(self) -> str:
        """Its SPIFFE ID."""
        return self.workload.id


class Subject(msgspec.Struct, frozen=True, kw_only=True):
    """For whom it asks, and what that uses up. `scopes` bounds what the token that was shown is
    for, and `keys` are those that it is bound to; `task` is the task above, if it was that one's.
    """

    user: UserFacts
    consumes: tuple[str, ...]
    scopes: frozenset[str] | None = None
    keys: frozenset[str | None] = frozenset()
    task: str | None = None


class Allowed(msgspec.Struct, frozen=True):
    """What the configuration says of an agent and a profile."""

    registered: Agent
    assigned: Assignment
    profile: Profile


class Running(msgspec.Struct, frozen=True):
    """A task that runs, as it stands now."""

    facts: TaskFacts
    holder: Holder
