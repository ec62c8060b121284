"""Stopping agents, users, tasks, keys and tokens: what a person may say to the kill switch."""

from __future__ import annotations

import asyncio
from collections.abc import Collection
from typing import Final, NamedTuple

from safeconduct.ports import LedgerFault
from safeconduct.rooms import Rooms

REVOCABLE: Final = ("agent", "user", "task", "key", "jti")
"""What can be revoked."""

MAX_ID: Final = 2_048
"""How long an id may be, in characters: that of the longest SPIFFE ID."""

MAX_WHY: Final = 300
"""How long the reason may be, in characters."""


class NotStopped(ValueError):
    """This is nothing that can be revoked; the sentence says why."""


class Wanted(NamedTuple):
    """What is to be revoked."""

    what: str
    id: str


class Stopped(NamedTuple):
    """What became of stopping everything: the agents that are revoked, and those that are not."""

    agents: Collection[str]
    left: Collection[str]


def wanted(what: object, identifier: object) -> Wanted:
    """What a person asks to revoke. Raises NotStopped."""
    if what not in REVOCABLE or not isinstance(identifier, str) or not identifier:
        raise NotStopped(f"revoke one of {', '.join(REVOCABLE)} by its id")
    if len(identifier) > MAX_ID:
        raise NotStopped(f"an id has {MAX_ID} characters at most")
    return Wanted(str(what), identifier)


async def stop(rooms: Rooms, what: object, identifier: object, by: str, why: object = "") -> None:
    """Revokes one of them, for good. Raises NotStopped, LedgerFault."""
    one, reason = wanted(what, identifier), said(why)
    await rooms.revoke(one.what, one.id, by, reason)


async def stop_all(rooms: Rooms, by: str, why: object = "") -> Stopped:
    """Revokes every agent of the configuration, and whoever else has a task that goes on.

    One that cannot be recorded keeps no other from being stopped. Raises NotStopped.
    """
    reason, agents = said(why), every(rooms)
    told = await asyncio.gather(
        *(rooms.revoke("agent", agent, by, reason) for agent in agents), return_exceptions=True
    )
    left: list[str] = []
    for agent, one in zip(agents, told, strict=True):
        if isinstance(one, LedgerFault):
            left.append(agent)
        elif one is not None:
            raise one
    return Stopped([agent for agent in agents if agent not in left], left)


def every(rooms: Rooms) -> list[str]:
    """The agents that stopping everything revokes: a configuration may have lost one that still
    has tasks. Those that are revoked already are not among them.
    """
    living = {one.start.agent.id for one in rooms.state.living(rooms.clock_ms())}
    return sorted(
        agent
        for agent in {*rooms.config.agents, *living}
        if not rooms.state.revoked(agent=agent, user="", key="", jti="")
    )


def said(why: object) -> str:
    """A reason on one line. Raises NotStopped."""
    reason = " ".join(why.split()) if isinstance(why, str) else None
    if reason is None or len(reason) > MAX_WHY:
        raise NotStopped(f"a reason is text of at most {MAX_WHY} characters")
    return reason
