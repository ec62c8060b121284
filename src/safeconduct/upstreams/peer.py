"""Many JSON-RPC requests at once over one child's pipes, and the negotiation that comes first.

What a child may write, and what becomes of it:

- the answer to a request under way: delivered, once. A late answer to one that was given up is
  ignored; any other answer is a strike;
- an answer that strict JSON refuses: malformed, for the request that it names;
- progress for a request of ours, log lines: handed on where they are wanted, within a bound; other
  notifications, and longer ones: ignored;
- a request (`safeconduct.upstreams.asks`; the stateless revision forbids requests: there it is a
  strike);
- a notification that somebody listens for: handed on, within a bound;
- a line that is no message, such as a banner: a strike. After too many strikes between two good
  answers the child is taken for broken, and all requests under way are malformed.

All but answers is read at a bounded pace (`safeconduct.upstreams.pace`).

Nothing on a pipe says to which request an ask or a log line belongs. They are heard only while one
request is under way alone, and asks only from a child that serves a single owner: `able` is what
that owner can be asked, and nothing where a child serves several.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

from safeconduct.core import calls
from safeconduct.core.asks import Capability
from safeconduct.ports import JSON, Listener, UpstreamFault
from safeconduct.upstreams import messages, revisions
from safeconduct.upstreams.asks import Asking
from safeconduct.upstreams.child import Child, LineTooLong
from safeconduct.upstreams.deadline import Deadline
from safeconduct.upstreams.hearers import Hearers
from safeconduct.upstreams.messages import Answer, Ask, Malformed, Notice
from safeconduct.upstreams.pace import Pace
from safeconduct.upstreams.waiting import Waiting, check_only, loose_id
from safeconduct.upstreams.wire import MALFORMED, REJECTED, UNREACHABLE

_MAX_STRIKES: Final = 100
_MAX_UNHEARD: Final = 64
_MAX_NOTICE_BYTES: Final = 65_536  # what is unheard is kept until its reader takes it
_MAX_GIVEN_UP: Final = 1024
_PROBE_S: Final = 5.0


class Peer:
    """The other end of one child's pipes. `fault` is why it can be used no more."""

    def __init__(
        self,
        child: Child,
        max_bytes: int,
        on_end: Callable[[Peer], None],
        able: frozenset[Capability] = revisions.NOBODY,
    ) -> None:
        """`on_end` is called once, when the child ends or breaks the rules by itself."""
        self.child = child
        self.fault: UpstreamFault | None = None
        self._on_end = on_end
        self._max_bytes = max_bytes
        self._able = able
        self.modern = False
        self._offers: JSON = {}
        self._log_level: str | None = None
        self.ids = itertools.count(1)
        self._waiting: dict[int, Waiting] = {}
        self.hearers = Hearers(self)
        self._given_up: OrderedDict[int, None] = OrderedDict()
        self._strikes = 0
        self._reading = asyncio.create_task(self._read())

    async def negotiate(self, *, probe: bool) -> None:
        """Find the era; without `probe` only the older one is tried.

        Raises:
            UpstreamFault: there is no common revision, or the child ended.
        """
        if probe and await self._discovered():
            self.modern = True
            return
        answer = await self.own("initialize", revisions.initialize_params(self._able))
        if answer.error is not None and revisions.answers_modern(answer.error):
            self.modern = True  # it was only slow to answer the probe
            return
        if answer.error is not None:
            detail = f"initialize was refused with error {answer.error.code}"
            raise UpstreamFault(REJECTED, detail, may_have_happened=False)
        revisions.agreed(answer.result or {}, revisions.OVER_STDIO)
        self._offers = revisions.offered(answer.result or {})
        await self.tell(messages.notification(messages.INITIALIZED, {}))

    async def request(
        self, method: str, params: JSON, waiting: Waiting, deadline: Deadline
    ) -> Answer:
        """Send a request and wait for its answer.

        Raises:
            UpstreamFault: there will be no usable answer.
        """
        if waiting.listener is not None and not self.modern:
            await self._tune(waiting.listener)
            if self._able:
                waiting.asking = Asking(waiting.listener, deadline, Return(self, waiting))
        request_id = next(self.ids)
        line = revisions.request(request_id, method, params, waiting.listener, modern=self.modern)
        answered = False
        try:
            if waiting.asking is None:
                answer = await self._exchange(request_id, line, waiting)
            else:
                async with waiting.asking:
                    answer = await self._exchange(request_id, line, waiting)
            answered = True
            return answer
        except UpstreamFault:
            answered = True
            raise
        finally:
            # Late, cancelled, or what it said could not be passed on.
            if not answered and self.fault is None:
                self.give_up(request_id)
                self.post(messages.cancellation(request_id))

    async def stop(self) -> None:
        """End the child; what is under way fails."""
        self._end(UpstreamFault(UNREACHABLE, "stopped", may_have_happened=True))
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self.child.stop()

    # --- asking -------------------------------------------------------------------------------

    async def tell(self, line: bytes) -> None:
        """Write a line. Raises UpstreamFault."""
        try:
            await self.child.write(line)
        except OSError as error:
            detail = f"cannot write to the process: {type(error).__name__}"
            raise UpstreamFault(UNREACHABLE, detail, may_have_happened=True) from None

    def post(self, line: bytes) -> None:
        """Write something that nobody waits for, if the child reads at all."""
        if self.fault is None and not self.child.clogged:
            self.child.post(line)

    def check_usable(self) -> None:
        """Raises UpstreamFault: nothing can be sent now."""
        if self.fault is not None:
            raise UpstreamFault(self.fault.reason, self.fault.detail, may_have_happened=False)
        if self.child.clogged:
            detail = "the process does not read"
            raise UpstreamFault("upstream-busy", detail, may_have_happened=False)

    async def _exchange(self, request_id: int, line: bytes, waiting: Waiting) -> Answer:
        self.check_usable()
        self._waiting[request_id] = waiting
        try:
            waiting.sent = True
            await self.tell(line)
            while True:
                event = await waiting.events.get()
                if isinstance(event, Answer):
                    check_only(waiting.events)
                    return event
                if isinstance(event, UpstreamFault):
                    raise event
                if waiting.listener is not None:
                    await waiting.listener.notified(event.method, event.params)
        finally:
            del self._waiting[request_id]

    async def own(self, method: str, params: JSON) -> Answer:
        """Ask something of our own, which must not be cancelled."""
        request_id = next(self.ids)
        line = messages.request(request_id, method, params)
        try:
            return await self._exchange(request_id, line, Waiting())
        except BaseException:
            self.give_up(request_id)
            raise

    async def _discovered(self) -> bool:
        try:
            async with asyncio.timeout(_PROBE_S):
                answer = await self.own("server/discover", revisions.with_meta({}, modern=True))
        except TimeoutError:
            return False  # a server of the older era may ignore what it does not know
        if answer.error is not None:
            revisions.check_common(answer.error)
        return answer.result is not None and revisions.offers_modern(answer.result)

    async def _tune(self, listener: Listener) -> None:
        """Have the child log what a listener wants to hear, if it can. The level only falls."""
        level = listener.log_level
        if "logging" in self._offers and messages.chattier(level, self._log_level):
            await self.own(messages.SET_LEVEL, {"level": level})
            self._log_level = level

    def give_up(self, request_id: int) -> None:
        """Expect an answer that nobody waits for."""
        self._given_up[request_id] = None
        if len(self._given_up) > _MAX_GIVEN_UP:
            self._given_up.popitem(last=False)

    # --- reading ------------------------------------------------------------------------------

    async def _read(self) -> None:
        fault = UpstreamFault(UNREACHABLE, "the process ended", may_have_happened=True)
        pace = Pace()
        try:
            async for line in self.child.lines():
                if not self._take(line):
                    await pace.take(len(line))
                if self._strikes > _MAX_STRIKES:
                    detail = "too many lines that are no answers"
                    fault = UpstreamFault(MALFORMED, detail, may_have_happened=True)
                    break
        except LineTooLong:
            fault = UpstreamFault(MALFORMED, "a line too long", may_have_happened=True)
        self._end(fault)
        self._on_end(self)

    def _end(self, fault: UpstreamFault) -> None:
        if self.fault is None:
            self.fault = fault
            self.hearers.end(fault)
            for waiting in self._waiting.values():
                again = UpstreamFault(fault.reason, fault.detail, may_have_happened=True)
                waiting.events.put_nowait(again)

    def _take(self, line: bytes) -> bool:
        """Whether it was an answer."""
        try:
            message = messages.read(line, self._max_bytes)
        except Malformed as error:
            self._refuse(line, str(error))
            return False
        if isinstance(message, Answer):
            self._answered(message)
            return True
        if isinstance(message, Ask):
            self._asked(message)
        elif len(line) <= _MAX_NOTICE_BYTES:
            self._noticed(message)
        return False

    def _answered(self, answer: Answer) -> None:
        request_id = answer.id if type(answer.id) is int else 0
        waiting = self._waiting.get(request_id)
        if waiting is not None:
            waiting.events.put_nowait(answer)
            self._strikes = 0
        elif request_id in self._given_up:
            del self._given_up[request_id]
        elif not self.hearers.answered(request_id, answer):
            self._strikes += 1

    def _asked(self, ask: Ask) -> None:
        waiting = self._alone()
        if self.modern:
            self._strikes += 1
        elif waiting is None or waiting.asking is None:
            self.post(messages.unheard(ask))
        else:
            try:
                waiting.asking.take(ask)
            except UpstreamFault as fault:
                waiting.events.put_nowait(fault)

    def _noticed(self, notice: Notice) -> None:
        if notice.method == calls.CANCELLED:
            for one in self._waiting.values():
                if one.asking is not None:
                    one.asking.cancelled(notice.params)
            return
        token = notice.params.get("progressToken")
        waiting = self._waiting.get(token) if type(token) is int else None
        if notice.method in {calls.LOG_LINE, calls.VISITED}:
            waiting = self._alone()
        if waiting is None:
            self.hearers.told(notice)
        elif waiting.listener is not None and waiting.events.qsize() < _MAX_UNHEARD:
            params = messages.wanted(notice, token, waiting.listener)
            if params is not None:
                waiting.events.put_nowait(Notice(notice.method, params))

    def _alone(self) -> Waiting | None:
        """The one request under way, if the child can mean no other; not one of another owner that
        was given up and may still run.
        """
        if len(self._waiting) != 1 or (self._given_up and not self._able):
            return None
        return next(iter(self._waiting.values()))

    def _refuse(self, line: bytes, why: str) -> None:
        """A line that is no message. It is read loosely only to see whom it would have answered."""
        waiting = self._waiting.get(loose_id(line))
        if waiting is None:
            self._strikes += 1
        else:
            waiting.events.put_nowait(UpstreamFault(MALFORMED, why, may_have_happened=True))


class Return:
    """The way back to a child while a request is under way (`safeconduct.upstreams.asks`)."""

    def __init__(self, peer: Peer, waiting: Waiting) -> None:
        self._waiting = waiting
        self.tell = peer.tell
        self.post = peer.post

    def cut(self) -> None:
        fault = UpstreamFault(UNREACHABLE, "given up", may_have_happened=True)
        self._waiting.events.put_nowait(fault)
