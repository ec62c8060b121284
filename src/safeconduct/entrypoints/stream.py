"""A response that turns into a stream of events once there is more to tell than the answer."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final, Self, cast

from safeconduct.core import calls
from safeconduct.core.admit import LEVELS
from safeconduct.core.asks import Capability
from safeconduct.entrypoints.http import Fields, Request, Response
from safeconduct.entrypoints.replay import Feed
from safeconduct.entrypoints.sessions import Session
from safeconduct.entrypoints.wire import Id, encode
from safeconduct.ports import JSON, AskRefused

HEADERS: Final[Fields] = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache, no-transform"),
    (b"x-accel-buffering", b"no"),
)

EVENT: Final = b"event: message\ndata: %b\n\n"
"""An event; JSON as it is encoded here has no line ends."""

Lives = Callable[[Callable[[], object]], Callable[[], None]]
"""Has a function called when the task is over, until what it returns is called."""


class Stream:
    """The response to one request whose sender wants to hear, or can be asked, more than the
    answer (`safeconduct.ports.Listener`).

    The first message decides: anything before the answer opens a stream of server-sent events, an
    answer alone is sent as a plain response. A slow reader holds up the upstream's notifications.
    In a session the reader may go and come back, and what is under way goes on for a while; else
    nothing is kept. An open stream is cut off when its task is over.
    """

    def __init__(
        self,
        request: Request,
        lives: Lives,
        *,
        modern: bool,
        token: Id | None = None,
        log_level: str | None = None,
        able: frozenset[Capability] = frozenset(),
        session: Session | None = None,
    ) -> None:
        self.modern = modern
        self.able = able
        self.wants_progress = token is not None
        self.log_level = log_level
        self.resumable = session is not None
        self._request = request
        self._lives = lives
        self._token = token
        self._session = session
        self._handler = current()
        self._open = False
        self._feed: Feed | None = None
        self._leave: Callable[[], None] | None = None
        self._last: float | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self._leave is not None:
            self._leave()
        if self._feed is not None:
            self._feed.finish()

    async def asked(self, method: str, params: JSON) -> JSON:
        """Asks a client that has a session, and waits for its reply. Raises AskRefused."""
        if self._session is None:
            raise AskRefused(-32601, f"Method not found: {method}")
        with self._session.asking() as (number, reply):
            asked = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
            await self._event(encode(asked))
            return await reply

    async def notified(self, method: str, params: JSON) -> None:
        """Passes on progress under the client's own token, and log lines that are serious enough;
        what does not grow is no progress. That a page was visited is told before 2026-07-28.
        """
        match method:
            case calls.PROGRESS:
                told = self._progress(params)
            case calls.VISITED:
                told = None if self.modern else params
            case _:
                told = self._log_line(params)
        if told is None:
            return
        await self._event(encode({"jsonrpc": "2.0", "method": method, "params": told}))

    def _progress(self, params: JSON) -> JSON | None:
        told = None if self._token is None else _rebuilt(params, self._token)
        if told is None or (self._last is not None and told["progress"] <= self._last):
            return None
        self._last = told["progress"]
        return told

    def _log_line(self, params: JSON) -> JSON | None:
        wanted = self.log_level
        serious = wanted is not None and LEVELS.index(params["level"]) >= LEVELS.index(wanted)
        return params if serious else None

    def sent_to(self, page: str) -> None:
        """The client has been sent to a page: in a session it is told when that is done with."""
        if self._session is not None:
            self._session.send_to(page)

    async def parted(self, retry_ms: int) -> None:
        """Ends the response where its reader can come back, as the upstream wants to be come back
        to: what is under way goes on.
        """
        if self._feed is not None:
            await self._request.send(self._feed.first(self._feed.last, retry_ms))
            self._request.finish(close=True)

    async def finish(self, response: Response) -> Response | None:
        """Sends the answer as the last event where the stream is open, and gives it back where it
        is still to be sent.
        """
        if not self._open:
            return response
        await self._event(response.body)
        self._request.finish()
        return None

    async def open(self) -> None:
        """Opens the stream, if it is not open."""
        if self._open:
            return
        self._open = True
        self._leave = self._lives(self._handler.cancel)
        self._request.start(HEADERS)
        if self._session is not None:
            feed = self._feed = self._session.replay.open(self._handler.cancel)
            self._request.when_gone(feed.left)
            await self._request.send(feed.first())

    async def _event(self, message: bytes) -> None:
        await self.open()
        if self._feed is None:
            await self._request.send(EVENT % message)
        else:
            await self._request.send(self._feed.add(message))


def streamed(response: Response, session: Session) -> Response:
    """An answer that is there already, as a stream that can be taken up again."""
    feed = session.replay.open()
    body = feed.first() + feed.add(response.body)
    feed.finish()
    return Response(response.status, body, HEADERS)


def frame(message: JSON) -> bytes:
    """A message as an event."""
    return EVENT % encode(message)


def current() -> asyncio.Task[object]:
    """The task that this is called in."""
    return cast("asyncio.Task[object]", asyncio.current_task())


def _rebuilt(params: JSON, token: Id) -> JSON | None:
    """The progress itself and nothing else; None where there is none."""
    told: JSON = {"progressToken": token}
    for key in ("progress", "total"):
        value = params.get(key)
        if type(value) in {int, float}:
            told[key] = value
    if type(params.get("message")) is str:
        told["message"] = params["message"]
    return told if "progress" in told else None
