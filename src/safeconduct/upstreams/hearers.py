"""Who listens for the notifications of one child, and what is subscribed to for them.

In the newer era each has a subscription of their own, whose notifications bear its id. In the older
era whatever a child says is for all who want it, and a resource is subscribed to once for all.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from typing import TYPE_CHECKING, Final

from safeconduct.core import calls
from safeconduct.ports import Begun, Heard, UpstreamFault, Wanted
from safeconduct.upstreams import messages, revisions, subscribed
from safeconduct.upstreams.messages import Answer, Notice

if TYPE_CHECKING:
    from safeconduct.upstreams.peer import Peer

_MAX_UNHEARD: Final = 64


class _Hearer:
    """What one of them wants, and what has come in."""

    def __init__(self, wanted: Wanted, begun: Begun) -> None:
        self.wanted = wanted
        self.begun = begun
        self.events: asyncio.Queue[Answer | Notice | UpstreamFault] = asyncio.Queue()


class Hearers:
    """Those who listen at one peer."""

    def __init__(self, peer: Peer) -> None:
        self._peer = peer
        self._hearers: dict[int, _Hearer] = {}
        self._uris: Counter[str] = Counter()
        self._turn = asyncio.Lock()

    async def listen(self, wanted: Wanted, heard: Heard, begun: Begun) -> None:
        """Pass on the notifications that are wanted until cancelled.

        Raises:
            UpstreamFault: the child refuses, ends it, or ends.
        """
        self._peer.check_usable()
        request_id = next(self._peer.ids)
        hearer = self._hearers[request_id] = _Hearer(wanted, begun)
        try:
            if self._peer.modern:
                await self._subscription(request_id, hearer, heard)
            else:
                await self._resources(hearer, heard)
        finally:
            del self._hearers[request_id]

    def told(self, notice: Notice) -> None:
        """Hand a notice to those who want it, as far as they keep up."""
        for request_id, hearer in self._hearers.items():
            if self._peer.modern and not subscribed.belongs(notice, request_id):
                continue
            if self._peer.modern and notice.method == calls.ACKNOWLEDGED:
                hearer.begun(subscribed.acknowledged(notice, hearer.wanted))
            params = subscribed.news(notice, hearer.wanted)
            if params is not None and hearer.events.qsize() < _MAX_UNHEARD:
                hearer.events.put_nowait(Notice(notice.method, params))

    def answered(self, request_id: int, answer: Answer) -> bool:
        """Whether an answer ends one of the subscriptions."""
        hearer = self._hearers.get(request_id)
        if hearer is not None:
            hearer.events.put_nowait(answer)
        return hearer is not None

    def end(self, fault: UpstreamFault) -> None:
        """The child is gone."""
        for hearer in self._hearers.values():
            again = UpstreamFault(fault.reason, fault.detail, may_have_happened=False)
            hearer.events.put_nowait(again)

    async def _subscription(self, request_id: int, hearer: _Hearer, heard: Heard) -> None:
        params = subscribed.listen_params(hearer.wanted)
        line = revisions.request(request_id, calls.LISTEN, params, modern=True)
        try:
            await self._peer.tell(line)
            await _passed_on(hearer, heard)
        finally:
            self._peer.give_up(request_id)
            self._peer.post(messages.cancellation(request_id))

    async def _resources(self, hearer: _Hearer, heard: Heard) -> None:
        counted: list[str] = []
        try:
            for uri in sorted(hearer.wanted.uris):
                async with self._turn:
                    if not self._uris[uri]:
                        answer = await self._peer.own(calls.SUBSCRIBE, {"uri": uri})
                        if answer.error is not None:
                            continue
                    self._uris[uri] += 1
                counted.append(uri)
            subscribed.check_begun(hearer.wanted, frozenset(counted))
            hearer.begun(frozenset(counted))
            await _passed_on(hearer, heard)
        finally:
            self._uris.subtract(counted)
            for uri in counted:
                if not self._uris[uri]:
                    self._unsubscribe(uri)

    def _unsubscribe(self, uri: str) -> None:
        del self._uris[uri]
        request_id = next(self._peer.ids)
        self._peer.give_up(request_id)  # nobody waits for the answer
        self._peer.post(messages.request(request_id, calls.UNSUBSCRIBE, {"uri": uri}))


async def _passed_on(hearer: _Hearer, heard: Heard) -> None:
    """Raises UpstreamFault when the subscription is over."""
    while isinstance(event := await hearer.events.get(), Notice):
        await heard(event.method, event.params)
    raise subscribed.ended(event) if isinstance(event, Answer) else event
