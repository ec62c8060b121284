"""The pages of agents and zones, and the picture of who reaches what."""

from __future__ import annotations

import csv
import html
import io
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final, get_args
from urllib.parse import urlencode

import msgspec
import pytest

from safeconduct.config.schema import Config, Zone
from safeconduct.console import agents
from safeconduct.console.pictures.reaching import LONGEST, matrix, shortened
from safeconduct.console.reach import Access, Reach, Way, cell, reaches
from safeconduct.core.manifest import Effect
from tests.support.changing import changing, look
from tests.support.consoling import ANN, KIM, OLE, House
from tests.support.worlds import AGENT, USER

PAGE: Final = "/agents?" + urlencode({"id": AGENT})
OTHER: Final = "spiffe://crm.example/agents/other"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    async with house.task:
        yield house


def found(house: House, config: Config | None = None) -> dict[str, str]:
    """How each tool is reached by the one agent of the company."""
    (one,) = reaches(config or house.rooms.config, house.rooms.catalogue)
    return {f"{access.upstream}.{access.tool}": access.way for access in one.accesses}


def zoned(house: House, **changed: object) -> Config:
    config = house.rooms.config
    zone: Zone = msgspec.structs.replace(config.zones["office"], **changed)
    return msgspec.structs.replace(config, zones={"office": zone})


async def test_what_its_scopes_and_zone_let_an_agent_reach(house: House) -> None:
    assert found(house) == {
        "crm.get_case": "open",
        "crm.list_customers": "open",
        "crm.get_deal": "open",
        "crm.update_deal": "asks",
        "crm.on_file": "open",
        "mail.send": "open",
    }
    assert found(house, zoned(house, egress=("mail",)))["crm.get_case"] == "zone-denied"
    assert found(house, zoned(house, deny=("mail",)))["mail.send"] == "zone-denied"
    held = found(house, zoned(house, max_label="internal"))
    assert (held["crm.list_customers"], held["crm.get_deal"]) == ("zone-label", "open")
    assert found(house, msgspec.structs.replace(house.rooms.config, agents={})) == {}


async def test_what_changed_is_reached_by_nobody(house: House) -> None:
    crm = changing(house.rooms)
    crm.now["update_deal"] = {"name": "update_deal", "description": "Other."}
    crm.now["get_case"] = None
    await look(house.rooms)
    assert [found(house)[name] for name in ("crm.update_deal", "crm.get_case")] == ["changed"] * 2


def access(effect: Effect, way: str, upstream: str = "crm") -> Access:
    return msgspec.convert(
        {"upstream": upstream, "tool": "x", "effect": effect, "way": way, "profiles": ["p"]},
        Access,
    )


@pytest.mark.parametrize(
    ("accesses", "comes_to"),
    [
        ([], "nothing"),
        ([access(Effect.read, "open")], "reads"),
        ([access(Effect.read, "asks")], "reads"),
        ([access(Effect.read, "open"), access(Effect.write, "asks")], "asks"),
        ([access(Effect.send, "open"), access(Effect.write, "asks")], "changes"),
        ([access(Effect.write, "zone-denied"), access(Effect.read, "open")], "reads"),
        ([access(Effect.write, "zone-label"), access(Effect.read, "changed")], "refused"),
    ],
)
def test_what_they_come_to(accesses: list[Access], comes_to: str) -> None:
    assert cell(accesses) == comes_to


async def test_the_page_shows_agents_zones_and_destinations(house: House) -> None:
    page = await (await house.signed_in(OLE)).get("/agents")
    assert page.status == 200
    assert "crm.example/agents/copilot" in page.text
    assert "changes by itself" in page.text
    titles = re.findall(r"<title[^>]*>([^<]*)</title>", html.unescape(page.text))[1:]
    assert titles == [
        "Who reaches what",
        "crm.example/agents/copilot at crm: changes with a person's yes (5 tools)",
        "crm.example/agents/copilot at mail: changes by itself (1 tool)",
    ]
    assert '<td data-of="Is">upstream crm</td>' in page.text


async def test_one_agent_in_full(house: House) -> None:
    ole = await house.signed_in(OLE)
    page = await ole.get(PAGE)
    for part in (AGENT, USER, "office", "need a yes", "mail:send", "20 refusals", "3600 s at most"):
        assert part in page.text
    assert f"/stop?{urlencode({'what': 'agent', 'id': AGENT})}" in page.text.replace("&amp;", "&")
    assert "What it did" not in page.text  # evidence is for analysts
    assert "stopped" not in page.text
    await house.rooms.revoke("agent", AGENT, OLE, "it sends too much")
    page = await ole.get(PAGE)
    assert "stopped" in page.text
    assert "it sends too much" in page.text
    assert "<dt>Tasks that go on</dt><dd>0</dd>" in page.text
    assert "stopped" in (await ole.get("/agents")).text
    assert (await ole.get("/agents?id=spiffe://crm.example/nobody")).status == 404


async def test_why_a_tool_is_refused_is_said_in_words(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ways: tuple[str, ...] = get_args(Way)
    accesses = tuple(access(Effect.read, way) for way in ways)
    reach = Reach(agent=AGENT, zone="office", tier=2, accesses=accesses)
    monkeypatch.setattr(agents, "reaches", lambda *_: [reach])
    page = await (await house.signed_in(OLE)).get(PAGE)
    said = re.findall(r'<td data-of="Calls">(.*?)</td>', page.text)
    words = [re.sub(r"<[^>]*>", "", one).removeprefix("refused ") for one in said]
    assert words == [
        "may pass",
        "need a yes",
        "its definition changed, or is not offered",
        "its SQL is not kept to this tenant",
        "its zone does not let it there",
        "its zone may not hold what it returns",
    ]


async def test_the_same_as_data(house: House) -> None:
    ole = await house.signed_in(OLE)
    page = await ole.get("/agents?format=json")
    assert page.headers["content-disposition"] == 'attachment; filename="reach.json"'
    (one,) = page.json["agents"]
    assert (one["agent"], one["zone"], one["tier"], len(one["accesses"])) == (AGENT, "office", 2, 6)
    rows = list(csv.DictReader(io.StringIO((await ole.get("/agents?format=csv")).text)))
    assert [row["reach"] for row in rows] == ["asks"] * 5 + ["changes"]
    assert rows[-1] == {
        "agent": AGENT,
        "zone": "office",
        "tier": "2",
        "upstream": "mail",
        "reach": "changes",
        "tool": "send",
        "effect": "send",
        "way": "open",
    }


async def test_only_operators_see_it(house: House) -> None:
    for user in (ANN, KIM):
        other = await house.signed_in(user)
        for path in ("/agents", PAGE, "/agents?format=csv"):
            assert (await other.get(path)).status == 403
    nobody = await house.browser().get(PAGE)
    assert (nobody.status, nobody.to) == (
        303,
        "/sign-in?to=/agents%3Fid%3D" + "spiffe%253A%252F%252Fcrm.example%252Fagents%252Fcopilot",
    )
    ole = await house.signed_in(OLE)
    for _ in range(agents.PER_MINUTE):
        await ole.get("/agents?format=csv")
    assert (await ole.get("/agents")).status == 429


def test_a_large_company_still_fits(tmp_path: Path) -> None:
    names = [f"upstream-{n}" for n in range(40)]
    company = [
        Reach(
            agent=f"spiffe://crm.example/agents/number-{n}",
            zone=f"zone-{n // 20}",
            tier=1,
            accesses=tuple(access(Effect.read, "open", name) for name in names[n % 3 :: 3]),
        )
        for n in range(60)
    ]
    picture = matrix(company, names)
    assert [band.zone for band in picture.bands] == ["zone-0", "zone-1", "zone-2"]
    assert len({row.y for row in picture.rows}) == 60
    assert len({column.x for column in picture.columns}) == 40
    assert picture.width < 1500
    assert max(mark.x for row in picture.rows for mark in row.marks) < picture.width
    assert max(row.y for row in picture.rows) < picture.height
    assert picture.kinds == ("reads",)


def test_nobody_and_nothing_are_drawn_too() -> None:
    picture = matrix([], [])
    assert (picture.rows, picture.columns, picture.bands) == ((), (), ())


def test_the_end_of_a_long_name_is_drawn() -> None:
    assert shortened("spiffe://a/b") == "a/b"
    assert shortened("x" * 40 + "-the-one") == "…" + "x" * (LONGEST - 9) + "-the-one"
    assert shortened("spiffe://crm.example/agents/calendar-deputy") == "…/agents/calendar-deputy"
    assert len(shortened("x" * 400)) == LONGEST
