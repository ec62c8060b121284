"""What other processes hear of revocations, and that silence refuses."""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from safeconduct.delegation.feed import STALE_MS, Follower, Stale
from safeconduct.rooms import clock_ms
from safeconduct.simulation import SimulatedTask
from tests.support.worlds import Rules, config

AGENT = ("agent", "spiffe://elsewhere.example/agents/lost")


@pytest.fixture
async def task(tmp_path: Path) -> AsyncIterator[SimulatedTask]:
    async with SimulatedTask(
        config(tmp_path), "Answer case C-1.", directory=tmp_path, policy=Rules()
    ) as made:
        upkeep = asyncio.create_task(made.rooms.keep_up())
        yield made
        upkeep.cancel()
        await asyncio.gather(upkeep, return_exceptions=True)


@pytest.fixture
def follower(task: SimulatedTask) -> Follower:
    config = task.rooms.config
    return Follower(Path(config.directory) / config.root.gateway.state, clock_ms)


async def heard(follower: Follower, what: str, identifier: str) -> float:
    """Seconds until a revocation was heard."""
    loop = asyncio.get_running_loop()
    begun = loop.time()
    async with asyncio.timeout(5):
        while True:
            try:
                if follower.revoked(what, identifier):
                    return loop.time() - begun
            except Stale:
                pass
            await asyncio.sleep(0)


async def test_a_revocation_is_heard_within_a_second(
    task: SimulatedTask, follower: Follower
) -> None:
    await asyncio.sleep(0)
    assert not follower.revoked(*AGENT)
    await task.rooms.revoke(*AGENT, by="test")
    assert await heard(follower, *AGENT) < 1


async def test_what_was_revoked_before_a_restart_is_heard_after_it(tmp_path: Path) -> None:
    for restarted in (False, True):
        async with SimulatedTask(
            config(tmp_path), "Answer case C-1.", directory=tmp_path, policy=Rules()
        ) as made:
            root = made.rooms.config
            follower = Follower(Path(root.directory) / root.root.gateway.state, clock_ms)
            upkeep = asyncio.create_task(made.rooms.keep_up())
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            assert follower.revoked(*AGENT) is restarted
            await made.rooms.revoke(*AGENT, by="test")
            upkeep.cancel()
            await asyncio.gather(upkeep, return_exceptions=True)
        with pytest.raises(Stale):
            follower.revoked(*AGENT)


async def test_a_full_disk_is_silence(
    task: SimulatedTask, follower: Follower, caplog: pytest.LogCaptureFixture
) -> None:
    await asyncio.sleep(0)
    assert not follower.revoked(*AGENT)
    full = os.open("/dev/full", os.O_WRONLY)
    os.dup2(full, task.rooms.feed.descriptor)
    os.close(full)
    with caplog.at_level(logging.ERROR):
        await task.rooms.revoke(*AGENT, by="test")
    assert "other processes cannot hear of revocations" in caplog.text
    assert task.rooms.state.revoked(agent=AGENT[1], user="", key="", jti="")
    assert not hears(follower)
    with pytest.raises(OSError, match="start the gateway anew"):
        task.rooms.feed.beat(clock_ms())
    # There is no further beat, so what was heard last is too old after a second.
    state = Path(task.rooms.config.directory) / task.rooms.config.root.gateway.state
    with pytest.raises(Stale):
        Follower(state, lambda: clock_ms() + STALE_MS + 1).revoked(*AGENT)


def hears(follower: Follower) -> bool:
    try:
        return follower.revoked(*AGENT)
    except Stale:
        return False
