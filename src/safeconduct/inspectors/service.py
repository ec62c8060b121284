"""A service that others run and that has a say: asked within bounds, and spared while it is down.

Whatever is wrong ends in an exception, and so in a refusal: there is no state of it in which a call
passes that the service has not answered for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, Final

from safeconduct.kit.aside import Turns
from safeconduct.kit.http1.asking import Asking, Unanswered

MAX_AT_ONCE: Final = 16
"""How many questions may wait for a service at once; further ones are not asked."""

MAX_OF_AGENT: Final = 4
"""How many of these may be about one agent; further ones wait for their turn."""

FAILURES: Final = 5
"""After so many failures in a row that lie in the service it is taken to be down: for the agent
about which it was asked, for what an agent does may be why."""

PAUSE_S: Final = 10.0
"""How long nobody asks a service that is down; then one question finds out."""

MAX_QUESTION_BYTES: Final = 1024 * 1024

Credential = Callable[[], str]
"""Reads the secret that a service knows us by, anew each time; what it raises refuses the call."""


class _Down:
    """How a service fails where it is asked about one agent."""

    __slots__ = ("again_s", "failures")

    def __init__(self) -> None:
        self.failures = 0
        self.again_s = 0.0


class Service:
    """Where questions go. Made outside an event loop, used inside one."""

    def __init__(
        self,
        url: str,
        *,
        timeout_ms: int,
        ca: Path | None = None,
        clock_s: Callable[[], float] = monotonic,
    ) -> None:
        """Raises ValueError, OSError: as `Asking`."""
        self._asking = Asking(url, timeout_s=timeout_ms / 1000, ca=ca, connections=MAX_AT_ONCE)
        self._clock_s = clock_s
        self._turns = Turns(MAX_OF_AGENT)
        self._failing: dict[str, _Down] = {}  # as many as there are agents at most

    async def ask(
        self, question: bytes, headers: Mapping[str, str], path: str = "", *, agent: str
    ) -> Any:  # noqa: ANN401  any JSON value
        """The answer to a question about what an agent does, any JSON value.

        Raises Unanswered; TooMany, of this agent.
        """
        if len(question) > MAX_QUESTION_BYTES:
            raise Unanswered("too much to ask about")
        async with self._turns.of(agent):
            failing = self._failing.get(agent)
            if failing is not None and failing.failures >= FAILURES:
                now_s = self._clock_s()
                if now_s < failing.again_s:
                    raise Unanswered("the service is down", down=True)
                failing.again_s = now_s + PAUSE_S  # this question finds out, no other meanwhile
            try:
                answer = await self._asking.ask(question, headers, path)
            except Unanswered as error:
                self._failed(agent, down=error.down)
                raise
            self._failing.pop(agent, None)
            return answer

    def _failed(self, agent: str, *, down: bool) -> None:
        """Counts what lies in the service; what hangs on the question says nothing of it."""
        if not down:
            self._failing.pop(agent, None)
            return
        failing = self._failing.setdefault(agent, _Down())
        failing.failures += 1
        if failing.failures >= FAILURES:
            failing.again_s = self._clock_s() + PAUSE_S

    async def close(self) -> None:
        """Ends all connections; who waits for an answer gets none."""
        await self._asking.close()
