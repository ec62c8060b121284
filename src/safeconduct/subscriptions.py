"""Long-lived notifications: what a task hears of changes, for as long as it may.

A subscription to a resource is a call: it takes steps 1 to 5 and is on record. What comes of it
later carries no text of an upstream, only the name of what changed, which the task knows already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from hashlib import sha256
from typing import Final

import msgspec

from safeconduct.core.calls import LIST_CHANGED, SUBSCRIBE, UPDATED
from safeconduct.core.verdict import Permit
from safeconduct.facts import FactFinder
from safeconduct.gateway import Gateway
from safeconduct.hearing import Places
from safeconduct.ports import (
    JSON,
    Bearer,
    Broker,
    Caller,
    CredentialUnavailable,
    Errand,
    Heard,
    Upstream,
    UpstreamFault,
    Wanted,
)
from safeconduct.recorder import Made, Recorder
from safeconduct.resolvers import owner_of

TICK_S: Final = 0.5
"""How often a subscription looks whether its task is still alive, in seconds."""

MAX_URIS: Final = 64
"""How many resources one subscription may be for; further ones are not agreed to."""

MAX_LISTENING: Final = 1_024
MAX_LISTENING_OF_AGENT: Final = 128
MAX_LISTENING_OF_TASK: Final = 64
"""How many subscriptions may be under way with upstreams at once. An agent has at most half of what
one upstream serves, so that it keeps nobody else from hearing.
"""

BEGIN_S: Final = 30.0
"""How long an upstream may take to agree, in seconds."""

Watch = Callable[[Callable[[str, str], None]], AbstractContextManager[None]]

_LISTS: Final[Mapping[str, Sequence[str]]] = {
    "tools": ("tools/list",),
    "prompts": ("prompts/list",),
    "resources": ("resources/list", "resources/templates/list"),
}
"""By kind, the methods that list it."""


class _Asked(msgspec.Struct, frozen=True):
    """A resource that a task may hear of, as it was decided, and what it is called on the wire."""

    made: Made
    wire_uri: str


class Sight:
    """What a task sees of upstreams, by kind. It is told of a change that it could see for itself,
    also of one that is over when it looks if nothing was or is hidden from it, and of none to what
    it cannot see.
    """

    def __init__(self, gateway: Gateway, bearer: Bearer, upstreams: Collection[str]) -> None:
        self._gateway = gateway
        self._bearer = bearer
        self._upstreams = upstreams
        # What it saw last, and whether that was all there was.
        self._seen: dict[tuple[str, str], tuple[bytes, bool]] = {}

    async def begin(self, wanted: Wanted) -> None:
        """Looks at everything that is wanted."""
        for kind in _LISTS:
            for where in self._upstreams if getattr(wanted, kind) else ():
                await self.changed(where, kind)

    async def changed(self, where: str, kind: str) -> bool:
        """Looks; whether what the task sees may be other than when last looked."""
        if where not in self._upstreams:
            return False
        gateway, bearer, methods = self._gateway, self._bearer, _LISTS[kind]
        lists = [await gateway.visible(bearer, method, where) for method in methods]
        now = sha256(msgspec.json.encode(lists)).digest()
        hidden = any(gateway.hides(bearer, method, where) for method in methods)
        whole = any(lists) and not hidden
        before, was_whole = self._seen.get((where, kind), (b"", False))
        self._seen[where, kind] = (now, whole)
        return before != now or (whole and was_whole)


class Subscription:
    """What was agreed to (`wanted`, with the names on the wire), and how it is heard."""

    def __init__(
        self,
        wanted: Wanted,
        watch: Watch,
        over: Callable[[], bool],
        changed: Callable[[str, str], Awaitable[bool]],
    ) -> None:
        """`changed` says whether the task may see another list, of an upstream and a kind."""
        self.wanted = wanted
        self.over = over
        self._sources: list[asyncio.Task[str]] = []
        self._closed = False
        self._watch = watch
        self._sees_changed = changed
        self._changes: dict[tuple[str, str], None] = {}
        # What is to be told, each thing once: a slow reader costs no more than that.
        self._pending: dict[tuple[str, str], JSON] = {}
        self._wake = asyncio.Event()

    def heard_from(self, source: asyncio.Task[str]) -> None:
        """An upstream has agreed; what is heard ends with the first of these that ends."""
        self._sources.append(source)
        source.add_done_callback(lambda _: self._wake.set())
        if self._closed:
            source.cancel()

    async def run(self, heard: Heard) -> None:
        """Tells what changes, until the task is over or an upstream ends it."""
        try:
            with self._watch(self._changed):
                while not self.over() and not any(one.done() for one in self._sources):
                    await self._tell(heard)
        finally:
            self.close()
            await asyncio.gather(*self._sources, return_exceptions=True)

    def close(self) -> None:
        """Listens no more."""
        self._closed = True
        for source in self._sources:
            source.cancel()

    async def _tell(self, heard: Heard) -> None:
        """Waits for news for a moment, and passes them on."""
        try:
            async with asyncio.timeout(TICK_S):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()
        while self._changes:
            where, kind = next(iter(self._changes))
            del self._changes[where, kind]
            if await self._sees_changed(where, kind):
                self.note(LIST_CHANGED[kind], {})
        while self._pending and not self.over():
            (method, _), params = next(iter(self._pending.items()))
            del self._pending[method, _]
            await heard(method, params)

    def _changed(self, where: str, kind: str) -> None:
        if getattr(self.wanted, kind):
            self._changes[where, kind] = None
            self._wake.set()

    def note(self, method: str, params: JSON) -> None:
        """Something is to be told."""
        self._pending[method, params.get("uri", "")] = params
        self._wake.set()


class Subscriptions:
    """Agrees to subscriptions."""

    def __init__(
        self,
        gateway: Gateway,
        recorder: Recorder,
        broker: Broker,
        upstreams: Mapping[str, Upstream],
        watch: Watch,
    ) -> None:
        self._gateway = gateway
        self._facts: FactFinder = gateway.facts
        self._recorder = recorder
        self._broker = broker
        self._upstreams = upstreams
        self._watch = watch
        self._listening = Places(
            "upstream-busy",
            of_task=MAX_LISTENING_OF_TASK,
            of_agent=MAX_LISTENING_OF_AGENT,
            in_all=MAX_LISTENING,
        )

    async def agree(
        self, who: Caller | Bearer, upstream: str | None, wanted: Wanted
    ) -> Subscription:
        """A subscription to all of `wanted` that the caller's task may have and upstreams agree to.
        It is to be run, or closed.

        Raises:
            Unauthenticated: the caller holds no valid task token.
            NotRecorded: the log is not available.
        """
        bearer = self._facts.bearer(who)
        asked: dict[str, list[_Asked]] = {}
        for wire_uri in sorted(wanted.uris)[:MAX_URIS]:
            gather = partial(self._facts.gather, bearer, SUBSCRIBE, upstream, wire_uri, {})
            made = await self._gateway.judged(bearer, gather)
            if isinstance(made.decision.verdict, Permit):
                asked.setdefault(made.call.upstream, []).append(_Asked(made, wire_uri))
        over = partial(self._gateway.over, bearer)
        sight = Sight(self._gateway, bearer, self._upstreams if upstream is None else {upstream})
        await sight.begin(wanted)
        subscription = Subscription(wanted, self._watch, over, sight.changed)
        try:
            begun = await asyncio.gather(
                *(self._begun(subscription, where, ones) for where, ones in asked.items())
            )
        except BaseException:
            subscription.close()
            raise
        uris = frozenset[str]().union(*begun)
        subscription.wanted = msgspec.structs.replace(wanted, uris=uris)
        return subscription

    async def _begun(
        self, subscription: Subscription, where: str, asked: Sequence[_Asked]
    ) -> frozenset[str]:
        """Has an upstream asked, and puts on record what it agrees to; the names on the wire."""
        agreed: asyncio.Future[frozenset[str]] = asyncio.get_running_loop().create_future()
        source = asyncio.create_task(self._listen(subscription, where, asked, agreed))
        try:
            await asyncio.wait(
                (agreed, source), timeout=BEGIN_S, return_when=asyncio.FIRST_COMPLETED
            )
        except asyncio.CancelledError:
            source.cancel()
            for one in asked:
                await asyncio.shield(self._recorder.ended(one.made, "cancelled", "cancelled"))
            raise
        if agreed.done():
            uris, reason = agreed.result(), "upstream-rejected"
            subscription.heard_from(source)
        else:
            uris, reason = frozenset[str](), "upstream-timeout"
            reason = source.result() if source.done() else reason
            source.cancel()
        for one in asked:
            if one.made.call.name in uris:
                await self._recorder.passed(one.made)
            else:
                await self._recorder.ended(one.made, reason)
        return frozenset(one.wire_uri for one in asked if one.made.call.name in uris)

    async def _listen(
        self,
        subscription: Subscription,
        where: str,
        asked: Sequence[_Asked],
        agreed: asyncio.Future[frozenset[str]],
    ) -> str:
        """Listens at an upstream until it ends that; the reason."""
        wire_uris = {one.made.call.name: one.wire_uri for one in asked}
        call, gathered = asked[0].made.call, asked[0].made.gathered

        async def passed_on(method: str, params: JSON) -> None:
            wire_uri = wire_uris.get(str(params.get("uri")))
            if method == UPDATED and wire_uri is not None:
                subscription.note(UPDATED, {"uri": wire_uri})

        def begun(uris: frozenset[str]) -> None:
            if not agreed.done():
                agreed.set_result(uris)

        if subscription.over():
            return "task-revoked"
        try:
            with self._listening.place(gathered.task.id, gathered.agent.id):
                await self._upstreams[where].listen(
                    Wanted(uris=frozenset(wire_uris)),
                    owner=owner_of(gathered),
                    credential=await self._broker.credential(Errand.of(call, gathered)),
                    heard=passed_on,
                    begun=begun,
                )
        except UpstreamFault as fault:
            return fault.reason
        except CredentialUnavailable:
            return "credential-unavailable"
        return "upstream-rejected"
