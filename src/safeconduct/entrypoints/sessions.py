"""Sessions of clients of 2025-11-25 and before (`Mcp-Session-Id`).

A session gives no authority: every request in it carries a token and a proof of its own, and the
session is there for the task and the key that opened it and for nobody else. It holds what such a
client expects a server to remember: what it can be asked, which log lines it wants, and streams
that it may take up again. A client that brings no session id is served without one.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Final

from safeconduct.core.asks import Capability
from safeconduct.core.calls import VISITED
from safeconduct.entrypoints.http import Problem, Request
from safeconduct.entrypoints.replay import Kept, Replay
from safeconduct.entrypoints.wire import Id, Reply, encode
from safeconduct.ports import JSON, AskRefused, Bearer
from safeconduct.subscriptions import Subscription

HEADER: Final = b"mcp-session-id"

MAX_SESSIONS: Final = 512
MAX_SESSIONS_PER_TASK: Final = 8
"""How many sessions there may be, in all and of one task."""

IDLE_S: Final = 1_800.0
"""After what time without a request a session is forgotten, in seconds."""

MAX_SUBSCRIPTIONS: Final = 64
"""How many resources one session may be subscribed to."""

MAX_PAGES: Final = 64
"""How many pages that somebody was sent to one session remembers, the newest."""

ASK_S: Final = 300.0
"""How long a person has for a reply, in seconds."""

LEVEL: Final = "info"
"""The log lines that a client hears before it has said which ones it wants."""


class Session:
    """One session: of one task, one key and one endpoint."""

    def __init__(
        self, bearer: Bearer, path: str, able: frozenset[Capability], now: float, kept: Kept
    ) -> None:
        self.id = secrets.token_urlsafe(24)
        self.owner = (bearer.tenant, bearer.task, bearer.key, path)
        self.bearer = bearer
        self.able = able
        self.log_level = LEVEL
        self.used = now
        self.replay = Replay(kept)
        self.channel = self.replay.open()
        """The stream of what concerns no request."""
        self._asks: dict[Id, asyncio.Future[JSON]] = {}
        self._asked = 0
        self._subscriptions: dict[str, asyncio.Task[None]] = {}
        self._pages: dict[str, None] = {}

    @contextmanager
    def asking(self) -> Generator[tuple[int, asyncio.Future[JSON]]]:
        """An id for a request to the client, and its result; raises AskRefused for an error, and
        after a while.
        """
        self._asked += 1
        number = self._asked
        loop = asyncio.get_running_loop()
        reply: asyncio.Future[JSON] = loop.create_future()
        self._asks[number] = reply
        timer = loop.call_later(ASK_S, _refuse, reply)
        try:
            yield number, reply
        finally:
            timer.cancel()
            self._asks.pop(number, None)

    def replied(self, reply: Reply) -> None:
        """Takes the reply to a request that is open; any other, and a second one, means nothing."""
        waiting = self._asks.pop(reply.id, None)
        if waiting is None or waiting.done():
            return
        if reply.result is None:
            _refuse(waiting)
        else:
            waiting.set_result(reply.result)

    async def tell(self, method: str, params: JSON) -> None:
        """A notification that concerns no request."""
        self._tell(method, params)

    def _tell(self, method: str, params: JSON) -> None:
        told = {"jsonrpc": "2.0", "method": method, **({"params": params} if params else {})}
        self.channel.add(encode(told))

    def send_to(self, page: str) -> None:
        """Remembers a page that the client's user was sent to, by the id of the elicitation."""
        self._pages[page] = None
        if len(self._pages) > MAX_PAGES:
            del self._pages[next(iter(self._pages))]

    def visited(self, page: str) -> None:
        """Tells the client that this page is done with, if its user was sent there: once."""
        if page in self._pages:
            del self._pages[page]
            self._tell(VISITED, {"elicitationId": page})

    def subscribed(self, uri: str) -> bool:
        """Whether a subscription to a resource runs."""
        before = self._subscriptions.get(uri)
        return before is not None and not before.done()

    def subscribe(self, uri: str, subscription: Subscription) -> bool:
        """Runs a subscription until it ends, or is ended, in place of one that was there. False
        when there are too many.
        """
        before = self._subscriptions.get(uri)
        if before is None and len(self._subscriptions) >= MAX_SUBSCRIPTIONS:
            return False
        if before is not None:
            before.cancel()
        running = self._subscriptions[uri] = asyncio.ensure_future(subscription.run(self.tell))
        # Also where it is ended before it runs.
        running.add_done_callback(lambda _: subscription.close())
        return True

    def lapsed(self) -> list[str]:
        """The resources whose subscriptions have ended by themselves: a token's time was up, or an
        upstream wanted no more.
        """
        return [uri for uri, task in self._subscriptions.items() if task.done()]

    def unsubscribe(self, uri: str) -> None:
        """Ends a subscription, if there is one."""
        task = self._subscriptions.pop(uri, None)
        if task is not None:
            task.cancel()

    def end(self) -> None:
        """Ends all that belongs to it. A call that waits for a reply gets none."""
        for waiting in self._asks.values():
            _refuse(waiting)
        for task in list(self._subscriptions.values()):
            task.cancel()
        self.replay.end()


def _refuse(reply: asyncio.Future[JSON]) -> None:
    if not reply.done():
        reply.set_exception(AskRefused())


class Sessions:
    """The sessions of this process."""

    def __init__(self, over: Callable[[Bearer], bool]) -> None:
        """`over` says whether nothing more may come to a bearer."""
        self._over = over
        self._kept = Kept()
        self._sessions: dict[str, Session] = {}  # the one used least recently first

    def open(self, bearer: Bearer, path: str, able: frozenset[Capability]) -> Session | None:
        """A new session; None when there are too many: the client is served without one.

        Of one task the one that was used least recently makes room.
        """
        now = asyncio.get_running_loop().time()
        for old in [one for one in self._sessions.values() if now - one.used > IDLE_S]:
            self.end(old)
        same = [
            one for one in self._sessions.values() if one.owner[:2] == (bearer.tenant, bearer.task)
        ]
        if len(same) >= MAX_SESSIONS_PER_TASK:
            self.end(same[0])
        if len(self._sessions) >= MAX_SESSIONS:
            for one in [one for one in self._sessions.values() if self._over(one.bearer)]:
                self.end(one)
        if len(self._sessions) >= MAX_SESSIONS:
            return None
        session = Session(bearer, path, able, now, self._kept)
        self._sessions[session.id] = session
        return session

    def of(self, request: Request, bearer: Bearer) -> Session | None:
        """The session that a request names; None when it names none.

        Raises Problem (404) for one that is not there, or not for this task, key and endpoint:
        which of them it does not say.
        """
        named = request.headers.get(HEADER)
        if named is None:
            return None
        session = None if request.repeats(HEADER) else self._sessions.get(named.decode("latin-1"))
        now = asyncio.get_running_loop().time()
        owner = (bearer.tenant, bearer.task, bearer.key, request.path)
        if session is None or session.owner != owner or now - session.used > IDLE_S:
            raise Problem(404, "There is no such session.")
        session.used = now
        self._sessions[session.id] = self._sessions.pop(session.id)
        return session

    def end(self, session: Session) -> None:
        """Ends a session."""
        del self._sessions[session.id]
        session.end()

    def visited(self, page: str) -> None:
        """Tells every client whose user was sent to this page that it is done with."""
        for session in self._sessions.values():
            session.visited(page)

    def close(self) -> None:
        """Ends all of them."""
        for session in list(self._sessions.values()):
            self.end(session)
