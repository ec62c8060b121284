"""Long streams of notifications: `subscriptions/listen` since 2026-07-28, and before it the one
stream of a session, which a GET opens.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Generator
from contextlib import closing, contextmanager
from typing import Final

from safeconduct.core.calls import ACKNOWLEDGED
from safeconduct.entrypoints import params
from safeconduct.entrypoints.calling import Asked
from safeconduct.entrypoints.http import Problem, Request
from safeconduct.entrypoints.replay import Feed, Forgotten
from safeconduct.entrypoints.sessions import Session
from safeconduct.entrypoints.stream import HEADERS, current, frame
from safeconduct.entrypoints.watch import Watch
from safeconduct.ports import JSON, Bearer, Wanted
from safeconduct.subscriptions import Subscription, Subscriptions

SUBSCRIPTION: Final = "io.modelcontextprotocol/subscriptionId"

LAST_EVENT: Final = b"last-event-id"

MAX_STREAMS: Final = 32
"""How many streams one task may have open that concern no call."""

EVERY_LIST: Final = Wanted(tools=True, prompts=True, resources=True)


class Listening:
    """Serves the streams that concern no call."""

    def __init__(self, subscriptions: Subscriptions, watch: Watch) -> None:
        self._subscriptions = subscriptions
        self._watch = watch
        self._open: Counter[str] = Counter()

    @contextmanager
    def _lasting(self, bearer: Bearer) -> Generator[None]:
        """A stream that ends with its task. Raises Problem (429) for one too many."""
        if self._open[bearer.task] >= MAX_STREAMS:
            raise Problem(429, "This task has too many streams open.")
        self._open[bearer.task] += 1
        try:
            with self._watch.watching(bearer, current().cancel):
                yield
        finally:
            self._open[bearer.task] -= 1
            if not self._open[bearer.task]:
                del self._open[bearer.task]

    async def listen(self, request: Request, asked: Asked, bearer: Bearer) -> None:
        """Answers `subscriptions/listen`: what was agreed to, then what happens, each tagged with
        the request's id; and a result when the gateway ends it. Raises Rejected.
        """
        wanted = params.wanted(asked.message)
        subscription = await self._subscriptions.agree(bearer, asked.upstream, wanted)
        tag: JSON = {SUBSCRIPTION: asked.id}

        async def tell(method: str, told: JSON) -> None:
            await request.send(
                frame({"jsonrpc": "2.0", "method": method, "params": {**told, "_meta": tag}})
            )

        with closing(subscription), self._lasting(bearer):
            request.start(HEADERS, lasting=True)
            await tell(ACKNOWLEDGED, {"notifications": params.agreed(subscription.wanted)})
            telling = asyncio.ensure_future(subscription.run(tell))
            request.when_gone(lambda: _end(telling))
            try:
                await asyncio.wait([telling])
            finally:
                telling.cancel()
            ended = {"resultType": "complete", "_meta": tag}
            await request.send(frame({"jsonrpc": "2.0", "id": asked.id, "result": ended}))
            request.finish()

    async def subscribe(
        self, session: Session, bearer: Bearer, upstream: str | None, uri: str
    ) -> bool:
        """Has a session told of a resource. False when its task may not read that, or the session
        has too many.
        """
        if session.subscribed(uri):
            return True
        wanted = Wanted(uris=frozenset({uri}))
        subscription = await self._subscriptions.agree(bearer, upstream, wanted)
        if subscription.wanted.uris and session.subscribe(uri, subscription):
            return True
        subscription.close()
        return False

    async def follow(self, request: Request, session: Session, bearer: Bearer) -> None:
        """Answers a GET within a session: its one stream, or the rest of one that was lost.

        Raises Problem for an event that is not one of the session's (400), or from which it cannot
        be gone on any more (410).
        """
        feed, after = _place(request, session)
        subscription: Subscription | None = None
        if feed is session.channel:
            upstream = request.tail or None
            subscription = await self._subscriptions.agree(bearer, upstream, EVERY_LIST)
            for uri in session.lapsed():
                if not await self.subscribe(session, bearer, upstream, uri):
                    session.unsubscribe(uri)
        with self._lasting(bearer):
            request.start(HEADERS, lasting=True)
            await request.send(feed.first(after))
            telling = asyncio.ensure_future(_told(subscription, session))
            try:
                if await feed.follow(request, after):
                    request.finish()
            finally:
                telling.cancel()


def _place(request: Request, session: Session) -> tuple[Feed, int]:
    """Where to go on: after the event that is named, else with what was not sent yet."""
    named = request.headers.get(LAST_EVENT)
    if named is None:
        feed = session.channel
        return feed, feed.sent if feed.goes_on(feed.sent) else feed.last
    try:
        found = session.replay.find(named.decode("latin-1"))
    except Forgotten:
        raise Problem(410, "What came after this event is not kept any more.") from None
    if found is None:
        raise Problem(400, "There is no such event.")
    return found


async def _told(subscription: Subscription | None, session: Session) -> None:
    if subscription is not None:
        await subscription.run(session.tell)


def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
