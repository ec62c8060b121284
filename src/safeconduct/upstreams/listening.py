"""Long-lived subscriptions to an upstream over HTTP.

In the newer era each is a stream of its own, which begins with an acknowledgement. In the older era
a session has one stream for all who listen in it: it is opened with the first of them, closed with
the last, and opened again when the upstream ends it, as it may at any time. A resource is
subscribed to once for all. What an upstream asks there is for the one call that runs in the session
and can be asked; where there is none, or several, nothing tells whose it is, and it is refused.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Generator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from typing import Final
from weakref import WeakKeyDictionary

from safeconduct.core import calls
from safeconduct.core.calls import MODERN
from safeconduct.ports import Begun, Heard, UpstreamFault, Wanted
from safeconduct.upstreams import messages, revisions, subscribed
from safeconduct.upstreams.asks import Asking
from safeconduct.upstreams.conversation import Conversation, StatusFault, is_stream
from safeconduct.upstreams.messages import Answer, Ask, Message, Notice
from safeconduct.upstreams.negotiation import Era, Negotiation, Session
from safeconduct.upstreams.outbound import Call, Courtesies, Head, tell
from safeconduct.upstreams.pace import Pace
from safeconduct.upstreams.stream import MessageStream, malformed
from safeconduct.upstreams.wire import UNREACHABLE, Exchange, Wire

OPEN_S: Final = 1.0
"""How long a call waits for the stream of its session, in seconds."""

_AGAIN_S: Final = 1.0
_MAX_ASKS: Final = 64  # on one stream
_OK: Final = 200
_NO_STREAM: Final = 405
_NO_SESSION: Final = 404


class _Hub:
    """Who needs the stream of one session, and what is subscribed to there.

    `opened` is set once it is known whether there is a stream, `silent` if there is none.
    """

    def __init__(self, session_id: str | None) -> None:
        self.session_id = session_id
        self.opened = asyncio.Event()
        self.silent = False
        self.held = 0
        self.calls: set[Asking] = set()
        self.hearers: dict[object, tuple[Wanted, Heard]] = {}
        self.uris: Counter[str] = Counter()
        self.reading: asyncio.Task[None] | None = None
        self.turn = asyncio.Lock()


class Listening:
    """The subscriptions at one upstream."""

    def __init__(
        self,
        wire: Wire,
        ids: Iterator[int],
        negotiation: Negotiation,
        courtesies: Courtesies,
        *,
        max_answer_bytes: int,
    ) -> None:
        self._wire = wire
        self._ids = ids
        self._negotiation = negotiation
        self._courtesies = courtesies
        self._max_answer_bytes = max_answer_bytes
        self._hubs: WeakKeyDictionary[Session, _Hub] = WeakKeyDictionary()

    async def run(self, call: Call, wanted: Wanted, heard: Heard, begun: Begun) -> None:
        """Pass on what is wanted until cancelled; the call's deadline is for the beginning, which
        `begun` is told of.

        Raises:
            UpstreamFault: it cannot be begun, or it ended.
            TimeoutError: it did not begin in time.
        """
        with call.deadline:
            era = await self._negotiation.era(call)
            if era is Era.STATELESS:
                await self._stateless(call, wanted, heard, begun)
            else:
                with self._negotiation.joined(call, era) as session:
                    await self._in_session(call, session, wanted, heard, begun)

    # --- the newer era ----------------------------------------------------------------------------

    async def _stateless(self, call: Call, wanted: Wanted, heard: Heard, begun: Begun) -> None:
        request_id = next(self._ids)
        asked = subscribed.listen_params(wanted)
        body = revisions.request(request_id, calls.LISTEN, asked, modern=True)
        head = call.head({"mcp-protocol-version": MODERN, "mcp-method": calls.LISTEN})
        # Leaving the exchange closes its stream, which is how this revision cancels.
        async with self._wire.post(head.of("POST", body), body) as exchange:
            if not is_stream(exchange):
                conversation = Conversation(request_id, max_bytes=self._max_answer_bytes)
                raise subscribed.ended(await conversation.hear(exchange))
            exchange.endless()
            stream = MessageStream(exchange, self._max_answer_bytes, pace=Pace())
            first = _notice(await stream.next(), request_id)
            if first.method != calls.ACKNOWLEDGED:
                raise malformed("a subscription that was not acknowledged")
            begun(subscribed.acknowledged(first, wanted))
            with call.deadline.paused():
                while True:
                    notice = _notice(await stream.next(), request_id)
                    params = subscribed.news(notice, wanted)
                    if params is not None:
                        await heard(notice.method, params)

    # --- the older era ----------------------------------------------------------------------------

    @asynccontextmanager
    async def during(self, session: Session, head: Head, asking: Asking) -> AsyncGenerator[None]:
        """Have a call hear what the upstream asks on the stream of its session, as long as no other
        call does. A stream that cannot be had is done without.
        """
        with self._held(session, head) as (hub, _):
            with suppress(TimeoutError):
                async with asyncio.timeout(OPEN_S):
                    await hub.opened.wait()
            hub.calls.add(asking)
            try:
                yield
            finally:
                hub.calls.discard(asking)

    @contextmanager
    def _held(self, session: Session, head: Head) -> Generator[tuple[_Hub, asyncio.Task[None]]]:
        """The stream of a session, which is read while somebody holds it."""
        hub = self._hubs.get(session)
        if hub is None or hub.session_id != session.id:
            hub = self._hubs[session] = _Hub(session.id)
        if hub.reading is None or hub.reading.done():
            hub.opened = asyncio.Event()
            hub.reading = asyncio.create_task(self._read(hub, hub.opened, session, head))
            hub.reading.add_done_callback(_seen)
        reading = hub.reading
        hub.held += 1
        try:
            yield hub, reading
        finally:
            hub.held -= 1
            if not hub.held:
                hub.reading.cancel()
                hub.reading = None

    async def _in_session(
        self, call: Call, session: Session, wanted: Wanted, heard: Heard, begun: Begun
    ) -> None:
        await self._negotiation.open(call, session)
        head = call.head(session.headers())
        me, counted = object(), list[str]()
        with self._held(session, head) as (hub, reading):
            hub.hearers[me] = wanted, heard
            try:
                async with hub.turn:
                    for uri in sorted(wanted.uris):
                        if hub.uris[uri] or await self._own(head, calls.SUBSCRIBE, uri):
                            hub.uris[uri] += 1
                            counted.append(uri)
                subscribed.check_begun(wanted, frozenset(counted))
                begun(frozenset(counted))
                with call.deadline.paused():
                    await asyncio.wait([reading])
                reading.result()
            except StatusFault as fault:
                if fault.status == _NO_SESSION and hub.session_id is not None:
                    session.lose(hub.session_id)
                raise
            finally:
                del hub.hearers[me]
                hub.uris.subtract(counted)
                if counted:
                    self._courtesies.add(self._unsubscribe(hub, head, counted))

    async def _own(self, head: Head, method: str, uri: str) -> bool:
        """Whether the upstream agrees."""
        request_id = next(self._ids)
        conversation = Conversation(request_id, max_bytes=self._max_answer_bytes)
        body = messages.request(request_id, method, {"uri": uri})
        async with self._wire.post(head.of("POST", body), body) as exchange:
            return (await conversation.hear(exchange)).error is None

    async def _unsubscribe(self, hub: _Hub, head: Head, uris: list[str]) -> None:
        """Unsubscribe from what nobody wants any more when it is this one's turn."""
        async with hub.turn:
            for uri in uris:
                if not hub.uris[uri]:
                    del hub.uris[uri]
                    await self._own(head, calls.UNSUBSCRIBE, uri)

    async def _read(self, hub: _Hub, opened: asyncio.Event, session: Session, head: Head) -> None:
        """Read the stream of a session, again and again."""
        try:
            while not hub.silent:
                async with self._wire.get(head.of("GET")) as exchange:
                    opened.set()
                    hub.silent = exchange.status == _NO_STREAM
                    if hub.silent:
                        break
                    await self._tell(hub, self._stream(exchange), head)
                await asyncio.sleep(_AGAIN_S)
                if session.id != hub.session_id:
                    detail = "the session ended"
                    raise UpstreamFault(UNREACHABLE, detail, may_have_happened=False)
        finally:
            opened.set()
        await asyncio.Event().wait()  # there is nothing to hear

    def _stream(self, exchange: Exchange) -> MessageStream:
        """The messages of a response. Raises UpstreamFault: there are none."""
        if exchange.status != _OK:
            raise StatusFault(exchange.status, may_have_happened=False)
        if not is_stream(exchange):
            raise malformed("no event stream")
        exchange.endless()
        return MessageStream(exchange, self._max_answer_bytes, pace=Pace())

    async def _tell(self, hub: _Hub, stream: MessageStream, head: Head) -> None:
        """Tell everybody what they want of one stream, until it ends."""
        asks = 0
        while (message := await stream.next()) is not None:
            if isinstance(message, Notice):
                await _noticed(hub, message)
            elif isinstance(message, Ask) and len(hub.calls) == 1:
                for asking in hub.calls:
                    asking.take_aside(message)
            elif isinstance(message, Ask) and asks < _MAX_ASKS:
                asks += 1
                self._courtesies.add(tell(self._wire, head, messages.unheard(message)))
            else:
                raise malformed("what belongs on no stream of a session")


async def _noticed(hub: _Hub, notice: Notice) -> None:
    if notice.method == calls.CANCELLED:
        for asking in hub.calls:
            asking.cancelled(notice.params)
    for wanted, heard in list(hub.hearers.values()):
        params = subscribed.news(notice, wanted)
        if params is not None:
            await heard(notice.method, params)


def _seen(task: asyncio.Task[None]) -> None:
    """See the exception of a stream to which nobody listens any more."""
    if not task.cancelled():
        task.exception()


def _notice(message: Message | None, request_id: int) -> Notice:
    """A notice of the subscription that a request has begun. Raises UpstreamFault: it is none."""
    if isinstance(message, Notice) and subscribed.belongs(message, request_id):
        return message
    if message is None or (isinstance(message, Answer) and message.id == request_id):
        raise subscribed.ended(message)
    raise malformed("what belongs to no subscription")
