"""The pages of the agents and zones: who is registered, what they reach, and within which limits.

All of it is configuration, and what the gateway knows of upstreams now; none of it is evidence.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from safeconduct.config.schema import Zone
from safeconduct.console.downloads import attached, table
from safeconduct.console.pages import Here, Pages, Way
from safeconduct.console.pictures.reaching import WORDS, matrix
from safeconduct.console.rates import Rates
from safeconduct.console.reach import Reach, cell, granted, reaches
from safeconduct.console.wrong import Wrong
from safeconduct.rooms import Rooms

AGENTS: Final = "/agents"

PER_MINUTE: Final = 60
"""How often a minute one person may look."""

HEAD: Final = ("agent", "zone", "tier", "upstream", "reach", "tool", "effect", "way")


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """One agent in the list. `reach` are upstreams by what the agent may do there."""

    agent: str
    zone: str = ""
    tier: int | None = None
    stopped: bool = False
    tasks: int = 0
    reach: dict[str, list[str]] = {}


class AgentsPages:
    """For operators."""

    def __init__(self, pages: Pages, rooms: Rooms) -> None:
        self._pages = pages
        self._rooms = rooms
        self._config = rooms.config
        self._rates = Rates(PER_MINUTE, rooms.clock_ms)

    def ways(self) -> tuple[Way, ...]:
        """Its page; an agent's id stands in the query, as it holds slashes."""
        return (Way("GET", AGENTS, self.look),)

    async def look(self, request: Request) -> Response:
        """All agents and zones, or the agent that the query names."""
        here = self._pages.require(request, "operator")
        if not self._rates.allow(here.approver.user):
            raise Wrong(429, "That was too much at once. Wait a minute.")
        # Each agent is held against each tool: no call waits for it.
        found = await asyncio.to_thread(reaches, self._config, self._rooms.catalogue)
        match request.query_params.get("format"):
            case "json":
                content = msgspec.json.encode({"agents": found})
                return attached(content, "application/json", "reach.json")
            case "csv":
                return attached(_csv(found), "text/csv; charset=utf-8", "reach.csv")
            case _:
                pass
        if "id" in request.query_params:
            return await self._one(here, request.query_params["id"], found)
        return await self._all(here, found)

    async def _all(self, here: Here, found: Sequence[Reach]) -> Response:
        now_ms = self._rooms.clock_ms()
        living = await asyncio.to_thread(self._rooms.state.living, now_ms)
        tasks = Counter(one.start.agent.id for one in living)
        upstreams = sorted(self._config.root.upstreams)
        summaries = [self._summary(one, tasks[one.agent]) for one in found]
        known = {one.agent for one in found}
        idle = [
            Summary(agent=agent, stopped=self._stopped(agent))
            for agent in sorted(self._config.agents.keys() - known)
        ]
        return self._pages.page(
            "agents.html",
            here,
            at=AGENTS,
            agents=[*summaries, *idle],
            picture=matrix(found, upstreams),
            words=WORDS,
            zones=[self._config.zones[name] for name in sorted(self._config.zones)],
            members=Counter(one.zone for one in found),
            destinations=self._destinations(),
            where=where,
        )

    async def _one(self, here: Here, agent: str, found: Sequence[Reach]) -> Response:
        root, registered = self._config.root, self._config.agents.get(agent)
        reach = next((one for one in found if one.agent == agent), None)
        if registered is None and reach is None:
            raise Wrong(404, "No agent of this id is registered here.")
        state, now_ms = self._rooms.state, self._rooms.clock_ms()
        living = await asyncio.to_thread(state.living, now_ms, "agent", agent)
        assigned = root.assignments.get(agent)
        profiles = () if assigned is None else assigned.profiles
        return self._pages.page(
            "agent.html",
            here,
            at=AGENTS,
            agent=agent,
            registered=registered,
            assigned=assigned,
            zone=None if assigned is None else self._config.zones.get(assigned.zone),
            stopped=self._stopped(agent),
            told=state.told("agent", agent),
            tasks=len(living),
            scopes={} if assigned is None else granted(self._config, agent),
            profiles={name: root.profiles[name] for name in profiles},
            programs=sorted(name for name, one in root.clients.items() if one.agent == agent),
            helpers=sorted(
                name for name, one in self._config.agents.items() if agent in one.delegation.agents
            ),
            accesses=() if reach is None else reach.accesses,
            where=where,
            query=urlencode({"agent": agent}),
            stop=urlencode({"what": "agent", "id": agent}),
        )

    def _summary(self, one: Reach, tasks: int) -> Summary:
        reach: dict[str, list[str]] = {}
        for upstream, accesses in sorted(one.by_upstream().items()):
            reach.setdefault(cell(accesses), []).append(upstream)
        return Summary(
            agent=one.agent,
            zone=one.zone,
            tier=one.tier,
            stopped=self._stopped(one.agent),
            tasks=tasks,
            reach=reach,
        )

    def _stopped(self, agent: str) -> bool:
        return self._rooms.state.revoked(agent=agent, user="", key="", jti="")

    def _destinations(self) -> list[tuple[str, list[str], list[str]]]:
        """By name, what stands behind it, and the zones that let agents there."""
        root, behind = self._config.root, dict[str, list[str]]()
        for name, one in sorted(root.upstreams.items()):
            behind.setdefault(one.destination or name, []).append(f"upstream {name}")
        for name, endpoints in root.destinations.items():
            behind.setdefault(name, []).extend(f"{one.host}:{one.port}" for one in endpoints)
        for zone in self._config.zones.values():
            for name in zone.egress:
                behind.setdefault(name, [])
        return [
            (name, found, sorted(one.id for one in self._config.zones.values() if lets(one, name)))
            for name, found in sorted(behind.items())
        ]


def lets(zone: Zone, destination: str) -> bool:
    """Whether a zone lets its agents go there."""
    return destination in zone.egress and destination not in zone.deny


def where(agent: str) -> str:
    """The page of one agent."""
    return f"{AGENTS}?{urlencode({'id': agent})}"


def _csv(found: Sequence[Reach]) -> bytes:
    return table(HEAD, _rows(found))


def _rows(found: Sequence[Reach]) -> Iterator[tuple[object, ...]]:
    for one in found:
        for upstream, accesses in sorted(one.by_upstream().items()):
            kind = cell(accesses)
            for access in accesses:
                of_tool = (access.tool, access.effect.value, access.way)
                yield (one.agent, one.zone, one.tier, upstream, kind, *of_tool)
