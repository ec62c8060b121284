"""Every route of the console, tried by everybody: who has no business there gets nothing, a visit
changes nothing, and no evidence is shown that cannot be put on record.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path
from typing import Final, cast

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from safeconduct.audit.faults import LogFault
from safeconduct.console.shield import Shield
from tests.support.consoling import ANN, KIM, OLE, Browser, House
from tests.support.worlds import USER

ROLES: Final[Mapping[str, str | None]] = {
    **dict.fromkeys(("live", "search", "verify", "log", "calls", "tasks"), ANN),
    **dict.fromkeys(("agents", "tools", "policy", "stop"), OLE),
    **dict.fromkeys(("", "waiting", "approvals", "keys", "bypass"), None),
}
"""By the first word of a path, whose role has it; None: everybody who is signed in."""

OPEN: Final = frozenset({"sign-in", "signed-in", "sign-out", "enrol", "visit", "static"})
"""Where who is not signed in may go."""

READING: Final = ("/opened", "/export")
"""How forms end that change nothing: they are asked for by a form because it goes on record."""

COUNTED: Final = frozenset({"/live/decisions", "/live/approvals"})
"""Counts, which show no record."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path, approvals={"bypass_minutes": 10})
    async with house.task:
        await house.asked()
        await house.call({"id": "D-7"}, "crm.get_deal")
        yield house


def routes(house: House, method: str) -> Iterator[tuple[str, str]]:
    """Every path of this method, with ids that are there; and its first word."""
    decision = house.records("decision")[-1]
    pending = house.rooms.desk.pending()
    held = {
        "{approval}": pending[-1].id if pending else "a_none",
        "{decision}": str(decision["decision"]),
        "{task}": str(decision["task"]),
        "{level}": "0",
        "{index:path}": "000",
        "{n}": "1",
    }
    shield = cast("Shield", house.app)
    for route in cast("Starlette", shield.pages).routes:
        assert isinstance(route, Route)
        path = route.path
        for name, value in held.items():
            path = path.replace(name, value)
        first = path.split("/")[1]
        if method in (route.methods or ()) and first not in OPEN:
            yield path, first


async def sent(browser: Browser, path: str) -> int:
    """What comes of a form of the browser's own session that says what each page asks for."""
    form = {
        "csrf": (await browser.get("/keys")).csrf,
        "what": "agent",
        "id": "spiffe://crm.example/agent/none",
        "word": "STOP",
        "choice": "denied",
        "case": "c",
        "upstream": "crm",
        "tool": "update_deal",
    }
    return (await browser.post(path, form)).status


async def test_who_has_no_business_there_gets_nothing(house: House) -> None:
    people = {user: await house.signed_in(user) for user in (USER, KIM, ANN, OLE)}
    tried = 0
    for method in ("GET", "HEAD", "POST"):
        for path, first in routes(house, method):
            role = ROLES[first]  # a new page says here whose it is
            assert (await house.browser().ask(method, path)).status in {303, 401, 403, 415}
            for user, browser in people.items():
                if role in (None, user):
                    continue
                tried += 1
                if method == "POST":
                    assert await sent(browser, path) == 403, (user, path)
                else:
                    page = await browser.ask(method, path)
                    assert page.status == 403, (user, path)
                    assert "update_deal" not in page.text
    assert tried > 100
    for kind in ("audit.read", "revocation", "bypass"):
        assert house.records(kind) == []


async def test_a_visit_changes_nothing_anywhere(house: House) -> None:
    before = house.rooms.log.size
    for user in (USER, ANN, OLE):
        visitor = house.browser()
        link = house.rooms.visits.make(user, "uid:0")
        assert (await visitor.post(f"/visit/{link}")).status == 303
        for path, _ in routes(house, "POST"):
            if not path.endswith(READING):
                assert await sent(visitor, path) == 403, (user, path)
    assert house.rooms.log.size == before
    assert len(house.rooms.desk.pending()) == 1


async def test_what_cannot_be_put_on_record_is_not_shown(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    ann = await house.signed_in(ANN)
    csrf = (await ann.get("/keys")).csrf
    paths = {
        method: [path for path, first in routes(house, method) if ROLES[first] == ANN]
        for method in ("GET", "POST")
    }

    async def full(*_: object) -> int:
        raise LogFault("full", "the disk is full")

    monkeypatch.setattr(house.rooms.log, "append", full)
    shown: list[str] = []
    for path in paths["GET"]:
        for asked in (path, f"{path}?format=json", f"{path}?kind=any"):
            page = await ann.get(asked)
            assert "D-7" not in page.text
            if page.status == 200:
                shown.append(path)
    for path in paths["POST"]:
        page = await ann.post(path, {"csrf": csrf, "case": "c"})
        assert page.status != 200, path
    # Forms, hashes, and counts are no records.
    assert set(shown) <= COUNTED | {"/search", "/verify", "/log/checkpoint", "/log/tile/0/000"}
