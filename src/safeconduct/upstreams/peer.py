"""Many JSON-RPC requests at once over one child's pipes, and the negotiation that comes first.

What a child may write, and what becomes of it:

- the answer to a request under way: delivered, once. A late answer to one that was given up is
  ignored; any other answer is a strike;
- an answer that strict JSON refuses: malformed, for the request that it names;
- progress for a request of ours: handed on, within a bound; other notifications: ignored;
- a request: a ping is answered, all else refused with "method not found" (the stateless revision
  forbids requests: there it is a strike);
- a line that is no message, such as a banner: a strike. After too many strikes between two good
  answers the child is taken for broken, and all requests under way are malformed.
"""

from __future__ import annotations

import asyncio
import itertools
import json
from collections import OrderedDict
from collections.abc import Callable
from typing import Final, cast

from safeconduct.ports import JSON, OnProgress, UpstreamFault
from safeconduct.upstreams import messages, revisions
from safeconduct.upstreams.child import Child, LineTooLong
from safeconduct.upstreams.messages import Answer, Ask, Malformed, Notice
from safeconduct.upstreams.wire import MALFORMED, REJECTED, UNREACHABLE

_MAX_STRIKES: Final = 100
_MAX_UNHEARD: Final = 64
_MAX_GIVEN_UP: Final = 1024
_PROBE_S: Final = 5.0

_Event = Answer | JSON | UpstreamFault


class Peer:
    """The other end of one child's pipes. `fault` is why it can be used no more."""

    def __init__(self, child: Child, max_bytes: int, on_end: Callable[[Peer], None]) -> None:
        """`on_end` is called once, when the child ends or breaks the rules by itself."""
        self.child = child
        self.fault: UpstreamFault | None = None
        self._on_end = on_end
        self._max_bytes = max_bytes
        self._modern = False
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Queue[_Event]] = {}
        self._given_up: OrderedDict[int, None] = OrderedDict()
        self._strikes = 0
        self._reading = asyncio.create_task(self._read())

    async def negotiate(self, *, probe: bool) -> None:
        """Find the era; without `probe` only the older one is tried.

        Raises:
            UpstreamFault: there is no common revision, or the child ended.
        """
        if probe and await self._discovered():
            self._modern = True
            return
        answer = await self._own("initialize", revisions.initialize_params())
        if answer.error is not None and revisions.answers_modern(answer.error):
            self._modern = True  # it was only slow to answer the probe
            return
        if answer.error is not None:
            detail = f"initialize was refused with error {answer.error.code}"
            raise UpstreamFault(REJECTED, detail, may_have_happened=False)
        revisions.agreed(answer.result or {})
        await self._tell(messages.notification(messages.INITIALIZED, {}))

    async def request(
        self, method: str, params: JSON, on_progress: OnProgress | None, sent: asyncio.Event
    ) -> Answer:
        """Send a request and wait for its answer; `sent` is set before a byte may leave.

        Raises:
            UpstreamFault: there will be no usable answer.
        """
        request_id = next(self._ids)
        token = request_id if on_progress is not None else None
        line = revisions.request(
            request_id, method, params, modern=self._modern, progress_token=token
        )
        answered = False
        try:
            answer = await self._exchange(request_id, line, on_progress, sent)
            answered = True
            return answer
        except UpstreamFault:
            answered = True
            raise
        finally:
            if not answered and self.fault is None:  # late, cancelled, or progress not passed on
                self._give_up(request_id)
                self._post(messages.cancellation(request_id))

    async def stop(self) -> None:
        """End the child; what is under way fails."""
        self._end(UpstreamFault(UNREACHABLE, "stopped", may_have_happened=True))
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)
        await self.child.stop()

    # --- asking -------------------------------------------------------------------------------

    async def _exchange(
        self,
        request_id: int,
        line: bytes,
        on_progress: OnProgress | None,
        sent: asyncio.Event,
    ) -> Answer:
        if self.fault is not None:
            raise UpstreamFault(self.fault.reason, self.fault.detail, may_have_happened=False)
        if self.child.clogged:
            detail = "the process does not read"
            raise UpstreamFault("upstream-busy", detail, may_have_happened=False)
        events: asyncio.Queue[_Event] = asyncio.Queue()
        self._waiting[request_id] = events
        try:
            sent.set()
            await self._tell(line)
            while True:
                event = await events.get()
                if isinstance(event, Answer):
                    _check_only(events)
                    return event
                if isinstance(event, UpstreamFault):
                    raise event
                if on_progress is not None:
                    await on_progress(event)
        finally:
            del self._waiting[request_id]

    async def _tell(self, line: bytes) -> None:
        try:
            await self.child.write(line)
        except OSError as error:
            detail = f"cannot write to the process: {type(error).__name__}"
            raise UpstreamFault(UNREACHABLE, detail, may_have_happened=True) from None

    async def _own(self, method: str, params: JSON) -> Answer:
        """Ask something of our own, which must not be cancelled."""
        request_id = next(self._ids)
        line = messages.request(request_id, method, params)
        try:
            return await self._exchange(request_id, line, None, asyncio.Event())
        except BaseException:
            self._give_up(request_id)
            raise

    async def _discovered(self) -> bool:
        try:
            async with asyncio.timeout(_PROBE_S):
                answer = await self._own("server/discover", revisions.with_meta({}, modern=True))
        except TimeoutError:
            return False  # a server of the older era may ignore what it does not know
        if answer.error is not None:
            revisions.check_common(answer.error)
        return answer.result is not None and revisions.offers_modern(answer.result)

    def _give_up(self, request_id: int) -> None:
        self._given_up[request_id] = None
        if len(self._given_up) > _MAX_GIVEN_UP:
            self._given_up.popitem(last=False)

    def _post(self, line: bytes) -> None:
        """Write something that nobody waits for, if the child reads at all."""
        if not self.child.clogged:
            self.child.post(line)

    # --- reading ------------------------------------------------------------------------------

    async def _read(self) -> None:
        fault = UpstreamFault(UNREACHABLE, "the process ended", may_have_happened=True)
        try:
            async for line in self.child.lines():
                self._take(line)
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
            for events in self._waiting.values():
                events.put_nowait(UpstreamFault(fault.reason, fault.detail, may_have_happened=True))

    def _take(self, line: bytes) -> None:
        try:
            message = messages.read(line, self._max_bytes)
        except Malformed as error:
            self._refuse(line, str(error))
            return
        if isinstance(message, Answer):
            self._answered(message)
        elif isinstance(message, Ask):
            if self._modern:
                self._strikes += 1
            else:
                self._post(messages.reply_to(message))
        else:
            self._noticed(message)

    def _answered(self, answer: Answer) -> None:
        request_id = answer.id if type(answer.id) is int else 0
        events = self._waiting.get(request_id)
        if events is not None:
            events.put_nowait(answer)
            self._strikes = 0
        elif request_id in self._given_up:
            del self._given_up[request_id]
        else:
            self._strikes += 1

    def _noticed(self, notice: Notice) -> None:
        token = notice.params.get("progressToken")
        events = self._waiting.get(token) if type(token) is int else None
        if type(token) is int and events is not None and events.qsize() < _MAX_UNHEARD:
            progress = messages.progress_of(notice, token)
            if progress is not None:
                events.put_nowait(progress)

    def _refuse(self, line: bytes, why: str) -> None:
        """A line that is no message. It is read loosely only to see whom it would have answered."""
        events = self._waiting.get(_loose_id(line))
        if events is None:
            self._strikes += 1
        else:
            events.put_nowait(UpstreamFault(MALFORMED, why, may_have_happened=True))


def _check_only(events: asyncio.Queue[_Event]) -> None:
    """Refuse two answers at once: to take the first would let the child choose which one counts."""
    while not events.empty():
        if isinstance(events.get_nowait(), Answer):
            raise UpstreamFault(MALFORMED, "a second answer", may_have_happened=True)


def _loose_id(line: bytes) -> int:
    """The id that a bad answer seems to carry, or 0, which is no request's."""
    try:
        value = json.loads(line, parse_int=lambda digits: int(digits) if len(digits) < 16 else 0)
    except (ValueError, RecursionError):
        return 0
    answered = cast("JSON", value).get("id") if isinstance(value, dict) else 0
    return answered if type(answered) is int else 0
