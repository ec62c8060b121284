"""The kill switch: stopping an agent, a user, a task, a key or a token, or every agent at once.

It asks for no fresh sign-in, and for nothing of the log's index: stopping has to be quick, and to
work when little else does.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from safeconduct.app.stopping import (
    MAX_ID,
    MAX_WHY,
    REVOCABLE,
    NotStopped,
    Wanted,
    every,
    stop,
    stop_all,
    wanted,
)
from safeconduct.console.pages import Here, Pages, Way, go
from safeconduct.console.rates import Rates
from safeconduct.console.wrong import Wrong
from safeconduct.rooms import Rooms
from safeconduct.tasks.revoking import Living

STOP: Final = "/stop"
EVERYTHING: Final = "everything"
WORD: Final = "STOP"
"""What somebody types who stops every agent."""

PER_MINUTE: Final = 60
"""How often a minute one person may stop something."""

COUNT_S: Final = 1.0
"""How long the tasks that will end are counted before they end, in seconds: threads may be busy."""

MAX_OFFERED: Final = 200
"""How many ids of agents, and of users, a field offers."""

MAX_SHOWN: Final = 20
"""How many tasks, and agents, are shown; the rest is counted."""

MAX_STOPS: Final = 200
"""How many of what was stopped are shown."""

NAMES: Final = {what: what for what in REVOCABLE} | {"jti": "token"}
"""What people call them."""


class StoppingPages:
    """Choosing what to stop, seeing what stops with it, and stopping it."""

    def __init__(self, pages: Pages, rooms: Rooms) -> None:
        self._pages = pages
        self._rooms = rooms
        self._rates = Rates(PER_MINUTE, rooms.clock_ms)

    def ways(self) -> tuple[Way, ...]:
        """Its pages."""
        return (
            Way("GET", STOP, self.look),
            Way("POST", STOP, self.stop),
            Way("POST", f"{STOP}/{EVERYTHING}", self.stop_all),
        )

    async def look(self, request: Request) -> Response:
        """What can be stopped and what is; or what would end with one of them."""
        here = self._pages.require(request, "operator")
        asked = request.query_params
        if not asked.get("id") and asked.get("what") == EVERYTHING:
            return await self._everything(here)
        if asked.get("id"):
            return await self._one(here, _wanted(asked.get("what"), asked["id"].strip()))
        return await self._form(here)

    async def stop(self, request: Request) -> Response:
        """One of them is stopped, for good."""
        here = self._acting(request)
        form = await self._pages.form(request, here)
        one = _wanted(form.get("what"), form.get("id"))
        ended = await self._count(*one)
        try:
            await stop(self._rooms, one.what, one.id, here.approver.user, form.get("why", ""))
        except NotStopped as wrong:
            raise _wrong(wrong) from wrong
        here.session.said = f"Stopped: {NAMES[one.what]} {one.id}. {_tasks(ended)}"
        return go(STOP)

    async def stop_all(self, request: Request) -> Response:
        """Every agent is stopped, for good."""
        here = self._acting(request)
        form = await self._pages.form(request, here)
        if form.get("word", "").strip() != WORD:
            raise Wrong(400, f"Nothing was stopped: type {WORD} to stop every agent.")
        ended = await self._count()
        try:
            told = await stop_all(self._rooms, here.approver.user, form.get("why", ""))
        except NotStopped as wrong:
            raise _wrong(wrong) from wrong
        if told.left:
            left = ", ".join(told.left)
            raise Wrong(503, f"This could not be recorded, so these agents go on: {left}.")
        many = len(told.agents)
        here.session.said = f"Stopped: {many} agent{'' if many == 1 else 's'}. {_tasks(ended)}"
        return go(STOP)

    def _acting(self, request: Request) -> Here:
        here = self._pages.require(request, "operator")
        if not self._rates.allow(here.approver.user):
            raise Wrong(429, "That was too much at once. Wait a minute, or stop everything.")
        return here

    async def _living(self, what: str = "", identifier: str = "") -> list[Living]:
        """Aside: a gateway may have had many tasks."""
        state, now_ms = self._rooms.state, self._rooms.clock_ms()
        return await asyncio.to_thread(state.living, now_ms, what, identifier)

    async def _count(self, what: str = "", identifier: str = "") -> int | None:
        """How many tasks end; None where that takes too long: stopping does not wait for it."""
        try:
            async with asyncio.timeout(COUNT_S):
                return len(await self._living(what, identifier))
        except TimeoutError:
            return None

    async def _form(self, here: Here) -> Response:
        state, config = self._rooms.state, self._rooms.config
        living = await self._living()
        stops = state.stops()
        busy = Counter(one.start.agent.id for one in living)
        return self._pages.page(
            "stop.html",
            here,
            at=STOP,
            names=NAMES,
            living=len(living),
            busy=busy.most_common(MAX_SHOWN),
            more=max(0, len(busy) - MAX_SHOWN),
            agents=sorted(config.agents)[:MAX_OFFERED],
            users=sorted(config.users)[:MAX_OFFERED],
            stops=stops[:MAX_STOPS],
            stopped=len(stops),
            max_id=MAX_ID,
        )

    async def _one(self, here: Here, one: Wanted) -> Response:
        state, config = self._rooms.state, self._rooms.config
        living = await self._living(*one)
        known = {
            "agent": one.id in config.agents,
            "user": one.id in config.users,
            "task": state.task(one.id) is not None,
        }
        return self._pages.page(
            "stopping.html",
            here,
            at=STOP,
            one=one,
            name=NAMES[one.what],
            known=known.get(one.what, True),
            told=state.told(*one),
            self_too=one == ("user", here.approver.user),
            living=living[:MAX_SHOWN],
            count=len(living),
            max_why=MAX_WHY,
        )

    async def _everything(self, here: Here) -> Response:
        living = await self._living()
        agents = await asyncio.to_thread(every, self._rooms)
        return self._pages.page(
            "stopping_all.html",
            here,
            at=STOP,
            agents=agents[:MAX_OFFERED],
            count=len(agents),
            living=len(living),
            word=WORD,
            max_why=MAX_WHY,
        )


def _wanted(what: object, identifier: object) -> Wanted:
    """Raises Wrong."""
    try:
        return wanted(what, identifier)
    except NotStopped as wrong:
        raise _wrong(wrong) from wrong


def _wrong(wrong: NotStopped) -> Wrong:
    return Wrong(400, f"Nothing was stopped: {wrong}.")


def _tasks(count: int | None) -> str:
    if count is None:
        return "How many tasks ended with it was not counted."
    if not count:
        return "No task was going on with it."
    return f"{count} task{' has' if count == 1 else 's have'} ended with it."
