"""Enforcement points that ask for decisions, and the tasks that they ask about.

An enforcement point has verified the token of a task itself, with the keys that are published here,
and names the task. Who the task's agent and user are it says as well, and it has to be right.
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from safeconduct.delegation.asking import Asking, nobody
from safeconduct.delegation.tokens import CLOCK_SLACK_MS
from safeconduct.ports import Bearer, Caller, Tasks, Unauthenticated


class Enforcers:
    """`safeconduct.ports.Enforcers`."""

    def __init__(
        self,
        callers: Collection[str],
        *,
        asking: Asking,
        tasks: Tasks,
        clock_ms: Callable[[], int],
    ) -> None:
        self._callers = frozenset(callers)
        self._asking = asking
        self._tasks = tasks
        self._clock_ms = clock_ms

    async def enforcer(self, svid: str | None, caller: Caller) -> str:
        """Who asks: one of the configured, by a JWT-SVID or else by a certificate."""
        if svid is None:
            client = await self._asking.certified(caller)
        else:
            client = await self._asking.shown(svid, caller, "decision")
        if client not in self._callers:
            raise nobody(why=f"{client} is not in authzen.callers")
        return client

    def bearer(self, task: str, user: str, agent: str) -> Bearer:
        """Who would hold a token of the task that lasts as long as the task does."""
        found, holder = self._tasks.task(task), self._tasks.holder(task)
        if (
            found is None
            or holder is None
            or (holder.user.id, holder.agent.id) != (user, agent)
            # A clock that went back makes what has ended live again.
            or self._clock_ms() < self._tasks.latest_ms() - CLOCK_SLACK_MS
        ):
            raise Unauthenticated("invalid_request", "No such task of this user and agent lives.")
        return Bearer(
            task=task,
            tenant=found.tenant,
            agent=agent,
            user=user,
            scopes=found.scopes,
            expires_ms=found.expires_ms,
            jti="",
            key=holder.key,
        )
