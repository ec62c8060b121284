"""What is called, and what it says besides its answer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Protocol

import msgspec

from safeconduct.core.asks import Capability
from safeconduct.ports.credentials import Credential
from safeconduct.ports.values import JSON


class UpstreamFault(Exception):
    """An upstream gave no usable answer.

    `reason` is one of the `upstream-…` codes, or `client-unable`; `may_have_happened` is False only
    when the request surely did not leave. `detail` is for the operator's log, never for the agent.
    `needs` is what the client would have to be able to be asked.
    """

    def __init__(
        self,
        reason: str,
        detail: str,
        *,
        may_have_happened: bool,
        needs: frozenset[Capability] = frozenset(),
    ) -> None:
        super().__init__(detail)
        self.reason = reason
        self.needs = needs
        self.detail = detail
        self.may_have_happened = may_have_happened


class UpstreamError(Exception):
    """A well-formed JSON-RPC error object as the answer."""

    def __init__(self, code: int, message: str, data: object = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.data = data


class AskRefused(Exception):
    """What an upstream asked is not answered. `code` is a JSON-RPC error code for the upstream: the
    one that clients give for a person's refusal, unless the upstream is at fault. Whether it may
    not ask, may not have the reply, or nobody replied is nothing that it should know.
    """

    def __init__(self, code: int = -1, sentence: str = "Refused") -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Listener(Protocol):
    """Who hears what an upstream says besides its answer, while a call runs.

    `able` is what it can be asked; `wants_progress` and `log_level` say which notifications it
    wants, the latter the least serious log line, if any. `modern`: it speaks 2026-07-28; an
    upstream that speaks both ways is spoken to in the caller's, as it may behave otherwise.
    """

    modern: bool
    able: frozenset[Capability]
    wants_progress: bool
    log_level: str | None

    async def notified(self, method: str, params: JSON) -> None:
        """Takes a `notifications/progress` or `notifications/message`."""
        ...

    async def asked(self, method: str, params: JSON) -> JSON:
        """The result of what the upstream asks. Raises AskRefused."""
        ...

    async def parted(self, retry_ms: int) -> None:
        """Takes note that the upstream ended its stream in the middle of the call, and goes on with
        it when it is come back to, after so many milliseconds.
        """
        ...


class Resumed(msgspec.Struct, frozen=True, kw_only=True):
    """A call that goes on after a question: the replies by the question's keys, and the state that
    the upstream gave along with it.
    """

    replies: JSON
    state: str | None = None


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """The notifications that a subscription is for: which lists change, and which resources."""

    tools: bool = False
    prompts: bool = False
    resources: bool = False
    uris: frozenset[str] = frozenset()


Heard = Callable[[str, JSON], Awaitable[None]]
"""Takes the method and the parameters of a notification."""


Begun = Callable[[frozenset[str]], object]
"""Takes the resources of which an upstream has agreed to tell."""


class Upstream(Protocol):
    """One upstream server."""

    id: str

    async def request(
        self,
        method: str,
        params: JSON,
        *,
        owner: str,
        credential: Credential | None,
        timeout_s: float,
        listener: Listener | None = None,
    ) -> JSON:
        """The result object of one request. `owner` keys what session state the upstream keeps.

        The upstream learns that the listener can be asked what it can be asked. Who waits for a
        person to answer does not use up `timeout_s`.

        Raises: UpstreamFault, UpstreamError.
        """
        ...

    async def listen(
        self,
        wanted: Wanted,
        *,
        owner: str,
        credential: Credential | None,
        heard: Heard,
        begun: Begun = lambda _: None,
    ) -> None:
        """Passes on the notifications that are wanted, and no others, until it is cancelled.
        `begun` is called once, when the upstream has agreed.

        Raises UpstreamFault when the upstream ends it, or cannot do it.
        """
        ...

    async def close(self) -> None: ...
