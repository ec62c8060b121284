"""A visit: somebody whom nobody signed in looks around, and changes nothing."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from safeconduct.approvals.links import TICKET_MS
from safeconduct.audit.index.query import Query
from safeconduct.console.pages import VISITING, Here
from safeconduct.console.records import Records
from safeconduct.console.sessions import Session
from safeconduct.console.shield import Shield
from tests.support.consoling import ANN, BOT, LEE, TENANT, Browser, House

OPEN = {"/sign-out", "/sign-in/options", "/sign-in/passkey", "/enrol/{ticket}", "/visit/{ticket}"}
"""What is posted by who is not signed in, or to end that."""

READS = {"/calls/{decision}/opened", "/search/export", "/tasks/{task}/export"}
"""What a form shows, as looking is on record."""


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    approvals = {"templates": {"scope": {"ask": "desk"}}, "bypass_minutes": 5}
    house = House(tmp_path, approvals=approvals)
    async with house.task:
        yield house


def link(house: House, user: str) -> str:
    return f"/visit/{house.rooms.visits.make(user, 'uid:0')}"


async def visitor(house: House, user: str) -> Browser:
    """A browser of somebody who came by a link."""
    browser = house.browser()
    page = await browser.post(link(house, user))
    assert (page.status, page.to) == (303, "/")
    return browser


async def test_a_link_is_good_once_and_looking_at_it_spends_nothing(house: House) -> None:
    path, browser = link(house, ANN), house.browser()
    for _ in range(2):
        page = await browser.get(path)
        assert page.status == 200
        assert f"<strong>{ANN}</strong>" in page.text
    assert (await browser.get("/")).status == 303
    assert (await browser.post(path)).to == "/"
    assert (await browser.get("/")).status == 200
    assert (await house.browser().post(path)).status == 403


async def test_a_link_that_is_old_leads_nowhere(house: House) -> None:
    path = link(house, ANN)
    house.now_ms += TICKET_MS
    assert (await house.browser().post(path)).status == 403


@pytest.mark.parametrize("user", [BOT, "eve@crm.example"])
async def test_nobody_visits_as_who_cannot_sign_in(house: House, user: str) -> None:
    browser = house.browser()
    assert (await browser.post(link(house, user))).status == 403
    assert (await browser.get("/")).status == 303


async def test_every_page_says_that_it_is_a_visit(house: House) -> None:
    browser = await visitor(house, LEE)
    question = await house.asked()
    for path in ("/", "/keys", f"/approvals/{question.id}", "/nowhere"):
        page = await browser.get(path)
        assert "console.unsafe_visits" in page.text or page.status == 404, path
    signed_in = await house.signed_in(LEE)
    assert "unsafe_visits" not in (await signed_in.get("/")).text


async def test_a_visitor_sees_a_question_and_gets_no_way_to_answer_it(house: House) -> None:
    question = await house.asked()
    browser = await visitor(house, LEE)
    assert "no passkey" not in (await browser.get("/")).text
    text = (await browser.get(f"/approvals/{question.id}")).text
    assert VISITING in text
    assert text.count("<form") == 1  # to sign out


async def test_a_visitor_changes_nothing_by_any_form(house: House) -> None:
    question = await house.asked()
    browser = await visitor(house, LEE)
    csrf = (await browser.get("/")).csrf
    assert isinstance(house.app, Shield)
    assert isinstance(house.app.pages, Starlette)
    posted = {
        one.path
        for one in house.app.pages.routes
        if isinstance(one, Route) and one.methods and "POST" in one.methods
    }
    assert posted > OPEN | READS
    for path in posted - OPEN - READS:
        form = {"csrf": csrf, "choice": "denied", "response": "{}"}
        ids = {"approval": question.id, "decision": f"d_{'0' * 24}", "task": f"t_{'0' * 24}"}
        page = await browser.post(path.format(**ids), form)
        assert (page.status, page.said) == (403, VISITING), path
    assert house.phases == ["requested"]
    assert house.records("passkey") == []
    assert (await browser.post("/sign-out", {"csrf": csrf})).to == "/sign-in"
    assert (await browser.get("/")).status == 303


async def test_what_a_visitor_reads_is_on_record_as_that(house: House) -> None:
    await house.call()
    approver = house.people.known(ANN, house.now_ms)
    assert approver is not None
    for how in ("visit", "sign-in"):
        now_ms = house.now_ms
        session = Session(
            user=ANN,
            how=how,
            by="",
            signed_in_ms=now_ms,
            began_ms=now_ms,
            seen_ms=now_ms,
            csrf="",
        )
        here = Here(session, approver, house.people.roles(approver))
        await Records(house.rooms).find(here, "query", Query(tenant=TENANT, kind="decision"))
    visited, signed_in = house.records("audit.read")
    assert visited["unsafe_visit"] is True
    assert "unsafe_visit" not in signed_in


async def test_a_visitor_opens_what_was_sealed(house: House) -> None:
    await house.call()
    (decision,) = house.records("decision")
    browser = await visitor(house, ANN)
    form = {"csrf": (await browser.get("/")).csrf}
    page = await browser.post(f"/calls/{decision['decision']}/opened", form)
    assert page.status == 200
    assert "call Dana" in page.text
    assert house.records("audit.read")[-1]["unsafe_visit"] is True
