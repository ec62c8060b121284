"""One HTTP/1.1 connection: whole requests in, answers out in their order.

Requests reach their handlers one at a time, each in a task of its own. What is read ahead waits for
its turn, what is broken is answered in its turn or not at all, and a client that goes away is gone:
a half-closed connection too, as nobody could end a call on it any more.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from http import HTTPStatus
from typing import cast

from safeconduct.entrypoints.alarm import Alarm
from safeconduct.entrypoints.arrival import Arrival, Asked, Limits
from safeconduct.entrypoints.http import (
    Fields,
    Peer,
    Problem,
    Request,
    Response,
    Route,
    Site,
    head,
    incident,
    whole,
)
from safeconduct.entrypoints.tls import shown


class Connection(asyncio.Protocol):
    """One of the connections of a server, which stays in `all_` until it is lost and its handler
    has ended; `left` is set then.
    """

    def __init__(
        self, site: Site, limits: Limits, all_: set[Connection], left: asyncio.Event
    ) -> None:
        self._limits = limits
        self._all = all_
        self._left = left
        self._loop = asyncio.get_running_loop()
        self._arrival = Arrival(self, site, limits)
        self._alarm = Alarm(self._late)
        self._timed = True  # the alarm is set for the request that is being read
        self._transport = cast("asyncio.Transport", None)
        self.peer = Peer()
        self._lost = False
        self._stopping = False
        # What waits for an earlier answer.
        self._ahead: deque[Asked] = deque()
        self._ahead_bytes = 0
        self._read_paused = False
        # What is being answered, by a stream if it has started.
        self._current: Asked | None = None
        self._started = False
        self._finished = False
        self._lasting = False
        self._when_gone: Callable[[], None] | None = None
        self.task: asyncio.Task[None] | None = None
        self._writable = asyncio.Event()
        self._writable.set()
        self._write_timer: asyncio.TimerHandle | None = None

    # --- the transport ----------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begins to wait for a request."""
        self._transport = cast("asyncio.Transport", transport)
        host, *_ = transport.get_extra_info("peername") or ("",)
        self.peer = Peer(host, shown(transport))
        self._all.add(self)
        self._alarm.set(self._limits.read_s)

    def connection_lost(self, exc: Exception | None) -> None:
        """Lets go of everything, and tells the handler."""
        del exc
        self._lost = True
        self._arrival.close()
        self._alarm.close()
        self._ahead.clear()
        if self._write_timer is not None:
            self._write_timer.cancel()
        self._writable.set()
        if self._current is None:
            self._leave()
        else:
            self._tell()

    def data_received(self, data: bytes) -> None:
        """Reads on, as far as the limits allow."""
        if self._current is not None:
            self._ahead_bytes += len(data)
        fault = self._arrival.feed(data)
        if self._transport.is_closing():
            return
        if fault is not None:
            self._refuse(fault)
            return
        if self._arrival.reading and not self._timed:
            self._timed = True
            self._alarm.set(self._limits.read_s)
        if self._ahead_bytes > self._limits.ahead_bytes and not self._read_paused:
            self._read_paused = True
            self._transport.pause_reading()

    def pause_writing(self) -> None:
        """The client does not read; it has a while to think better of it."""
        self._writable.clear()
        self._write_timer = self._loop.call_later(self._limits.write_s, self._transport.abort)

    def resume_writing(self) -> None:
        """It reads again, so the next request gets its turn."""
        if self._write_timer is not None:
            self._write_timer.cancel()
        self._writable.set()
        self._next()

    # --- requests in their order ------------------------------------------------------------------

    @property
    def waiting(self) -> int:
        """How many requests wait for an earlier answer."""
        return len(self._ahead)

    @property
    def full(self) -> bool:
        """Whether there are too many connections."""
        return len(self._all) > self._limits.connections

    def admitted(self, asked: Asked) -> None:
        """Tells a client that waits for it to go on, unless an earlier answer is due."""
        waits = asked.request.headers.get(b"expect", b"").lower() == b"100-continue"
        if waits and self._free() and not self._closing():
            self._transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")

    def refused(self, asked: Asked) -> None:
        """Answers at once if nothing else is due. What still comes of the request is not kept."""
        if self._free():
            self._respond(asked, cast("Response", asked.refusal))

    def complete(self, asked: Asked) -> None:
        """Gets a request in line."""
        if self._timed and not self._closing():
            self._timed = False
            self._alarm.clear()
        if not asked.answered:
            self._ahead.append(asked)
        self._next()

    def _free(self) -> bool:
        """Whether what is written now would answer the request that is being read."""
        return self._current is None and not self._ahead

    def _next(self) -> None:
        """Turns to the next request, if there is one and nothing else is under way."""
        while self._current is None and self._writable.is_set() and not self._closing():
            if not self._ahead:
                self._wait()
                return
            asked = self._ahead.popleft()
            if asked.refusal is not None:
                self._respond(asked, asked.refusal)
                continue
            if not self._timed:
                self._alarm.clear()
            self._current = asked
            self._started = self._finished = self._lasting = False
            self.task = self._loop.create_task(self._serve(asked, cast("Route", asked.route)))

    def _wait(self) -> None:
        self._ahead_bytes = 0
        if self._read_paused:
            self._read_paused = False
            self._transport.resume_reading()
            if self._timed:
                # Only now can the client go on with what we did not read.
                self._alarm.set(self._limits.read_s)
        if not self._timed:
            self._alarm.set(self._limits.idle_s)
        asked = self._arrival.asked
        if asked is not None and asked.route is not None:
            self.admitted(asked)

    async def _serve(self, asked: Asked, route: Route) -> None:
        try:
            if not self._lost:
                self._answered(asked, await route.handler(asked.request))
        except Problem as problem:
            self._answered(asked, problem.response())
        except Exception:  # noqa: BLE001  told to the log, and as a number to the caller
            self._answered(asked, Problem(500, f"Internal error {incident()}").response())
        finally:
            self.task = self._when_gone = self._current = None
            if self._lost:
                self._leave()
            elif self._finished:
                self._next()
            else:
                # Whatever was sent of the answer, it is not whole.
                self._transport.abort()

    # --- answers ----------------------------------------------------------------------------------

    def start(self, request: Request, headers: Fields, *, lasting: bool) -> None:
        """See Request.start."""
        asked = self._current
        if asked is None or asked.request is not request or self._started or self._closing():
            return
        self._started = True
        self._lasting = lasting
        asked.keep_alive = asked.keep_alive and not self._stopping
        fields = (*headers, (b"transfer-encoding", b"chunked"))
        self._transport.write(
            b"%b%b\r\n" % (head(200, fields), b"" if asked.keep_alive else b"connection: close\r\n")
        )
        if lasting and self._stopping:
            self.stop()

    async def send(self, request: Request, data: bytes) -> None:
        """See Request.send."""
        while not self._writable.is_set():
            await self._writable.wait()
        if self._streams(request):
            self._transport.write(b"%x\r\n%b\r\n" % (len(data), data))

    def finish(self, request: Request, *, close: bool) -> None:
        """See Request.finish."""
        if self._streams(request):
            self._finished = True
            self._transport.write(b"0\r\n\r\n")
            if close or self._stopping or not cast("Asked", self._current).keep_alive:
                self._close()

    def when_gone(self, request: Request, call: Callable[[], None] | None) -> None:
        """See Request.when_gone."""
        if self._current is not None and self._current.request is request:
            self._when_gone = call
            if self._lost:
                self._tell()

    def _tell(self) -> None:
        """Tells the handler that its client has gone, once."""
        call, self._when_gone = self._when_gone, None
        if call is not None:
            call()

    def _streams(self, request: Request) -> bool:
        """Whether a request is the one being answered, by a stream that is open."""
        current = self._current
        return (
            current is not None
            and current.request is request
            and self._started
            and not self._finished
            and not self._closing()
        )

    def _answered(self, asked: Asked, response: Response | None) -> None:
        if response is not None and not self._started:
            self._respond(asked, response)
            self._finished = True

    def _respond(self, asked: Asked, response: Response) -> None:
        asked.answered = True
        if self._closing():
            return
        close = self._stopping or not asked.keep_alive
        self._transport.write(whole(response, close=close, silent=asked.silent))
        if close:
            self._close()

    def _refuse(self, status: HTTPStatus) -> None:
        """Ends the connection, with an answer if the request being read is the next to get one."""
        asked = self._arrival.asked
        if self._free() and (asked is None or not asked.answered):
            response = Problem(status, "The request was not accepted.").response()
            self._transport.write(whole(response, close=True))
        self._close()

    # --- the end ----------------------------------------------------------------------------------

    def stop(self) -> None:
        """Takes no further request: what is being answered comes to its end, or is given one if it
        has none of its own.
        """
        self._stopping = True
        if self._current is None:
            self._close()
        elif self._lasting:
            self._tell()

    def abort(self) -> None:
        """Ends the connection and its handler at once."""
        if self.task is not None:
            self.task.cancel()
        self._transport.abort()

    def _leave(self) -> None:
        self._all.discard(self)
        self._left.set()

    def _closing(self) -> bool:
        return self._lost or self._transport.is_closing()

    def _close(self) -> None:
        # Closing waits until the client has read everything, so that has its time too.
        self._transport.close()
        self._alarm.set(self._limits.write_s)

    def _late(self) -> None:
        if not self._arrival.reading or self._transport.is_closing():
            # Aborting forgets what a client has not read since; closing would wait for it.
            self._transport.abort()
        elif self._read_paused:
            # The client would go on if it could: an earlier request of its is being answered.
            self._alarm.set(self._limits.read_s)
        else:
            self._refuse(HTTPStatus.REQUEST_TIMEOUT)
