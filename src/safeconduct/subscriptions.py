"""Long-lived notifications: what a task hears of changes, for as long as it may.

A subscription to a resource is a call: it takes steps 1 to 5 and is on record. What comes of it
later carries no text of an upstream, only the name of what changed, which the task knows already.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import partial
from typing import Final

import msgspec

from safeconduct.core.calls import LIST_CHANGED, SUBSCRIBE, UPDATED
from safeconduct.core.verdict import Permit
from safeconduct.facts import FactFinder
from safeconduct.gateway import Gateway
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
from safeconduct.recorder import Recorder
from safeconduct.resolvers import owner_of

TICK_S: Final = 0.5
"""How often a subscription looks whether its task is still alive, in seconds."""

MAX_URIS: Final = 64
"""How many resources one subscription may be for; further ones are not agreed to."""

Source = Callable[[Heard], Coroutine[object, object, None]]
"""Listens at one upstream, until it ends that."""

Watch = Callable[[Callable[[str], None]], AbstractContextManager[None]]


class _Agreed(msgspec.Struct, frozen=True):
    """A resource that a task may hear of: what it is called upstream and on the wire."""

    upstream: str
    uri: str
    wire_uri: str
    owner: str
    errand: Errand


class Subscription:
    """What was agreed to (`wanted`, with the names on the wire), and how it is heard."""

    def __init__(
        self,
        wanted: Wanted,
        sources: Sequence[Source],
        watch: Watch,
        over: Callable[[], bool],
    ) -> None:
        self.wanted = wanted
        self._sources = sources
        self._watch = watch
        self._over = over
        # What is to be told, each thing once: a slow reader costs no more than that.
        self._pending: dict[tuple[str, str], JSON] = {}
        self._wake = asyncio.Event()

    async def run(self, heard: Heard) -> None:
        """Tells what changes, until the task is over or an upstream ends it."""
        sources = [asyncio.create_task(source(self._updated)) for source in self._sources]
        for source in sources:
            source.add_done_callback(lambda _: self._wake.set())
        try:
            with self._watch(self._changed):
                while not self._over() and not any(source.done() for source in sources):
                    await self._tell(heard)
        finally:
            for source in sources:
                source.cancel()
            await asyncio.gather(*sources, return_exceptions=True)

    async def _tell(self, heard: Heard) -> None:
        """Waits for news for a moment, and passes them on."""
        try:
            async with asyncio.timeout(TICK_S):
                await self._wake.wait()
        except TimeoutError:
            return
        self._wake.clear()
        while self._pending and not self._over():
            (method, _), params = next(iter(self._pending.items()))
            del self._pending[method, _]
            await heard(method, params)

    async def _updated(self, method: str, params: JSON) -> None:
        self._note(method, params)

    def _changed(self, kind: str) -> None:
        if getattr(self.wanted, kind):
            self._note(LIST_CHANGED[kind], {})

    def _note(self, method: str, params: JSON) -> None:
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

    async def agree(
        self, who: Caller | Bearer, upstream: str | None, wanted: Wanted
    ) -> Subscription:
        """A subscription to all of `wanted` that the caller's task may have.

        Raises:
            Unauthenticated: the caller holds no valid task token.
            NotRecorded: the log is not available.
        """
        bearer = self._facts.bearer(who)
        agreed: list[_Agreed] = []
        for wire_uri in sorted(wanted.uris)[:MAX_URIS]:
            one = await self._agreed(bearer, upstream, wire_uri)
            agreed += [] if one is None else [one]
        by_upstream: dict[str, list[_Agreed]] = {}
        for one in agreed:
            by_upstream.setdefault(one.upstream, []).append(one)
        return Subscription(
            msgspec.structs.replace(wanted, uris=frozenset(one.wire_uri for one in agreed)),
            [partial(self._listen, bearer, where, ones) for where, ones in by_upstream.items()],
            self._watch,
            partial(self._gateway.over, bearer),
        )

    async def _agreed(self, bearer: Bearer, upstream: str | None, wire_uri: str) -> _Agreed | None:
        gather = partial(self._facts.gather, bearer, SUBSCRIBE, upstream, wire_uri, {})
        made = await self._gateway.judged(bearer, gather)
        if not isinstance(made.decision.verdict, Permit):
            return None
        await self._recorder.passed(made)
        call, gathered = made.call, made.gathered
        errand = Errand.of(call, gathered)
        return _Agreed(call.upstream, call.name, wire_uri, owner_of(gathered), errand)

    async def _listen(
        self, bearer: Bearer, where: str, agreed: Sequence[_Agreed], heard: Heard
    ) -> None:
        wire_uris = {one.uri: one.wire_uri for one in agreed}

        async def passed_on(method: str, params: JSON) -> None:
            wire_uri = wire_uris.get(str(params.get("uri")))
            if method == UPDATED and wire_uri is not None:
                await heard(UPDATED, {"uri": wire_uri})

        try:
            await self._upstreams[where].listen(
                Wanted(uris=frozenset(wire_uris)),
                owner=agreed[0].owner,
                credential=await self._broker.credential(agreed[0].errand),
                heard=passed_on,
            )
        except (UpstreamFault, CredentialUnavailable):
            return  # the subscription ends, and whoever still wants it asks anew
