"""Who may do what at the console."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from starlette.requests import Request
from starlette.responses import Response

from safeconduct.config.approvals import Role
from safeconduct.console.pages import Pages, sign_in
from safeconduct.console.sessions import Sessions
from safeconduct.console.wrong import Wrong
from tests.support.consoling import ANN, KIM, LEE, OLE, House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    async with house.task:
        yield house


@pytest.mark.parametrize(
    ("user", "roles"), [(ANN, {"analyst"}), (OLE, {"operator"}), (LEE, set()), (KIM, set())]
)
async def test_roles_are_given_by_name_and_by_group(
    house: House, user: str, roles: set[Role]
) -> None:
    approver = house.people.known(user, house.now_ms)
    assert approver is not None
    assert set(house.people.roles(approver)) == roles


@pytest.mark.parametrize(
    ("user", "rooms"),
    [
        (LEE, ["Inbox", "Passkeys"]),
        (ANN, ["Inbox", "Live", "Search", "Verify", "Passkeys"]),
        (OLE, ["Inbox", "Agents", "Tools", "Policy", "Stop", "Passkeys"]),
    ],
)
async def test_a_page_leads_to_those_pages_alone_that_somebody_may_see(
    house: House, user: str, rooms: list[str]
) -> None:
    browser = await house.signed_in(user)
    text = (await browser.get("/")).text
    nav = text[text.index("<nav") : text.index("</nav>")]
    assert [line.partition(">")[2][:-4] for line in nav.splitlines() if "<a " in line] == rooms


def asked(cookie: str) -> Request:
    headers = [(b"cookie", cookie.encode())]
    return Request({"type": "http", "method": "GET", "path": "/live", "headers": headers})


async def test_a_role_is_held_to_at_each_request(house: House) -> None:
    sessions = Sessions(lambda: house.now_ms, lambda _: True)
    pages = Pages(sessions, house.people, lambda: house.now_ms, secure=False)
    name, _ = sessions.begin(ANN, "passkey", house.now_ms, "")
    request = asked(f"{pages.cookie('session')}={name}")
    assert pages.require(request, "analyst").approver.user == ANN
    with pytest.raises(Wrong) as wrong:
        pages.require(request, "operator")
    assert (wrong.value.status, wrong.value.sentence) == (
        403,
        "This page is for who is operator here: `console.roles` says who is.",
    )


async def test_who_came_by_a_link_for_a_passkey_has_no_role(house: House) -> None:
    sessions = Sessions(lambda: house.now_ms, lambda _: True)
    pages = Pages(sessions, house.people, lambda: house.now_ms, secure=False)
    name, _ = sessions.begin(ANN, "enrolment", house.now_ms, "")
    request = asked(f"{pages.cookie('session')}={name}")
    here = pages.here(request)
    assert here is not None
    assert (set(here.roles), here.rooms) == (set(), [("/keys", "Passkeys")])
    with pytest.raises(Wrong) as wrong:
        pages.require(request, "analyst")
    assert wrong.value.status == 403


def test_the_way_back_after_the_sign_in_keeps_what_was_asked_for() -> None:
    scope = {"type": "http", "path": "/search", "query_string": b"user=jane%40x", "headers": []}
    response: Response = sign_in(Request({**scope, "method": "GET", "server": ("localhost", 1)}))
    assert response.headers["location"] == "/sign-in?to=/search%3Fuser%3Djane%2540x"
