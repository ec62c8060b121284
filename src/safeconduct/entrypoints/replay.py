"""Streams that a client of before 2026-07-28 may lose and take up again (MCP 2025-11-25,
transports, "Resumability and Redelivery").

Every event has an id. The last ones of a session are kept, in a bounded number of bytes (and all
sessions together in another), for a reader who comes back and says which one it saw last. A reader
who has fallen behind what is kept is cut off: nobody waits for it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from typing import Final

from safeconduct.entrypoints.http import Request

MAX_BYTES: Final = 1_048_576
MAX_EVENTS: Final = 1_024
"""How much of a session is kept for readers who come back."""

MAX_BYTES_IN_ALL: Final = 67_108_864
"""How much is kept of all sessions together."""

RETRY_MS: Final = 1_000
"""After what time a reader is told to come back, in milliseconds."""

ALONE_S: Final = 30.0
"""How long a stream goes on while nobody reads it, in seconds."""

_EVENT_ID: Final = re.compile(r"(\d{1,9})-(\d{1,9})", re.ASCII)


class Forgotten(LookupError):
    """An event that is known no more, or has one after it that is not kept."""


class Kept:
    """What is kept of all sessions."""

    def __init__(self) -> None:
        self.replays: set[Replay] = set()

    def trim(self) -> None:
        """Where it is too much, those lose of which most is kept."""
        while sum(map(_bytes, self.replays)) > MAX_BYTES_IN_ALL:
            max(self.replays, key=_bytes).halve()


def _bytes(replay: Replay) -> int:
    return replay.bytes


class Replay:
    """The streams of one session, and the events of all of them by stream and place. `bytes` is how
    much is kept.
    """

    def __init__(self, kept: Kept) -> None:
        self.bytes = 0
        self._kept = kept
        kept.replays.add(self)
        self._events: dict[tuple[int, int], bytes] = {}
        self._feeds: dict[int, Feed] = {}
        self._opened = 0

    def open(self, alone: Callable[[], object] | None = None) -> Feed:
        """A new stream. `alone` is called when nobody has read it for a while."""
        self._feeds = {
            number: feed
            for number, feed in self._feeds.items()
            if not feed.finished or (number, feed.last) in self._events
        }
        number = self._opened
        self._opened += 1
        feed = self._feeds[number] = Feed(self, number, alone)
        return feed

    def find(self, event_id: str) -> tuple[Feed, int] | None:
        """The stream that an event was in, and its place there; None if there never was one.

        Raises Forgotten: it cannot be gone on from there.
        """
        read = _EVENT_ID.fullmatch(event_id)
        if read is None or int(read[1]) >= self._opened:
            return None
        feed, after = self._feeds.get(int(read[1])), int(read[2])
        if feed is None or not feed.goes_on(after):
            raise Forgotten
        return (feed, after) if after <= feed.last else None

    def keep(self, number: int, place: int, data: bytes) -> None:
        """Keeps an event, and lets go of the oldest."""
        self._events[number, place] = data
        self.bytes += len(data)
        while self.bytes > MAX_BYTES or len(self._events) > MAX_EVENTS:
            self._forget()
        self._kept.trim()

    def halve(self) -> None:
        """Lets go of the older half."""
        most = self.bytes // 2
        while self.bytes > most:
            self._forget()

    def _forget(self) -> None:
        self.bytes -= len(self._events.pop(next(iter(self._events))))

    def event(self, number: int, place: int) -> bytes | None:
        """An event, if it is kept."""
        return self._events.get((number, place))

    def end(self) -> None:
        """Ends every stream: who reads one is told that there is no more. What is kept goes with
        the last reader.
        """
        self._kept.replays.discard(self)
        for feed in self._feeds.values():
            feed.abandon()


class Feed:
    """One stream of a session."""

    def __init__(self, replay: Replay, number: int, alone: Callable[[], object] | None) -> None:
        self.finished = False
        self.last = 0
        self.sent = 0
        """The last event that was on its way to a reader."""
        self._replay = replay
        self._number = number
        self._alone = alone
        self._abandoned = False
        self._changed = asyncio.Event()
        self._reader: object = None
        self._timer: asyncio.TimerHandle | None = None

    def first(self, after: int = 0, retry_ms: int = RETRY_MS) -> bytes:
        """What a stream begins with: an id to come back to before there is any event."""
        return b"retry: %d\nid: %d-%d\ndata: \n\n" % (retry_ms, self._number, after)

    def goes_on(self, after: int) -> bool:
        """Whether nothing that came after an event is missing."""
        return after >= self.last or self._replay.event(self._number, after + 1) is not None

    def add(self, message: bytes) -> bytes:
        """A message as an event, which is kept."""
        self.last += 1
        data = b"id: %d-%d\nevent: message\ndata: %b\n\n" % (self._number, self.last, message)
        self._replay.keep(self._number, self.last, data)
        self._changed.set()
        return data

    def finish(self) -> None:
        """There is nothing more to come."""
        self.finished = True
        self._changed.set()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def abandon(self) -> None:
        """Nobody can come back: what goes on for a reader that has gone ends now."""
        waits = self._timer is not None
        self._abandoned = True
        self.finish()
        if waits and self._alone is not None:
            self._alone()

    def left(self) -> None:
        """A reader has gone; unless another one has come already, one has a while to come."""
        if self._abandoned and self._alone is not None:
            self._alone()
            return
        unread = self._reader is None and self._timer is None
        if self._alone is not None and not self.finished and unread:
            self._timer = asyncio.get_running_loop().call_later(ALONE_S, self._alone)

    async def follow(self, request: Request, after: int) -> bool:
        """Sends a reader what comes after an event, until the stream ends, the reader goes, or
        another one comes. False when something that it has not seen is not kept any more.
        """
        reader = self._reader = object()
        gone = False

        def leave() -> None:
            nonlocal gone
            gone = True
            self._changed.set()

        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        self._changed.set()  # for the reader before this one
        request.when_gone(leave)
        try:
            while not gone and self._reader is reader:
                if after < self.last:
                    data = self._replay.event(self._number, after + 1)
                    if data is None:
                        return False
                    after += 1
                    self.sent = max(self.sent, after)
                    await request.send(data)
                elif self.finished:
                    break
                else:
                    self._changed.clear()
                    await self._changed.wait()
        finally:
            request.when_gone(None)
            if self._reader is reader:
                self._reader = None
                self.left()
        return True
