"""Calls that wait in this process for the replies of a client of 2026-07-28.

An upstream of before asks in the middle of a call and waits; such a client is asked by the end of
its request and answers with the next one. In between the page's own coroutine is parked here, with
everything that it knows: for a bounded time and no longer than its task. A call that came to its
end meanwhile is kept as long, and counts as one that waits.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from typing import Final

import msgspec

from safeconduct.core.asks import Capability
from safeconduct.entrypoints.rounds import State
from safeconduct.entrypoints.stream import Stream
from safeconduct.entrypoints.watch import Watch
from safeconduct.hearing import Waiting
from safeconduct.ports import JSON, Answer, Bearer, Listener

PARKED_S: Final = 600.0
"""How long a call waits for its client to come back, in seconds."""

Page = Callable[[Listener], Awaitable[Answer]]


class Asking(msgspec.Struct, frozen=True):
    """What is to be asked before there is an answer; `visits`: pages, and nothing is replied.
    `meta` is what programs are told of it.
    """

    requests: JSON
    state: State
    visits: bool = False
    meta: JSON = {}


class _Ask(msgspec.Struct, frozen=True):
    method: str
    params: JSON
    reply: asyncio.Future[JSON]


class Parked:
    """One call, and its listener for as long as it runs (`safeconduct.ports.Listener`)."""

    def __init__(
        self, page: Page, bearer: Bearer, stream: Stream, park: Callable[[Parked], None]
    ) -> None:
        self.modern = True
        self.able: frozenset[Capability] = stream.able
        self.wants_progress = stream.wants_progress
        self.log_level = stream.log_level
        self.bearer = bearer
        self.id = secrets.token_urlsafe(16)
        self.round = 0
        self.attended = False
        self._park = park
        self._stream: Stream | None = None
        self._asks: dict[str, _Ask] = {}
        self._asked = 0
        self._news = asyncio.Event()
        self._task = asyncio.ensure_future(page(self))
        self._task.add_done_callback(self._ended)

    async def notified(self, method: str, params: JSON) -> None:
        """Passes on what the client can hear while a request of its waits; the rest is lost."""
        if self._stream is not None:
            await self._stream.notified(method, params)

    async def parted(self, retry_ms: int) -> None:
        """A client of 2026-07-28 could not come back: it waits."""

    async def asked(self, method: str, params: JSON) -> JSON:
        """Waits for the reply. Raises UpstreamFault where too many calls wait already."""
        self._park(self)
        self._asked += 1
        key = f"ask-{self._asked}"
        ask = _Ask(method, params, asyncio.get_running_loop().create_future())
        self._asks[key] = ask
        self._news.set()
        try:
            return await ask.reply
        finally:
            del self._asks[key]

    def _ended(self, task: asyncio.Future[Answer]) -> None:
        if not task.cancelled():
            task.exception()  # told to whoever comes back, and to nobody if nobody does
        self._news.set()

    def feed(self, replies: JSON) -> None:
        """Hands the replies to whoever waits for them."""
        for key, value in replies.items():
            ask = self._asks.get(key)
            if ask is not None and not ask.reply.done():
                ask.reply.set_result(value)

    async def outcome(self, stream: Stream) -> Answer | Asking:
        """The answer, or what is to be asked before. Ends the call when it is cancelled."""
        self._stream, self.attended = stream, True
        try:
            while not self._task.done():
                waiting = {key: a for key, a in self._asks.items() if not a.reply.done()}
                if waiting:
                    return self._asking(waiting)
                self._news.clear()
                await self._news.wait()
            return self._task.result()
        except asyncio.CancelledError:
            await self.end()
            raise
        finally:
            self._stream, self.attended = None, False

    def _asking(self, waiting: dict[str, _Ask]) -> Asking:
        self.round += 1
        return Asking(
            {key: {"method": ask.method, "params": ask.params} for key, ask in waiting.items()},
            State(
                methods={key: ask.method for key, ask in waiting.items()},
                parked=self.id,
                round=self.round,
            ),
        )

    def cancel(self, ended: Callable[[Parked], None]) -> None:
        """Ends the call; the page puts its outcome on record, and then `ended` is called."""
        self._task.add_done_callback(lambda _: ended(self))
        self._task.cancel()

    async def end(self) -> None:
        """Ends the call, and waits until its outcome is on record."""
        self._task.cancel()
        await self.ended()

    async def ended(self) -> None:
        """Waits until the call has ended."""
        await asyncio.wait([self._task])


class _Place(msgspec.Struct):
    parked: Parked
    held: ExitStack
    timer: asyncio.TimerHandle | None = None


class Parking:
    """The calls of this process that wait for their clients."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._waiting = Waiting()
        self._places: dict[str, _Place] = {}
        self._ending: set[Parked] = set()

    async def begin(self, bearer: Bearer, stream: Stream, page: Page) -> Answer | Asking:
        """Takes a call as far as its answer, or its first question."""
        return await self._outcome(Parked(page, bearer, stream, self._park), stream)

    async def resume(self, replies: JSON, state: State, stream: Stream) -> Answer | Asking | None:
        """Takes a call further with the replies to its last question, once.

        None when no call waits for these: it was ended, or they have been brought before.
        """
        place = self._places.get(state.parked or "")
        if place is None or place.parked.attended or place.parked.round != state.round:
            return None
        bearer = place.parked.bearer
        if self._watch.over(bearer):
            self._give_up(place.parked)
            return None
        place.parked.feed(replies)
        outcome = await self._outcome(place.parked, stream)
        # The call may have ended before its task was, while nobody was there to be told.
        return None if self._watch.over(bearer) else outcome

    async def _outcome(self, parked: Parked, stream: Stream) -> Answer | Asking:
        place = self._places.get(parked.id)
        if place is not None and place.timer is not None:
            place.timer.cancel()
        try:
            outcome = await parked.outcome(stream)
        except BaseException:
            self._forget(parked)
            raise
        place = self._places.get(parked.id)
        if place is None:
            return outcome
        if isinstance(outcome, Asking):
            loop = asyncio.get_running_loop()
            place.timer = loop.call_later(PARKED_S, self._give_up, parked)
        else:
            self._forget(parked)
        return outcome

    def _park(self, parked: Parked) -> None:
        """A place for a call that has to wait. Raises UpstreamFault: there is none left."""
        if parked.id not in self._places:
            of = parked.bearer
            held = ExitStack()
            held.enter_context(self._waiting.place(of.task, of.agent))
            held.enter_context(self._watch.watching(of, lambda: self._give_up(parked)))
            self._places[parked.id] = _Place(parked, held)

    def _give_up(self, parked: Parked) -> None:
        self._ending.add(parked)
        parked.cancel(self._ending.discard)
        self._forget(parked)

    def _forget(self, parked: Parked) -> None:
        place = self._places.pop(parked.id, None)
        if place is not None:
            place.held.close()
            if place.timer is not None:
                place.timer.cancel()

    async def close(self) -> None:
        """Ends all of them; their outcomes are on record then."""
        for place in list(self._places.values()):
            self._forget(place.parked)
            await place.parked.end()
        for parked in list(self._ending):
            await parked.ended()
