"""The task that a shim's calls hang on, and what shows with every request that they do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Final

from safeconduct.identity.client import NotStarted, StartedTask, proof

_NEW_TASK: Final = "Restart this server in your client to start a new task."


class NoPassage(Exception):
    """There is no task to call for; the sentence says what to do."""


class Passage:
    """Starts one task when it is first needed, and proves possession of its key.

    The key never leaves the process. A task is not renewed: when its token has ended, calls are
    refused here, and a new task is a new process, which the user starts.
    """

    def __init__(
        self, start: Callable[[], StartedTask], *, issuer: str, say: Callable[[str], None]
    ) -> None:
        """`start` blocks, and raises as `safeconduct.identity.client.start_task` does; `say` gets
        lines for a person.
        """
        self._start = start
        self._issuer = issuer
        self._say = say
        self._starting: asyncio.Future[StartedTask] | None = None

    async def headers(self, url: str, method: str = "POST") -> dict[str, str]:
        """The token and a fresh proof, for one request. Raises NoPassage."""
        task = await self._started()
        if time.time_ns() // 1_000_000 >= task.expires_ms:
            raise NoPassage(f"The task ended at {_clock(task)}; nothing was sent. {_NEW_TASK}")
        return {
            "authorization": f"DPoP {task.token}",
            "dpop": proof(task.key, method, url, task.token),
        }

    async def _started(self) -> StartedTask:
        if self._starting is None:
            self._starting = asyncio.ensure_future(self._first())
        starting = self._starting
        try:
            # A request that is cancelled meanwhile does not lose the task of the others.
            return await asyncio.shield(starting)
        except NoPassage:
            if self._starting is starting:
                self._starting = None
            raise

    async def _first(self) -> StartedTask:
        task = await asyncio.to_thread(self._begin)
        self._say(
            f"task {task.task} started: {', '.join(sorted(task.scopes))}; it ends at "
            f"{_clock(task)} and is not renewed: restart this server then, for a new one"
        )
        return task

    def _begin(self) -> StartedTask:
        try:
            return self._start()
        except NotStarted as refused:
            raise NoPassage(f"The gateway starts no task ({refused}).") from None
        except OSError as error:
            raise NoPassage(unreachable(self._issuer, type(error).__name__)) from None


def unreachable(issuer: str, why: str) -> str:
    """What to do when nobody answers."""
    return (
        f"No gateway answers at {issuer} ({why}). Start it with `safeconduct serve`, then try "
        "again; nothing was sent."
    )


def _clock(task: StartedTask) -> str:
    return time.strftime("%H:%M:%S", time.localtime(task.expires_ms / 1000))
