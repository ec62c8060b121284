"""Who reaches what, as the configuration and the catalogue have it now: at most, before any policy.

It asks what the checks ask that calls pass, without a call.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from safeconduct.config.schema import Config
from safeconduct.core.checks.elevation import eligible
from safeconduct.core.checks.tool import delegated, unusable
from safeconduct.core.checks.zone import barred
from safeconduct.core.manifest import Effect
from safeconduct.core.model import ToolFacts, ZoneFacts
from safeconduct.facts import zones
from safeconduct.ports import Catalogue

Way = Literal["open", "asks", "changed", "query-unbound", "zone-denied", "zone-label"]
"""`open`: calls may pass. `asks`: each needs a person's yes. The others are refused: the definition
is not the one that counts, or its SQL is not kept to the tenant, or the zone does not let the agent
there, or not hold what it returns.
"""

Cell = Literal["changes", "asks", "reads", "refused", "nothing"]
"""What an agent may do at an upstream: change something by itself, change something with a person's
yes, or read. `refused`: it has scopes for tools there, and none of them can be used."""


class Access(msgspec.Struct, frozen=True, kw_only=True):
    """One tool that an agent has the scopes for in a task of one of these profiles. `effect` is the
    one that counts: of a definition that nobody reviewed, the worst.
    """

    upstream: str
    tool: str
    effect: Effect
    way: Way
    profiles: tuple[str, ...]


class Reach(msgspec.Struct, frozen=True, kw_only=True):
    """One agent, and every tool that it has the scopes for."""

    agent: str
    zone: str
    tier: int
    accesses: tuple[Access, ...]

    def by_upstream(self) -> dict[str, list[Access]]:
        """What it may do at each upstream."""
        found: dict[str, list[Access]] = {}
        for one in self.accesses:
            found.setdefault(one.upstream, []).append(one)
        return found


_USABLE: Final = frozenset({"open", "asks"})


def cell(accesses: Iterable[Access]) -> Cell:
    """What these come to."""
    known = list(accesses)
    usable = [one for one in known if one.way in _USABLE]
    changing = [one.way for one in usable if one.effect.changes_state]
    if "open" in changing:
        return "changes"
    if changing:
        return "asks"
    if usable:
        return "reads"
    return "refused" if known else "nothing"


_REFUSED: Final[Mapping[str, Way]] = {
    "definition-changed": "changed",
    "query-unbound": "query-unbound",
    "zone-denied": "zone-denied",
    "zone-label": "zone-label",
}


def reaches(config: Config, catalogue: Catalogue) -> list[Reach]:
    """Every agent that may have tasks here, by zone and id."""
    within = zones(config)
    tools = {
        (where, name): catalogue.facts("tools/call", where, name)
        for where, manifest in config.manifests.items()
        for name in manifest.tools
    }
    found = [_reach(config, agent, within, tools) for agent in config.root.assignments]
    return sorted(found, key=lambda one: (one.zone, one.agent))


def granted(config: Config, agent: str) -> dict[str, frozenset[str]]:
    """By profile, the scopes that a task of this agent has at most."""
    registered, assigned = config.agents.get(agent), config.root.assignments[agent]
    if registered is None:
        return {}
    own = registered.scopes
    return {name: own & frozenset(config.root.profiles[name].scopes) for name in assigned.profiles}


def _reach(
    config: Config,
    agent: str,
    within: Mapping[str, ZoneFacts],
    tools: Mapping[tuple[str, str], ToolFacts],
) -> Reach:
    assigned, registered = config.root.assignments[agent], config.agents.get(agent)
    asking = frozenset(() if registered is None else registered.jit_approval_required)
    of_profile, zone = granted(config, agent), within.get(assigned.zone)
    tenant = config.root.gateway.tenant
    accesses: list[Access] = []
    for (where, name), facts in tools.items():
        profiles = tuple(
            one for one, scopes in of_profile.items() if delegated(facts, agent, scopes)
        )
        if not profiles:
            continue
        reason = unusable(facts, tenant) or barred(zone, facts)
        way: Way = "asks" if eligible(facts, asking) else "open"
        accesses.append(
            Access(
                upstream=where,
                tool=name,
                effect=facts.effect,
                way=way if reason is None else _REFUSED[reason],
                profiles=profiles,
            )
        )
    return Reach(agent=agent, zone=assigned.zone, tier=assigned.tier, accesses=tuple(accesses))
