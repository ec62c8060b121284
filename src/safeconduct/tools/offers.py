"""What upstreams offer, as each of them last said, pinned by the digest of its definition."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Mapping
from contextlib import contextmanager
from functools import partial
from typing import Final, NamedTuple, cast

import msgspec
import orjson

from safeconduct.config.schema import Config
from safeconduct.config.schema import Upstream as UpstreamBlock
from safeconduct.core.asks import EVERYTHING, Capability
from safeconduct.core.calls import TABLE, Subject
from safeconduct.core.canonical import NotCanonical, canonical, sha256
from safeconduct.core.manifest import Manifest
from safeconduct.core.mirrored import Path, of_definition
from safeconduct.core.model import Finding
from safeconduct.kit.aside import Aside
from safeconduct.kit.work import MOST, Work
from safeconduct.ports import (
    JSON,
    AskRefused,
    Broker,
    CredentialUnavailable,
    Errand,
    Inspector,
    Upstream,
    UpstreamError,
    UpstreamFault,
)
from safeconduct.tools.contents import described
from safeconduct.tools.scanning import scanned

NAMED_BY: Final[Mapping[Subject, str]] = {
    "tool": "name",
    "resource": "uri",
    "template": "uriTemplate",
    "prompt": "name",
}
"""By subject, the member of a definition that names it."""

_LISTED: Final[Mapping[Subject, tuple[str, str]]] = {
    row.subject: (method, row.lists) for (_, method), row in TABLE.items() if row.lists
}
"""By subject, the method that lists it, and the member of the result that holds the list."""

_CHANGES: Final[Mapping[Subject, str]] = {
    "tool": "tools",
    "resource": "resources",
    "template": "resources",
    "prompt": "prompts",
}
"""By subject, the list of which clients are told that it changed."""

METHOD_NOT_FOUND: Final = -32601

MAX_NAME: Final = 512
MAX_ITEMS: Final = 2_000
"""How many definitions of one subject an upstream may have."""

MAX_PAGES: Final = 50
MAX_BYTES: Final = 1 << 20
"""How long one definition may be: its canonical form is made in one go."""

LIST_S: Final = 20.0
"""How long one upstream may take to say all that it offers, in seconds."""

Pin = Callable[[str, str], Awaitable[str]]
"""Pins a digest to a target the first time, and returns the digest that is pinned."""

Tell = Callable[[str, str], None]
"""Takes an upstream, and which list of its offers changed."""

Key = tuple[Subject, str, str]
"""What is offered, by which upstream, under which name there."""


def target(key: Key) -> str:
    """How records name what a pin is for."""
    subject, where, name = key
    return f"{where}#{subject}s:{name}"


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One definition of an upstream, as it was last seen, and what was found in its texts. One in
    which something was found is not pinned by being seen: `pinned` is empty. `size` is how many
    bytes its canonical form has.
    """

    definition: JSON
    digest: str
    size: int
    pinned: str
    mirrored: dict[Path, str] = {}
    found: tuple[Finding, ...] = ()


class Offers:
    """Asks upstreams what they offer, and tells who watches when that changes.

    `known` is all that they offer; it is another mapping whenever it may hold something else.
    `unreachable` says which of them did not answer when last asked, and why.
    """

    def __init__(
        self,
        config: Config,
        upstreams: Mapping[str, Upstream],
        broker: Broker,
        inspector: Inspector | None = None,
    ) -> None:
        self._blocks: Mapping[str, UpstreamBlock] = config.root.upstreams
        self._manifests: Mapping[str, Manifest] = config.manifests
        self._upstreams = upstreams
        self._broker = broker
        self._inspector = inspector
        self._aside = Aside()
        self._watchers: list[Tell] = []
        self.known: Mapping[Key, Offer] = {}
        self.unreachable: dict[str, str] = {}

    async def refresh(self, pin: Pin) -> None:
        """Asks every upstream what it offers, all at once."""
        await asyncio.gather(*(self.refresh_one(where, pin) for where in self._upstreams))

    async def refresh_one(self, where: str, pin: Pin) -> None:
        """Asks one upstream what it offers and replaces what was known of it.

        One that does not answer keeps its last known offers, whose calls then fail by themselves.
        """
        try:
            async with asyncio.timeout(LIST_S):
                found = await self._offered(where, pin)
        except (
            UpstreamFault,
            UpstreamError,
            CredentialUnavailable,
            NotCanonical,
            TimeoutError,
        ) as error:
            self.unreachable[where] = f"{type(error).__name__}: {error}"
            return
        self.unreachable.pop(where, None)
        before = {key: offer for key, offer in self.known.items() if key[1] == where}
        others = {key: offer for key, offer in self.known.items() if key[1] != where}
        self.known = others | found
        changed = {
            key
            for key in before.keys() | found.keys()
            if _told(before.get(key)) != _told(found.get(key))
        }
        for what in sorted({_CHANGES[subject] for subject, _, _ in changed}):
            self.noticed(where, what)

    def noticed(self, where: str, what: str) -> None:
        """Tells who watches that an upstream says its `tools`, `resources` or `prompts` have
        changed: they may be what they were by now.
        """
        for tell in list(self._watchers):
            tell(where, what)

    def judged_anew(self, where: str) -> None:
        """What counts as reviewed of an upstream's tools has changed, and they have not."""
        self.known = dict(self.known)
        self.noticed(where, "tools")

    @contextmanager
    def watch(self, tell: Tell) -> Generator[None]:
        """While it lasts, `tell` is called with an upstream and `tools`, `resources` or `prompts`
        when what it offers of these has changed.
        """
        self._watchers.append(tell)
        try:
            yield
        finally:
            self._watchers.remove(tell)

    async def _offered(self, where: str, pin: Pin) -> dict[Key, Offer]:
        found: dict[Key, Offer] = {}
        work = Work(MOST)
        for subject, (method, member) in _LISTED.items():
            if subject != "tool" and not described(self._manifests[where], subject):
                continue
            try:
                listed = await self._list(where, method, member, NAMED_BY[subject])
            except UpstreamError as error:
                if subject == "tool" or error.code != METHOD_NOT_FOUND:
                    raise
                continue
            for name, definition in listed:
                seen = await self._aside.run(where, partial(_read, definition, method))
                known = self.known.get((subject, where, name))
                texts = (
                    known.found
                    if known is not None and known.digest == seen.digest
                    else await self._scanned(where, definition, work)
                )
                pinned = "" if texts else await pin(target((subject, where, name)), seen.digest)
                found[subject, where, name] = Offer(
                    definition=definition,
                    digest=seen.digest,
                    size=seen.size,
                    pinned=pinned,
                    mirrored=seen.mirrored,
                    found=texts,
                )
        return found

    async def _scanned(self, where: str, definition: JSON, work: Work) -> tuple[Finding, ...]:
        """What is found in a definition, looked for aside; each upstream has its turn."""
        if self._inspector is None:
            return ()
        return await self._aside.run(where, partial(scanned, definition, self._inspector, work))

    async def _list(
        self, where: str, method: str, member: str, named_by: str
    ) -> list[tuple[str, JSON]]:
        found: list[tuple[str, JSON]] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            result = await self._upstreams[where].request(
                method,
                {} if cursor is None else {"cursor": cursor},
                owner=f"{where}||",
                credential=await self._broker.credential(Errand(upstream=where, method=method)),
                timeout_s=float(self._blocks[where].timeout_s),
                listener=_Declares(self._blocks[where].asks.allowed(EVERYTHING)),
            )
            items = result.get(member)
            if not isinstance(items, list):
                raise _malformed(method)
            found += [_named(item, named_by, method) for item in cast("list[object]", items)]
            if len(found) > MAX_ITEMS:
                raise _malformed(method)
            cursor = result.get("nextCursor")
            if not isinstance(cursor, str):
                if len({name for name, _ in found}) != len(found):
                    raise _malformed(method)
                return found
        raise _malformed(method)


def _told(offer: Offer | None) -> object:
    """What there is to tell of an offer: of equal digests the definitions are equal."""
    return offer and (offer.digest, offer.pinned, offer.found)


class _Seen(NamedTuple):
    digest: str
    size: int
    mirrored: dict[Path, str]


def _read(definition: JSON, method: str) -> _Seen:
    """What a definition comes to. Of a large one that takes a second, so it is done aside. Raises
    NotCanonical, UpstreamFault.
    """
    if len(orjson.dumps(definition)) > MAX_BYTES:
        raise _malformed(method)
    written = canonical(definition)
    return _Seen(sha256(written), len(written), of_definition(definition))


class _Declares:
    """Says what clients could be asked here, as what an upstream offers may depend on it; nobody is
    there to be asked (`safeconduct.ports.Listener`).
    """

    modern = True
    wants_progress = False
    log_level: str | None = None

    def __init__(self, able: frozenset[Capability]) -> None:
        self.able = able

    async def notified(self, method: str, params: JSON) -> None:
        """Nothing that is said meanwhile is heard."""

    async def parted(self, retry_ms: int) -> None:
        """Nobody is there to be parted from."""

    async def asked(self, method: str, params: JSON) -> JSON:
        """Raises AskRefused."""
        raise AskRefused(METHOD_NOT_FOUND, "Method not found")


def _named(item: object, named_by: str, method: str) -> tuple[str, JSON]:
    """A definition and its name, without what an upstream says about itself in `_meta`."""
    definition = cast("JSON", item) if isinstance(item, dict) else {}
    name = definition.get(named_by)
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        raise _malformed(method)
    return name, {key: value for key, value in definition.items() if key != "_meta"}


def _malformed(method: str) -> UpstreamFault:
    return UpstreamFault("upstream-malformed", method, may_have_happened=False)
