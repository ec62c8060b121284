"""A start by a stricter configuration: what people let tasks do ends with their right to."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest

from safeconduct.config.users import UserEntry
from tests.support.consoling import KIM, LEE, PEOPLE, House, yes
from tests.support.worlds import SCOPES

OFFERS: Final = {"calls": 5, "minutes": 60}
TEMPLATES: Final = {"scope": {"ask": "desk", "ttl_s": 3600, "offers": OFFERS}}


def made(directory: Path, **approvals: Any) -> House:
    return House(directory, approvals={"templates": TEMPLATES, **approvals})


async def elevated(directory: Path) -> None:
    """Kim lets the task make more calls, and the gateway stops."""
    house = made(directory)
    async with house.task:
        question = await house.asked()
        kim = await house.signed_in(KIM, "/keys")
        assert (await yes(kim, question.id, await house.key(kim), "elevated")).status == 303
        assert len(house.rooms.state.elevated(house.now_ms)) == 1


async def standing(house: House) -> int:
    async with house.task:
        return len(house.rooms.state.elevated(house.now_ms))


async def test_it_stands_while_they_may(tmp_path: Path) -> None:
    await elevated(tmp_path)
    assert await standing(made(tmp_path)) == 1


async def test_it_ends_with_their_group(tmp_path: Path) -> None:
    await elevated(tmp_path)
    house = made(tmp_path, groups={"desk": {"users": [LEE]}})
    assert await standing(house) == 0
    record = house.records("elevation")[-1]
    assert (record["phase"], record["by"]) == ("ended", "configuration")


@pytest.mark.parametrize("entry", [None, UserEntry(scopes=SCOPES, kind="service")])
async def test_it_ends_with_their_entitlement(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, entry: UserEntry | None
) -> None:
    await elevated(tmp_path)
    if entry is None:
        monkeypatch.delitem(PEOPLE, KIM)
    else:
        monkeypatch.setitem(PEOPLE, KIM, entry)
    assert await standing(made(tmp_path)) == 0


async def test_a_bypass_ends_with_who_gave_it(tmp_path: Path) -> None:
    house = made(tmp_path)
    given = {
        "kind": "bypass", "phase": "granted", "bypass": "b_1", "tenant": "crm.example",
        "templates": ["scope"], "minutes": 60, "why": "x", "by": KIM, "party": {"who": "desk"},
        "at_ms": house.now_ms, "until_ms": house.now_ms + 3_600_000,
    }  # fmt: skip
    async with house.task:
        await house.rooms.log.append(given)
    house = made(tmp_path)
    async with house.task:
        assert [one.id for one in house.rooms.state.bypasses()] == ["b_1"]
    house = made(tmp_path, groups={"desk": {"users": [LEE]}})
    async with house.task:
        assert house.rooms.state.bypasses() == ()
