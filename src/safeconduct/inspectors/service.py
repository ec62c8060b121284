"""A service that others run and that has a say: asked within bounds, and spared while it is down.

Whatever is wrong ends in an exception, and so in a refusal: there is no state of it in which a call
passes that the service has not answered for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from time import monotonic
from typing import Any, Final

from safeconduct.kit.http1.asking import Asking, Unanswered

MAX_AT_ONCE: Final = 16
"""How many questions may wait for a service at once; further ones are not asked."""

FAILURES: Final = 5
"""After so many failures in a row that lie in the service it is taken to be down."""

PAUSE_S: Final = 10.0
"""How long nobody asks a service that is down; then one question finds out."""

MAX_QUESTION_BYTES: Final = 1024 * 1024

Credential = Callable[[], str]
"""Reads the secret that a service knows us by, anew each time; what it raises refuses the call."""


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
        self._failures = 0
        self._again_s = 0.0

    async def ask(self, question: bytes, headers: Mapping[str, str], path: str = "") -> Any:  # noqa: ANN401  any JSON value
        """The answer, any JSON value. Raises Unanswered."""
        if len(question) > MAX_QUESTION_BYTES:
            raise Unanswered("too much to ask about")
        if self._failures >= FAILURES:
            now_s = self._clock_s()
            if now_s < self._again_s:
                raise Unanswered("the service is down", down=True)
            self._again_s = now_s + PAUSE_S  # this question finds out, and no other meanwhile
        try:
            answer = await self._asking.ask(question, headers, path)
        except Unanswered as error:
            # What hangs on the question says nothing of the service: an agent that asks for
            # nonsense must not be able to have others refused.
            self._failures = self._failures + 1 if error.down else 0
            if self._failures >= FAILURES:
                self._again_s = self._clock_s() + PAUSE_S
            raise
        self._failures = 0
        return answer

    async def close(self) -> None:
        """Ends all connections; who waits for an answer gets none."""
        await self._asking.close()
