"""The tests of the policy, run when somebody asks for it: one run at a time, bounded, aside."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from safeconduct.policy.trial.outcome import Finding, Outcome
from safeconduct.policy.trial.running import run

CPU_S: Final = 20
WALL_S: Final = 30
"""How long the tests may take, of the processor and in all, in seconds."""

_log = logging.getLogger(__name__)

BROKEN: Final = Finding(
    file="tests", line=1, sentence="the tests could not be run; the gateway's log says why"
)


class Tried(msgspec.Struct, frozen=True, kw_only=True):
    """What came of a run, and who asked for it when."""

    outcomes: tuple[Outcome, ...]
    by: str
    at_ms: int


class Trials:
    """The tests of the bundle in a directory. `last` is forgotten when the gateway stops."""

    def __init__(self, directory: Path | None, clock_ms: Callable[[], int]) -> None:
        """Without a directory there are no tests: a bundle from elsewhere comes without them."""
        self.directory = directory
        self._clock_ms = clock_ms
        self._running: asyncio.Task[None] | None = None
        self.last: Tried | None = None

    @property
    def running(self) -> bool:
        """Whether a run is under way."""
        return self._running is not None and not self._running.done()

    def begin(self, by: str) -> bool:
        """Runs the tests, in a process of their own; whether that began now."""
        if self.running or self.directory is None:
            return False
        self._running = asyncio.create_task(self._run(self.directory, by))
        return True

    async def done(self) -> None:
        """Waits for the run that is under way."""
        if self._running is not None:
            await self._running

    async def _run(self, directory: Path, by: str) -> None:
        at_ms = self._clock_ms()
        try:
            found = await asyncio.to_thread(run, directory, cpu_s=CPU_S, wall_s=WALL_S)
        except Exception:  # noqa: BLE001  a person waits for an answer, and there is one
            _log.exception("the tests of the policy could not be run")
            found = [Outcome(engine="not tested", failed=(BROKEN,))]
        self.last = Tried(outcomes=tuple(found), by=by, at_ms=at_ms)
