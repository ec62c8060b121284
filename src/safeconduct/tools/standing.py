"""How each tool stands: whether its definition is the one that counts, and what a person has to see
to. What needs a person comes first.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from safeconduct.core.manifest import Effect, Manifest
from safeconduct.core.pins import Accepted
from safeconduct.tools.catalogue import Catalogue
from safeconduct.tools.offers import Offers

Standing = Literal[
    "changed", "speaks", "new", "unreviewed", "gone", "unknown", "accepted", "reviewed"
]
"""`changed`: not the definition that counts; calls are refused. `speaks`: its text speaks to the
agent, and nobody accepted that. `new`: nobody described it. `unreviewed`: described, pinned by
nobody, and still as first seen. `gone`: described, and no longer offered. `unknown`: its upstream
has not answered yet. `accepted`: an operator accepted it. `reviewed`: the manifest pins it."""

ORDER: Final[tuple[Standing, ...]] = (
    *("changed", "speaks", "new", "unreviewed", "gone", "unknown", "accepted", "reviewed"),
)
"""What needs a person is first."""

OPEN: Final[frozenset[Standing]] = frozenset({"changed", "speaks", "new", "unreviewed", "gone"})
"""What needs a person."""


class Tool(msgspec.Struct, frozen=True, kw_only=True):
    """How one tool stands. `live` is the digest of what is offered, `counts` of what counts,
    `found` are kinds of what in its text speaks to the agent.
    """

    upstream: str
    name: str
    standing: Standing
    effect: Effect | None = None
    live: str = ""
    counts: str = ""
    found: tuple[str, ...] = ()
    accepted: Accepted | None = None


def tools(manifests: Mapping[str, Manifest], offers: Offers, catalogue: Catalogue) -> list[Tool]:
    """Every tool that is offered or described."""
    offered = {(where, name) for subject, where, name in offers.known if subject == "tool"}
    described = {(where, name) for where, one in manifests.items() for name in one.tools}
    asked = {where for where, _ in offered} | (manifests.keys() - offers.unreachable.keys())
    found = [
        _tool(manifests, offers, catalogue, where, name, known=where in asked)
        for where, name in offered | described
    ]
    return sorted(found, key=lambda one: (ORDER.index(one.standing), one.upstream, one.name))


def _tool(
    manifests: Mapping[str, Manifest],
    offers: Offers,
    catalogue: Catalogue,
    where: str,
    name: str,
    *,
    known: bool,
) -> Tool:
    said, offer = manifests[where].tools.get(name), offers.known.get(("tool", where, name))
    effect = None if said is None else said.effect
    counts = catalogue.counts(where, name) or ""
    if offer is None:
        standing: Standing = "gone" if known else "unknown"
        return Tool(upstream=where, name=name, standing=standing, effect=effect, counts=counts)
    found, accepted = tuple(catalogue.found(where, name)), catalogue.accepted(where, name)
    if said is None:
        standing = "new"
    elif found:
        standing = "speaks" if not counts else "changed"
    elif catalogue.pin_state(where, name) == "reviewed":
        standing = "reviewed" if accepted is None else "accepted"
    else:
        standing = "unreviewed" if offer.digest == counts else "changed"
    return Tool(
        upstream=where,
        name=name,
        standing=standing,
        effect=effect,
        live=offer.digest,
        counts=counts,
        found=found,
        accepted=accepted,
    )
