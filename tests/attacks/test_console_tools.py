"""What must not come to count as reviewed at the console."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.accepting import PAGE, accepted, changed, definition, form
from tests.support.changing import Changing, changing, look
from tests.support.consoling import KIM, OLE, Browser, House

BEFORE = "Updates a deal."
AFTER = "Updates every deal."


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    async with house.task:
        yield house


@pytest.fixture
def crm(house: House) -> Changing:
    return changing(house.rooms)


async def shown(browser: Browser) -> dict[str, str]:
    """The form of the page that somebody looks at."""
    return form(await browser.get(PAGE))


async def test_what_changes_between_page_and_yes_is_not_accepted(
    house: House, crm: Changing
) -> None:
    await changed(house, crm, BEFORE)
    ole = await house.signed_in(OLE)
    sent = await shown(ole)
    await changed(house, crm, AFTER)
    assert (await ole.post("/tools", sent)).said.startswith("This is not what is offered now.")
    assert accepted(house) == []
    assert (await house.call()).reason == "definition-changed"


async def test_an_old_form_brings_no_old_definition_back(house: House, crm: Changing) -> None:
    old = await changed(house, crm, BEFORE)
    ole = await house.signed_in(OLE)
    first = await shown(ole)
    assert (await ole.post("/tools", first)).status == 303
    new = await changed(house, crm, AFTER)
    assert (await ole.post("/tools", await shown(ole))).status == 303
    await changed(house, crm, BEFORE)
    assert (await ole.post("/tools", first)).said.startswith("Another definition counts by now.")
    assert [one["pin"] for one in accepted(house)] == [old, new]
    assert (await house.call()).reason == "definition-changed"


async def test_the_form_of_one_person_is_no_form_of_another(house: House, crm: Changing) -> None:
    await changed(house, crm)
    sent = await shown(await house.signed_in(OLE))
    again = await house.signed_in(OLE)
    assert (await again.post("/tools", sent)).status == 403
    assert (await (await house.signed_in(KIM)).post("/tools", sent)).status == 403
    assert (await again.post("/tools", sent, origin="https://evil.example")).status == 403
    twice = await again.ask(
        "POST",
        "/tools",
        b"pin=a&pin=b",
        {"origin": house.url, "content-type": "application/x-www-form-urlencoded"},
    )
    assert twice.status == 400
    assert accepted(house) == []


async def test_who_is_revoked_accepts_nothing(house: House, crm: Changing) -> None:
    await changed(house, crm)
    ole = await house.signed_in(OLE)
    sent = await shown(ole)
    await house.rooms.revoke("user", OLE, "test")
    assert (await ole.post("/tools", sent)).status == 401
    assert accepted(house) == []


async def test_a_yes_to_a_tool_is_none_to_its_namesake(house: House, crm: Changing) -> None:
    mail = changing(house.rooms, "mail")
    mail.now["update_deal"] = definition()
    await changed(house, crm)
    ole = await house.signed_in(OLE)
    assert (await ole.post("/tools", await shown(ole))).status == 303
    await look(house.rooms)
    assert house.rooms.catalogue.pin_state("crm", "update_deal") == "reviewed"
    assert house.rooms.catalogue.facts("tools/call", "mail", "update_deal").manifest is None
    assert house.rooms.catalogue.pin_state("mail", "update_deal") == "unreviewed"
