"""What is known of a tool, and who else has a say."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping, Sequence
from typing import Literal, Protocol, runtime_checkable

import msgspec

from safeconduct.core.manifest import Effect, Resolver
from safeconduct.core.model import (
    Call,
    Facts,
    Finding,
    ToolFacts,
)
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.review import Review
from safeconduct.core.verdict import Requirement
from safeconduct.ports.answers import Replied
from safeconduct.ports.values import JSON


class Catalogue(Protocol):
    """What tools exist, and what reviewers said of them."""

    def facts(self, method: str, upstream: str, name: str) -> ToolFacts: ...

    def locate(self, method: str, wire_name: str, upstream: str | None) -> tuple[str, str] | None:
        """Upstream id and name behind a name on the wire, or None."""
        ...

    def definitions(self, method: str, upstream: str | None) -> Sequence[tuple[str, str, JSON]]:
        """Upstream id, name and pinned definition (its wire name set) of everything listed."""
        ...

    def pin(self, method: str, upstream: str, name: str) -> str | None:
        """The digest of the live definition."""
        ...

    def mirrored(self, upstream: str, name: str) -> Mapping[tuple[str, ...], str]:
        """Which arguments of a tool are to be repeated in header fields, and the fields' names."""
        ...

    def resolvers(self, upstream: str) -> Mapping[str, Resolver]:
        """The resolvers that the tools of an upstream share."""
        ...


class Desk(Protocol):
    """Where an operator sees what waits for a yes. What it holds is gone after a restart; the agent
    then asks again.
    """

    def hold(
        self, approval: str, call: Call, facts: Facts, requirement: Requirement
    ) -> JSON | None:
        """What a person will be shown; None when nobody could be asked to look at this as well."""
        ...

    def asked(self, approval: str) -> None:
        """The question is on record."""
        ...

    def replied(self, approval: str) -> Replied:
        """What an approver said to the agent."""
        ...

    def withdraw(self, approval: str | None) -> None:
        """Forgets a question whose record was not written."""
        ...

    def holds(self, approval: str) -> bool:
        """Whether an operator can still see and answer this request."""
        ...


class PolicyEngine(Protocol):
    """The operator's rules. `evaluate` never raises: a failure is an answer with `error` set.

    `members` are those of the input that the rules can see; None when they may look at any. An
    engine outside this process answers with something to wait for, which ends in bounded time.
    """

    digest: str
    unsafe: tuple[str, ...]
    members: frozenset[str] | None

    def evaluate(
        self, input_json: bytes, now_ms: int
    ) -> PolicyAnswer | Awaitable[PolicyAnswer]: ...


@runtime_checkable
class Closing(Protocol):
    """A part with processes or connections of its own, which end with it at the latest."""

    async def close(self) -> None: ...


class Inspector(Protocol):
    """Looks for one kind of thing in the strings of a JSON value.

    Whatever it raises refuses the call, or withholds the result.
    """

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        """What it finds in a value. `data` is the value's JSON, where it is written already."""
        ...


class Matter(msgspec.Struct, frozen=True, kw_only=True):
    """What an examined value belongs to: the arguments of a call of `target`, or its result."""

    direction: Literal["argument", "result"]
    target: str
    effect: Effect
    tenant: str
    user: str
    agent: str
    task: str


class Examiner(Protocol):
    """Looks, as an inspector does, for what takes a while: another process, or somebody elsewhere.

    It ends in bounded time. Whatever it raises refuses the call, or withholds the result.
    """

    async def examine(self, value: object, matter: Matter) -> tuple[Finding, ...]:
        """What it finds in a JSON value; nothing, at once, where there is nothing for it."""
        ...


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """What a reviewer sees of a call: what the user asked for and who said so, what is to be done
    with which arguments, and where the value of each of them was seen. `untrusted`: the task has
    read what anybody could have written. Of `agent` it is not told: that is whose turn it is.
    """

    agent: str
    purpose: str
    purpose_source: Literal["user", "app", "agent"]
    target: str
    effect: Effect
    arguments: JSON
    origins: Mapping[str, Sequence[str]]
    untrusted: bool


class Reviewer(Protocol):
    """A second model with a say in calls that matter. Whatever it raises counts as no answer."""

    async def review(self, asked: Asked) -> Review:
        """Its answer, in bounded time."""
        ...
