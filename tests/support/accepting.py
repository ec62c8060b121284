"""A tool whose definition changes, and the form with which an operator accepts it."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from safeconduct.core.canonical import digest
from safeconduct.ports import JSON
from tests.support.changing import Changing, look
from tests.support.consoling import House, Page

PAGE: Final = "/tools?" + urlencode({"upstream": "crm", "tool": "update_deal"})
WHY: Final = "its vendor said so"


def definition(text: str = "Updates a deal.", name: str = "update_deal") -> JSON:
    return {"name": name, "description": text, "inputSchema": {"type": "object"}}


async def changed(house: House, crm: Changing, text: str = "Updates a deal.") -> str:
    """The upstream offers another definition; its digest."""
    crm.now["update_deal"] = definition(text)
    await look(house.rooms)
    return digest(definition(text))


def form(page: Page, **more: str) -> dict[str, str]:
    """What the form of a tool's page sends."""
    held = {name: _field(page, name) for name in ("upstream", "tool", "pin", "before")}
    return {"csrf": page.csrf, **held, "why": WHY, **more}


def _field(page: Page, name: str) -> str:
    return page.text.partition(f'name="{name}" value="')[2].partition('"')[0]


def accepted(house: House) -> list[JSON]:
    """What operators accepted, as it is on record."""
    return [one for one in house.records("pin") if "by" in one]
