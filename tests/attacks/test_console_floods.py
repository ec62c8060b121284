"""What others write to make a page of the console take long: the pages are made in the loop that
carries every call, and one that stands still for 15 seconds ends the process.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from safeconduct.console import call_view, tools
from safeconduct.core.canonical import digest
from safeconduct.kit import strictjson
from safeconduct.ports import JSON
from safeconduct.tools import accepting
from safeconduct.tools.kept import Kept
from safeconduct.tools.reviewing import MOST_LINES
from safeconduct.tools.reviewing import changed as diff
from tests.support.accepting import PAGE, changed, definition
from tests.support.changing import Changing, changing, look
from tests.support.consoling import ANN, OLE, House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    async with house.task:
        yield house


@pytest.fixture
def crm(house: House) -> Changing:
    return changing(house.rooms)


def offered(**more: Any) -> JSON:
    return {**definition(), **more}


@pytest.mark.parametrize(
    "members",
    [
        {"description": "a\u0001" * 100_000},
        {"x-numbers": [0] * 200_000},
        {"x-nested": [[[[[[0]]]]]] * 10_000},
    ],
    ids=["letters", "numbers", "nesting"],
)
async def test_a_definition_without_end_makes_no_page_without_end(
    house: House, crm: Changing, members: dict[str, Any]
) -> None:
    await changed(house, crm)
    crm.now["update_deal"] = offered(**members)
    await look(house.rooms)
    ole = await house.signed_in(OLE)
    page = await ole.get(PAGE)
    assert page.status == 200
    assert len(page.text) < 10_000
    assert "It is longer than 100000 characters, and not shown here." in page.text
    assert digest(crm.now["update_deal"]) in page.text
    assert 'name="spoken"' not in page.text
    assert "Accept it" not in page.text


async def test_one_that_a_person_can_read_is_shown_to_its_end(house: House, crm: Changing) -> None:
    text = "x" * (tools.LONGEST - 1_000) + "the end"
    await changed(house, crm, text)
    page = await (await house.signed_in(OLE)).get(PAGE)
    assert "the end" in page.text
    assert "Accept it" in page.text


def test_what_takes_too_long_to_compare_is_not_compared() -> None:
    def cycle(length: int, many: int) -> JSON:
        return {"name": "x", "e": [at % length for at in range(many)]}

    assert diff(cycle(101, 100_000), cycle(102, 100_000)) == ()
    assert diff(cycle(101, MOST_LINES - 6), cycle(102, MOST_LINES - 6)) != ()


async def test_what_is_not_compared_is_said_to_be_read_anew(house: House, crm: Changing) -> None:
    crm.now["update_deal"] = offered(x=[0] * MOST_LINES)
    ole = await house.signed_in(OLE)
    house.rooms.accepting.look("crm", "tools")
    await look(house.rooms)
    page = await ole.get(PAGE)
    assert "Too many lines to be compared: read what is offered now as if it were new." in page.text


def test_of_an_upstream_only_so_much_is_kept(tmp_path: Path) -> None:
    kept = Kept(tmp_path / "crm.json")
    kept.keep([definition("old", "old")], 400)
    kept.keep([definition("new", "new")], 400)
    assert sorted(str(one["name"]) for one in kept.by_digest().values()) == ["new", "old"]
    kept.keep([definition("x" * 300, "newer")], 400)
    assert [one["name"] for one in kept.by_digest().values()] == ["newer"]


def test_what_is_nested_deep_is_kept_as_long_as_it_is(tmp_path: Path) -> None:
    nested: JSON = {"a": [1] * 1_000}
    for _ in range(50):
        nested = {"a": nested}
    kept = Kept(tmp_path / "crm.json")
    kept.keep([{"name": "deep", "inputSchema": nested}], accepting.MOST_KEPT)
    assert (tmp_path / "crm.json").stat().st_size < 5_000
    # And what was kept can be read again, whoever laid it out.
    assert 2 * accepting.MOST_KEPT < strictjson.MAX_BYTES
    assert len(kept.by_digest()) == 1


async def test_no_definition_without_end_is_kept(house: House, crm: Changing) -> None:
    crm.now["another"] = {**definition("short", "another")}
    crm.now["endless"] = {**definition("x" * accepting.LONGEST, "endless")}
    await look(house.rooms)
    assert house.rooms.accepting.before("crm", "another") == crm.now["another"]
    assert house.rooms.accepting.before("crm", "endless") is None


async def test_an_argument_without_end_is_opened_as_far_as_a_person_reads(house: House) -> None:
    # What an agent sends, or a tool returns, and an analyst opens: each letter needs looking at.
    await house.call({"id": "D-7", "amount_minor": 1, "next_step": "a\u00e9" * 200_000})
    ann = await house.signed_in(ANN)
    call = f"/calls/{house.records('decision')[-1]['decision']}"
    page = await ann.post(f"{call}/opened", {"csrf": (await ann.get(call)).csrf})
    assert page.status == 200
    assert 0 < page.text.count("<u>") <= call_view.LONGEST // 2
    assert "characters more are not shown here." in page.text
    assert house.records("audit.read")[-1]["opened"] is True


async def test_one_that_a_person_can_read_is_opened_to_its_end(house: House) -> None:
    text = "x" * (call_view.LONGEST - 1_000) + "the end"
    await house.call({"id": "D-7", "amount_minor": 1, "next_step": text})
    ann = await house.signed_in(ANN)
    call = f"/calls/{house.records('decision')[-1]['decision']}"
    page = await ann.post(f"{call}/opened", {"csrf": (await ann.get(call)).csrf})
    assert "the end" in page.text
    assert "not shown here" not in page.text
