"""What a person may say to the kill switch, and what becomes of stopping everything."""

from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct.app import stopping
from safeconduct.app.stopping import MAX_ID, MAX_WHY, NotStopped, every, stop, stop_all
from safeconduct.ports import LedgerFault
from safeconduct.rooms import Rooms
from tests.support.consoling import House
from tests.support.worlds import AGENT


@pytest.mark.parametrize(
    ("what", "identifier", "why"),
    [
        ("world", "x", ""),
        (None, "x", ""),
        ("agent", "", ""),
        ("agent", 7, ""),
        ("agent", "x" * (MAX_ID + 1), ""),
        ("agent", "x", "y" * (MAX_WHY + 1)),
        ("agent", "x", 7),
    ],
)
async def test_what_is_refused_stops_nothing(
    tmp_path: Path, what: object, identifier: object, why: object
) -> None:
    house = House(tmp_path)
    async with house.task:
        with pytest.raises(NotStopped):
            await stop(house.rooms, what, identifier, "ole", why)
        assert house.records("revocation") == []


async def test_a_reason_is_recorded_on_one_line_and_only_where_there_is_one(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.task:
        await stop(house.rooms, "agent", AGENT, "ole", " it\n loops ")
        await stop(house.rooms, "task", "t_1", "ole")
    first, second = house.records("revocation")
    assert first["why"] == "it loops"
    assert "why" not in second


async def test_everything_is_every_agent_and_whoever_else_is_at_work(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.task:
        await house.rooms.revoke("agent", AGENT, "ole")
        assert every(house.rooms) == []
        assert await stop_all(house.rooms, "ole") == ([], [])


async def test_an_agent_that_cannot_be_recorded_keeps_no_other_from_being_stopped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = House(tmp_path)
    revoke = house.rooms.revoke

    async def fails(what: str, identifier: str, by: str, why: str = "") -> None:
        if identifier == "b":
            raise LedgerFault("disk full")
        await revoke(what, identifier, by, why)

    def three(_: Rooms) -> list[str]:
        return ["a", "b", AGENT]

    async with house.task:
        monkeypatch.setattr(stopping, "every", three)
        monkeypatch.setattr(house.rooms, "revoke", fails)
        assert await stop_all(house.rooms, "ole", "why") == (["a", AGENT], ["b"])
        assert (await house.call()).reason == "task-revoked"
