"""What is counted before anybody asks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from safeconduct.config.audit import Index
from safeconduct.console import watch
from safeconduct.console.watch import Watch
from tests.support.consoling import House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    """Its index is kept up to the log."""
    house = House(tmp_path)
    config = house.rooms.config
    audit = replace(config.root.audit, index=Index())
    house.rooms.config = replace(config, root=replace(config.root, audit=audit))
    async with house.task:
        yield house


async def test_it_counts_ahead_again_and_again_whatever_happens(
    house: House, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    loop, twice, count = asyncio.get_running_loop(), asyncio.Event(), Watch.count
    tries = 0

    def counted(self: Watch) -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise OSError("no such disk")
        count(self)
        loop.call_soon_threadsafe(twice.set)

    monkeypatch.setattr(watch, "COUNT_S", 0)
    monkeypatch.setattr(Watch, "count", counted)
    await house.call()
    ahead = Watch(house.rooms)
    with caplog.at_level(logging.WARNING, "safeconduct.console.watch"):
        ahead.start()
        async with asyncio.timeout(30):
            await twice.wait()
        ahead.stop()
    assert caplog.messages == ["decisions could not be counted ahead: no such disk"]
    assert ahead.streams.over


async def test_it_does_not_where_it_would_have_to_build_the_index(
    tmp_path: Path,
) -> None:
    house = House(tmp_path, roles={})
    async with house.task:
        ahead, before = Watch(house.rooms), asyncio.all_tasks()
        ahead.start()
        assert asyncio.all_tasks() == before
        ahead.stop()
