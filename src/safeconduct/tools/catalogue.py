"""The catalogue of everything that upstreams offer, pinned by the digest of its definition.

A definition is pinned the first time it is seen. It counts as reviewed only where the manifest
names exactly that digest; a definition that is no longer the pinned one is refused (a "rug pull").
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Final, cast

import msgspec

from safeconduct.config.schema import Config
from safeconduct.config.schema import Upstream as UpstreamBlock
from safeconduct.core import naming
from safeconduct.core.asks import EVERYTHING, Capability
from safeconduct.core.calls import TABLE
from safeconduct.core.canonical import NotCanonical, digest
from safeconduct.core.labels import WORST, Confidentiality, Label
from safeconduct.core.manifest import (
    Argument,
    ContentManifest,
    Effect,
    Manifest,
    Resolver,
    Returns,
    Sink,
    ToolManifest,
    clearance,
    source_label,
)
from safeconduct.core.mirrored import Path, of_definition
from safeconduct.core.model import PinState, ToolFacts
from safeconduct.ports import (
    JSON,
    AskRefused,
    Broker,
    CredentialUnavailable,
    Upstream,
    UpstreamError,
    UpstreamFault,
)

LISTS: Final = {
    "tools": ("tools/list", "tools", "name"),
    "resources": ("resources/list", "resources", "uri"),
    "templates": ("resources/templates/list", "resourceTemplates", "uriTemplate"),
    "prompts": ("prompts/list", "prompts", "name"),
}
"""By kind: the method that lists it, the member that holds the list, and the member that names."""

KINDS: Final = {
    "tool": "tools",
    "resource": "resources",
    "template": "templates",
    "prompt": "prompts",
}

_KIND_OF: Final = {
    method: KINDS[row.subject]
    for (direction, method), row in TABLE.items()
    if direction == "from-client" and row.subject in KINDS
}
"""The kind of thing that a method of the page is about."""

_BY_URI: Final = frozenset({"resources", "templates"})

MAX_ITEMS: Final = 2_000
"""How many definitions of one kind an upstream may have."""

METHOD_NOT_FOUND: Final = -32601

MAX_PAGES: Final = 50
LIST_S: Final = 20.0
"""How long one upstream may take to say all that it offers, in seconds."""

UNREVIEWED: Final = "Nobody has reviewed this tool's definition yet."
ANY_OBJECT: Final[JSON] = {"type": "object"}

_FREE: Final = re.compile(r"(?!.*\.\.)[A-Za-z0-9._~/:@!$&'()*+,;=?-]*")
"""What may follow a resource's listed prefix: no dot segments, escapes, controls or backslashes."""

_ARGUMENT: Final = re.compile(r"[A-Za-z0-9_.-]{1,64}")

MAX_NAME: Final = 512

Pin = Callable[[str, str], Awaitable[str]]
"""Pins a digest to a target the first time, and returns the digest that is pinned."""


class Offer(msgspec.Struct, frozen=True, kw_only=True):
    """One definition of an upstream, as it was last seen."""

    definition: JSON
    digest: str
    pinned: str
    mirrored: dict[Path, str] = {}


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


class Catalogue:
    """What upstreams offer (`safeconduct.ports.Catalogue`)."""

    def __init__(self, config: Config, upstreams: Mapping[str, Upstream], broker: Broker) -> None:
        self._blocks: Mapping[str, UpstreamBlock] = config.root.upstreams
        self.manifests: Mapping[str, Manifest] = config.manifests
        self._upstreams = upstreams
        self._broker = broker
        self._offers: dict[tuple[str, str, str], Offer] = {}
        self._facts: dict[tuple[str, str, str], ToolFacts] = {}
        self._watchers: list[Callable[[str], None]] = []
        self.unreachable: dict[str, str] = {}

    async def refresh(self, pin: Pin) -> None:
        """Asks every upstream what it offers, all at once.

        `unreachable` says which of them did not answer, and why.
        """
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
        known = {key: offer for key, offer in self._offers.items() if key[1] == where}
        for key in known:
            del self._offers[key]
        self._offers.update(found)
        self._facts.clear()
        changed = {
            key[0] for key in known.keys() | found.keys() if known.get(key) != found.get(key)
        }
        for kind in sorted({"resources" if kind == "templates" else kind for kind in changed}):
            self.noticed(kind)

    def noticed(self, kind: str) -> None:
        """Tells who watches that an upstream says its offers of a kind have changed: they may be
        what they were by now.
        """
        for tell in list(self._watchers):
            tell(kind)

    @contextmanager
    def watch(self, tell: Callable[[str], None]) -> Generator[None]:
        """While it lasts, `tell` is called with `tools`, `resources` or `prompts` when what some
        upstream offers of these has changed.
        """
        self._watchers.append(tell)
        try:
            yield
        finally:
            self._watchers.remove(tell)

    async def _offered(self, where: str, pin: Pin) -> dict[tuple[str, str, str], Offer]:
        found: dict[tuple[str, str, str], Offer] = {}
        for kind in LISTS:
            if kind != "tools" and not self._reviewed(where, kind):
                continue
            try:
                listed = await self._list(where, kind)
            except UpstreamError as error:
                if kind == "tools" or error.code != METHOD_NOT_FOUND:
                    raise
                listed = []
            for name, definition in listed:
                seen = digest(definition)
                pinned = await pin(f"{where}#{kind}:{name}", seen)
                found[kind, where, name] = Offer(
                    definition=definition,
                    digest=seen,
                    pinned=pinned,
                    mirrored=of_definition(definition),
                )
        return found

    def _reviewed(self, where: str, kind: str) -> Mapping[str, ContentManifest]:
        """What a reviewer says of an upstream's prompts, or of its resources."""
        manifest = self.manifests[where]
        return manifest.prompts if kind == "prompts" else manifest.resources

    async def _list(self, where: str, kind: str) -> list[tuple[str, JSON]]:
        method, member, naming = LISTS[kind]
        found: list[tuple[str, JSON]] = []
        cursor: str | None = None
        for _ in range(MAX_PAGES):
            result = await self._upstreams[where].request(
                method,
                {} if cursor is None else {"cursor": cursor},
                owner=f"{where}||",
                credential=await self._broker.credential(where, ""),
                timeout_s=float(self._blocks[where].timeout_s),
                listener=_Declares(self._blocks[where].asks.allowed(EVERYTHING)),
            )
            items = result.get(member)
            if not isinstance(items, list):
                raise UpstreamFault("upstream-malformed", method, may_have_happened=False)
            found += [_named(item, naming, method) for item in cast("list[object]", items)]
            if len(found) > MAX_ITEMS:
                raise UpstreamFault("upstream-malformed", method, may_have_happened=False)
            cursor = result.get("nextCursor")
            if not isinstance(cursor, str):
                names = [name for name, _ in found]
                if len(set(names)) != len(names):
                    raise UpstreamFault("upstream-malformed", method, may_have_happened=False)
                return found
        raise UpstreamFault("upstream-malformed", method, may_have_happened=False)

    # --- what the page asks -----------------------------------------------------------------------

    def locate(self, method: str, wire_name: str, upstream: str | None) -> tuple[str, str] | None:
        """Upstream and name behind a name on the wire, or None. Names match exactly."""
        kind = _kind(method)
        if kind is None:
            return None
        if upstream is not None:
            found = upstream, wire_name
        elif (read := (naming.unwrapped if kind in _BY_URI else naming.split)(wire_name)) is None:
            return None
        else:
            found = read
        return found if self._known(kind, *found) else None

    def _known(self, kind: str, where: str, name: str) -> bool:
        if len(name) > MAX_NAME:
            return False
        if (kind, where, name) in self._offers:
            return True
        return kind == "resources" and self._content(where, name) is not None

    def facts(self, method: str, upstream: str, name: str) -> ToolFacts:
        """What is known of a target that `locate` found."""
        kind = _kind(method)
        key = (str(kind), upstream, name)
        facts = self._facts.get(key)
        if facts is None:
            facts = self._judge(*key)
            if key in self._offers:
                self._facts[key] = facts
        return facts

    def _judge(self, kind: str, upstream: str, name: str) -> ToolFacts:
        block, manifest = self._blocks[upstream], self.manifests[upstream]
        said: ToolManifest | None
        pin: PinState
        if kind == "tools":
            said = manifest.tools.get(name)
            pin = self._pin_state(self._offers[kind, upstream, name], said)
        else:
            # Text by URI or by prompt name has no schema that could change its meaning.
            said = self._as_tool(kind, upstream, name)
            own = self._own_pin(kind, upstream, name)
            offer = self._offers.get((kind, upstream, name))
            unchanged = own is None or (offer is not None and offer.digest == own)
            pin = "reviewed" if unchanged else "changed"
        reviewed = pin == "reviewed" and said is not None
        source = WORST if said is None else source_label(said, reviewed=reviewed)
        return ToolFacts(
            manifest=said,
            pin=pin,
            destination=block.destination or upstream,
            source=source.join(Label(regions=frozenset({block.region} if block.region else ()))),
            clearance=Confidentiality.public
            if said is None
            else clearance(said, reviewed=reviewed),
            credential=block.credential.kind,
            asks=block.asks,
        )

    @staticmethod
    def _pin_state(offer: Offer, said: ToolManifest | None) -> PinState:
        if said is not None and said.pin is not None:
            return "reviewed" if said.pin == offer.digest else "changed"
        return "unreviewed" if offer.pinned == offer.digest else "changed"

    def _content(self, where: str, name: str) -> tuple[ContentManifest, bool] | None:
        """What a reviewer says of a resource, and whether its URI is free beyond a prefix."""
        manifest = self.manifests.get(where)
        resources = {} if manifest is None else manifest.resources
        if name in resources and not name.endswith("*"):
            return resources[name], False
        prefixes = [p for p in resources if p.endswith("*") and name.startswith(p[:-1])]
        longest = max(prefixes, key=len, default=None)
        if longest is None or not _FREE.fullmatch(name[len(longest) - 1 :]):
            return None  # nobody's, or a way out of the prefix, or what might be read as one
        return resources[longest], True

    def _as_tool(self, kind: str, upstream: str, name: str) -> ToolManifest | None:
        """A resource, a template of some or a prompt as the checks see it: a read."""
        if kind == "prompts":
            prompt = self.manifests[upstream].prompts.get(name)
            if prompt is None:
                return None
            return _read(prompt, _argument_names(self._offers[kind, upstream, name].definition))
        # A template is what its URIs have in common: the part before its first variable.
        content = self._content(upstream, name.partition("{")[0] if kind == "templates" else name)
        if content is None:
            return None
        said, free = content
        return _read(said, ["uri"] if free else [])

    def definitions(self, method: str, upstream: str | None) -> Sequence[tuple[str, str, JSON]]:
        """Everything listed, in one order, with its name on the wire."""
        kind = _kind(method)
        listed: list[tuple[str, str, JSON]] = []
        for (offered, where, name), offer in sorted(self._offers.items(), key=lambda one: one[0]):
            if offered != kind or upstream not in (None, where):
                continue
            definition = offer.definition
            if not self._read(offered, where, name):
                definition = _without_text(offered, name, definition)
            if upstream is None:
                wire = naming.wrapped if kind in _BY_URI else naming.joined
                definition = {**definition, LISTS[offered][2]: wire(where, name)}
            listed.append((where, name, definition))
        return listed

    def _read(self, kind: str, where: str, name: str) -> bool:
        """Whether somebody has reviewed the text of a definition as it is now."""
        if kind == "tools":
            return self.facts("tools/list", where, name).pin == "reviewed"
        return self._own_pin(kind, where, name) == self._offers[kind, where, name].digest

    def _own_pin(self, kind: str, where: str, name: str) -> str | None:
        """The digest that a reviewer gave for this very prompt, resource or template."""
        said = self._reviewed(where, kind).get(name)
        return None if said is None else said.pin

    def pin(self, method: str, upstream: str, name: str) -> str | None:
        """The digest of the live definition, if there is one."""
        offer = self._offers.get((str(_kind(method)), upstream, name))
        return None if offer is None else offer.digest

    def mirrored(self, upstream: str, name: str) -> Mapping[Path, str]:
        """Which arguments of a tool are to be repeated in header fields, and the fields' names."""
        offer = self._offers.get(("tools", upstream, name))
        return {} if offer is None else offer.mirrored

    def resolvers(self, upstream: str) -> Mapping[str, Resolver]:
        """The resolvers that the tools of an upstream share."""
        return self.manifests[upstream].resolvers if upstream in self.manifests else {}

    def pins(self) -> list[tuple[str, str, PinState, str]]:
        """Upstream, tool, state and live digest of every tool, for an operator's eyes."""
        return [
            (where, name, self.facts("tools/call", where, name).pin, offer.digest)
            for (kind, where, name), offer in sorted(self._offers.items(), key=lambda one: one[0])
            if kind == "tools"
        ]


def _named(item: object, naming: str, method: str) -> tuple[str, JSON]:
    """A definition and its name, without what an upstream says about itself in `_meta`."""
    definition = cast("JSON", item) if isinstance(item, dict) else {}
    name = definition.get(naming)
    if not isinstance(name, str) or not 0 < len(name) <= MAX_NAME:
        raise UpstreamFault("upstream-malformed", method, may_have_happened=False)
    return name, {key: value for key, value in definition.items() if key != "_meta"}


def _argument_names(definition: JSON) -> list[str]:
    """The arguments of a prompt; what does not look like a name is none."""
    declared = definition.get("arguments")
    given = cast("list[object]", declared) if isinstance(declared, list) else []
    names = [cast("JSON", one).get("name") for one in given if isinstance(one, dict)]
    return [name for name in names if isinstance(name, str) and _ARGUMENT.fullmatch(name)]


def _without_text(kind: str, name: str, definition: JSON) -> JSON:
    """A definition that nobody has read: its text is an upstream's, and no label would tell."""
    if kind == "tools":
        return {"name": name, "description": UNREVIEWED, "inputSchema": ANY_OBJECT}
    if kind in _BY_URI:
        return {LISTS[kind][2]: name, "name": name}
    return {"name": name, "arguments": [{"name": one} for one in _argument_names(definition)]}


def _kind(method: str) -> str | None:
    return _KIND_OF.get(method)


def _read(said: ContentManifest, arguments: list[str]) -> ToolManifest:
    declared: dict[str, Any] = {name: Argument(role="query") for name in arguments}
    return ToolManifest(
        effect=Effect.read,
        scopes=said.scopes,
        arguments=declared,
        returns=Returns(source=said.source),
        # The server already holds data as confidential as what it returns.
        sink=Sink(clearance=said.source.confidentiality),
        spotlight=said.spotlight,
    )
