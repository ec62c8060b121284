"""What an upstream is shown, for one call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol, Self

import msgspec

from safeconduct.core.model import (
    Call,
    Gathered,
)


class Credential(msgspec.Struct, frozen=True):
    """A credential for one call: header fields that only the upstream sees.

    `bound` makes more of them for one message, from its HTTP method and the very bytes of its body.
    Whoever finds that the upstream does not accept the credential calls `rejected`.
    """

    kind: str
    headers: dict[str, str] = {}
    bound: Callable[[str, bytes], dict[str, str]] | None = None
    rejected: Callable[[], None] | None = None

    def fields(self, http_method: str, body: bytes) -> dict[str, str]:
        """The header fields for one message."""
        if self.bound is None:
            return self.headers
        return {**self.headers, **self.bound(http_method, body)}

    def __repr__(self) -> str:
        return f"Credential(kind={self.kind!r})"


class CredentialUnavailable(Exception):
    """No credential: the call is not made. The message is for the operator's log, never for the
    agent; `error` is the code that a server gave (RFC 6749 section 5.2).
    """

    error: str = ""


class NoConsent(Exception):
    """A user's consent did not come about; the sentence is for the person who tried."""


class Consents(Protocol):
    """How users come to consent to what upstreams let the gateway do for them. A ticket is what one
    user is asked; its name is what opens it. All methods raise NoConsent.
    """

    def find(self, name: str) -> tuple[str, str]:
        """The upstream and the user of an open ticket."""
        ...

    async def leave(self, name: str) -> tuple[str, str]:
        """The URL where the browser goes, and what it must bring back."""
        ...

    async def arrive(self, answer: Mapping[str, str], browser: str) -> tuple[str, str]:
        """Takes what a browser comes back with: the upstream and the user of a consent that stands
        from now on, and is on record.
        """
        ...


class Errand(msgspec.Struct, frozen=True, kw_only=True):
    """What a credential is for, and in whose name: nobody's where the gateway itself asks what an
    upstream offers, and what changed there.

    `name` is what the method is about, if anything, `scopes` what the manifest says it needs, and
    `ends_ms` when the task token ends that it hangs on.
    """

    upstream: str
    method: str = ""
    name: str = ""
    scopes: tuple[str, ...] = ()
    agent: str | None = None
    user: str | None = None
    task: str | None = None
    ends_ms: int | None = None

    @classmethod
    def of(cls, call: Call, gathered: Gathered) -> Self:
        """The errand of a call."""
        manifest = gathered.tool.manifest
        return cls(
            upstream=call.upstream,
            method=call.method,
            name=call.name,
            scopes=() if manifest is None else manifest.scopes,
            agent=gathered.agent.id,
            user=gathered.user.id,
            task=gathered.task.id,
            ends_ms=gathered.token_expires_ms,
        )


class Broker(Protocol):
    """Fetches or mints the credential of one call."""

    async def credential(self, errand: Errand) -> Credential | None:
        """None for an upstream that needs none. Raises CredentialUnavailable."""
        ...
