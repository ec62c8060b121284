"""An upstream of which some definitions become others, while everything else runs as it did."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any, cast

from safeconduct.ports import (
    JSON,
    Begun,
    Credential,
    Heard,
    Listener,
    Upstream,
    UpstreamFault,
    Wanted,
)
from safeconduct.rooms import Rooms


class Changing:
    """Stands in front of an upstream (`safeconduct.ports.Upstream`)."""

    def __init__(self, inner: Upstream) -> None:
        self.id = inner.id
        self.inner = inner
        self.now: dict[str, JSON | None] = {}
        self.dead = False

    async def request(
        self,
        method: str,
        params: JSON,
        *,
        owner: str,
        credential: Credential | None,
        timeout_s: float,
        listener: Listener | None = None,
    ) -> JSON:
        if self.dead:
            raise UpstreamFault(
                "upstream-unreachable", "<b>gone</b>\u202e", may_have_happened=False
            )
        result = await self.inner.request(
            method,
            params,
            owner=owner,
            credential=credential,
            timeout_s=timeout_s,
            listener=listener,
        )
        if method != "tools/list":
            return result
        offered: dict[str, Any] = {one["name"]: one for one in result["tools"]} | self.now
        return {**result, "tools": [one for one in offered.values() if one is not None]}

    async def listen(
        self,
        wanted: Wanted,
        *,
        owner: str,
        credential: Credential | None,
        heard: Heard,
        begun: Begun = lambda _: None,
    ) -> None:
        await self.inner.listen(
            wanted, owner=owner, credential=credential, heard=heard, begun=begun
        )

    async def close(self) -> None:
        await self.inner.close()


def changing(rooms: Rooms, where: str = "crm") -> Changing:
    """Puts one in front of an upstream of these rooms."""
    upstreams = cast("MutableMapping[str, Upstream]", rooms.upstreams)
    stands = Changing(upstreams[where])
    upstreams[where] = stands
    return stands


async def look(rooms: Rooms) -> None:
    """The gateway looks again at what is offered."""
    await rooms.offers.refresh(rooms.pin)
