"""The catalogue: what reviewers said of everything that upstreams offer, and how it is listed.

A definition counts as reviewed only where the manifest names exactly its digest, or an operator has
accepted it since. Where nobody has named one, the definition that was seen first stands, unless its
texts speak to the agent. Any other is refused (a "rug pull").
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from safeconduct.config.schema import Config
from safeconduct.config.schema import Upstream as UpstreamBlock
from safeconduct.core import naming
from safeconduct.core.calls import Subject, kind_of
from safeconduct.core.findings import kinds_of
from safeconduct.core.labels import WORST, Confidentiality, Label
from safeconduct.core.manifest import Manifest, Resolver, ToolManifest, clearance, source_label
from safeconduct.core.mirrored import Path
from safeconduct.core.model import PinState, ToolFacts
from safeconduct.core.pins import Accepted, reviewed, stands
from safeconduct.ports import JSON
from safeconduct.tools import contents
from safeconduct.tools.offers import MAX_NAME, NAMED_BY, Key, Offers, target

_BY_URI: Final = frozenset[Subject]({"resource", "template"})

UNREVIEWED: Final = "Nobody has reviewed this tool's definition yet."
ANY_OBJECT: Final[JSON] = {"type": "object"}


class Catalogue:
    """What reviewers said of what upstreams offer (`safeconduct.ports.Catalogue`)."""

    def __init__(
        self,
        config: Config,
        offers: Offers,
        accepted: Callable[[str], Accepted | None] = lambda _: None,
    ) -> None:
        """`accepted` is the definition of a target that an operator accepted last."""
        self._blocks: Mapping[str, UpstreamBlock] = config.root.upstreams
        self.manifests: Mapping[str, Manifest] = config.manifests
        self._bearers = {where: config.bearers(where) for where in self._blocks}
        self._offers = offers
        self._accepted = accepted
        self._judged = offers.known
        self._facts: dict[Key, ToolFacts] = {}

    def locate(self, method: str, wire_name: str, upstream: str | None) -> tuple[str, str] | None:
        """Upstream and name behind a name on the wire, or None. Names match exactly."""
        subject = _subject(method)
        if subject == "none":
            return None
        if upstream is not None:
            found = upstream, wire_name
        elif (
            read := (naming.unwrapped if subject in _BY_URI else naming.split)(wire_name)
        ) is None:
            return None
        else:
            found = read
        return found if self._exists(subject, *found) else None

    def _exists(self, subject: Subject, where: str, name: str) -> bool:
        if len(name) > MAX_NAME:
            return False
        key: Key = subject, where, name
        if key in self._offers.known:
            return not self._withheld(key)
        manifest = self.manifests.get(where)
        if subject != "resource" or manifest is None:
            return False
        return contents.resource(manifest, name) is not None

    def facts(self, method: str, upstream: str, name: str) -> ToolFacts:
        """What is known of a target that `locate` found."""
        key = (_subject(method), upstream, name)
        if self._judged is not self._offers.known:
            self._judged = self._offers.known
            self._facts.clear()
        facts = self._facts.get(key)
        if facts is None:
            facts = self._judge(key)
            if key in self._judged:
                self._facts[key] = facts
        return facts

    def _judge(self, key: Key) -> ToolFacts:
        block, said, pin = self._blocks[key[1]], self._said(key), self._pin_state(key)
        known = pin == "reviewed" and said is not None
        source = WORST if said is None else source_label(said, reviewed=known)
        return ToolFacts(
            manifest=said,
            pin=pin,
            destination=block.destination or key[1],
            source=source.join(Label(regions=frozenset({block.region} if block.region else ()))),
            clearance=Confidentiality.public if said is None else clearance(said, reviewed=known),
            credential=block.credential.kind,
            bearers=self._bearers[key[1]],
            bound_to=block.credential.tenant,
            asks=block.asks,
            system=self.manifests[key[1]].system or key[1],
            spotlight=block.spotlight,
            quarantines=block.instructions == "quarantine",
        )

    def _said(self, key: Key) -> ToolManifest | None:
        subject, where, name = key
        manifest = self.manifests[where]
        match subject:
            case "tool":
                return manifest.tools.get(name)
            case "prompt":
                return contents.prompt(manifest, name, self._offers.known[key].definition)
            case "template":
                return contents.template(manifest, name)
            case _:
                return contents.resource(manifest, name)

    def _pin_state(self, key: Key) -> PinState:
        offer, pin = self._offers.known.get(key), self._reviewed_pin(key)
        if pin is not None:
            return "reviewed" if offer is not None and offer.digest == pin else "changed"
        if offer is not None and offer.found:
            return "changed"
        if key[0] != "tool":
            # Text by URI or by prompt name has no schema that could change its meaning.
            return "reviewed"
        return "unreviewed" if offer is not None and offer.digest == offer.pinned else "changed"

    def _withheld(self, key: Key) -> bool:
        """Whether something was found in a definition, and no reviewer accepted it as it is."""
        offer = self._offers.known[key]
        return bool(offer.found) and self._reviewed_pin(key) != offer.digest

    def _reviewed_pin(self, key: Key) -> str | None:
        """The digest that a reviewer gave for this very tool, prompt, resource or template."""
        subject, where, name = key
        manifest = self.manifests[where]
        said = (
            manifest.tools.get(name)
            if subject == "tool"
            else contents.described(manifest, subject).get(name)
        )
        return None if said is None else reviewed(said.pin, self._accepted(target(key)))

    def definitions(self, method: str, upstream: str | None) -> Sequence[tuple[str, str, JSON]]:
        """Everything listed, in one order, with its name on the wire. A definition in which
        something was found is not, before a reviewer has pinned just that one.
        """
        wanted = _subject(method)
        listed: list[tuple[str, str, JSON]] = []
        for key, offer in sorted(self._offers.known.items(), key=lambda one: one[0]):
            subject, where, name = key
            if subject != wanted or upstream not in (None, where) or self._withheld(key):
                continue
            definition = offer.definition
            if self._reviewed_pin(key) != offer.digest:
                definition = _without_text(subject, name, definition)
            if upstream is None:
                wire = naming.wrapped if subject in _BY_URI else naming.joined
                definition = {**definition, NAMED_BY[subject]: wire(where, name)}
            listed.append((where, name, definition))
        return listed

    def pin(self, method: str, upstream: str, name: str) -> str | None:
        """The digest of the live definition, if there is one."""
        offer = self._offers.known.get((_subject(method), upstream, name))
        return None if offer is None else offer.digest

    def mirrored(self, upstream: str, name: str) -> Mapping[Path, str]:
        """Which arguments of a tool are to be repeated in header fields, and the fields' names."""
        offer = self._offers.known.get(("tool", upstream, name))
        return {} if offer is None else offer.mirrored

    def resolvers(self, upstream: str) -> Mapping[str, Resolver]:
        """The resolvers that the tools of an upstream share."""
        return self.manifests[upstream].resolvers if upstream in self.manifests else {}

    def pins(self) -> list[tuple[str, str, PinState, str]]:
        """Upstream, tool, state and live digest of every tool, for an operator's eyes."""
        return [
            (key[1], key[2], self._pin_state(key), offer.digest)
            for key, offer in sorted(self._offers.known.items(), key=lambda one: one[0])
            if key[0] == "tool"
        ]

    def accepted(self, upstream: str, name: str) -> Accepted | None:
        """The definition of a tool that counts because an operator accepted it."""
        manifest = self.manifests[upstream].tools.get(name)
        one = self._accepted(target(("tool", upstream, name)))
        return one if manifest is not None and stands(manifest.pin, one) else None

    def counts(self, upstream: str, name: str) -> str | None:
        """The digest of a tool's definition that counts, live or not: the one that was reviewed,
        else the one that was first seen.
        """
        key: Key = ("tool", upstream, name)
        offer = self._offers.known.get(key)
        first = None if offer is None else offer.pinned or None
        return self._reviewed_pin(key) or first

    def pin_state(self, upstream: str, name: str) -> PinState:
        """Whether a tool's definition is the one that counts."""
        return self._pin_state(("tool", upstream, name))

    def found(self, upstream: str, name: str) -> list[str]:
        """The kinds of what was found in a tool's definition that no reviewer accepted."""
        key: Key = ("tool", upstream, name)
        return kinds_of(self._offers.known[key].found) if self._withheld(key) else []


def _subject(method: str) -> Subject:
    """What a method of the page is about."""
    row = kind_of("from-client", method)
    return "none" if row is None else row.subject


def _without_text(subject: Subject, name: str, definition: JSON) -> JSON:
    """A definition that nobody has read: its text is an upstream's, and no label would tell."""
    if subject == "tool":
        return {"name": name, "description": UNREVIEWED, "inputSchema": ANY_OBJECT}
    if subject in _BY_URI:
        return {NAMED_BY[subject]: name, "name": name}
    names = contents.argument_names(definition)
    return {"name": name, "arguments": [{"name": one} for one in names]}
