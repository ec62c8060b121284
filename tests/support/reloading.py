"""A gateway's policy, in process: rooms, a keeper, and what stands between them."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec

from safeconduct.app.reloading import Reloading
from safeconduct.config.policy import PolicyBlock, PolicySource, Signers
from safeconduct.policy.keeping import Keeper
from safeconduct.rooms import Rooms
from safeconduct.simulation import SimulatedTask
from tests.support.releases import NOW_MS, published, released, unfolded
from tests.support.worlds import Rules, config


class Reloaded:
    """What a test moves: the policy in `policy`, and the clock of the keeper and the rooms."""

    def __init__(self, directory: Path, rooms: Rooms, block: PolicyBlock) -> None:
        self.policy = directory / "policy"
        self.now_ms = NOW_MS
        self.rooms = rooms
        rooms.clock_ms = lambda: self.now_ms
        rooms.config = msgspec.structs.replace(
            rooms.config, root=msgspec.structs.replace(rooms.config.root, policy=block)
        )
        self.keeper = Keeper(block, directory, directory / "state", clock_ms=lambda: self.now_ms)

    def begun(self) -> Reloading:
        """As a gateway begins."""
        policy = self.keeper.start()
        self.rooms.use(self.keeper.engine(policy))
        return Reloading(self.rooms, self.keeper, policy)


@asynccontextmanager
async def reloaded(
    directory: Path, *, source: PolicySource | None = None, reload_s: int | None = None
) -> AsyncGenerator[Reloaded]:
    """With a signed release in `policy`."""
    published(directory / "signers.json")
    unfolded(released(), directory / "policy")
    block = PolicyBlock(
        bundle=None if source else "policy",
        source=source,
        verify=Signers(jwks="signers.json"),
        reload_s=reload_s,
        process="shared",
    )
    async with SimulatedTask(
        config(directory), "Answer case C-1.", directory=directory, policy=Rules()
    ) as task:
        yield Reloaded(directory, task.rooms, block)
