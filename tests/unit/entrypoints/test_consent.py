"""The pages on which users consent: what they say, and what a browser must bring back."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from safeconduct.entrypoints.consent import ConsentPages
from safeconduct.entrypoints.http import Site, doors
from safeconduct.ports import NoConsent
from tests.support.front import ISSUER, Reply, exchange

CALLBACK = "/oauth/callback"


class Desk:
    """Knows one ticket, and believes one browser."""

    def __init__(self) -> None:
        self.arrived: list[tuple[Mapping[str, str], str]] = []

    def find(self, name: str) -> tuple[str, str]:
        if name != "t-1":
            raise NoConsent("There is no such ticket.")
        return "crm", "<b>jane</b>"

    async def leave(self, name: str) -> tuple[str, str]:
        self.find(name)
        return "https://as.example/authorize?a=b&c=d", "b-1"

    async def arrive(self, answer: Mapping[str, str], browser: str) -> tuple[str, str]:
        self.arrived.append((dict(answer), browser))
        if browser != "b-1":
            raise NoConsent("Another <browser>.")
        return "crm", "jane"


@pytest.fixture
def desk() -> Desk:
    return Desk()


async def get(desk: Desk, path: str, *cookies: str, secure: bool = False) -> Reply:
    pages = ConsentPages(desk, CALLBACK, secure=secure)
    site = Site(pages.routes(), doors(ISSUER, "127.0.0.1:1"))
    fields = [("host", "gateway.example"), *(("cookie", cookie) for cookie in cookies)]
    return await exchange(site, path=path, method="GET", fields=fields).run()


async def test_a_ticket_says_what_it_is_for_and_where_it_leads(desk: Desk) -> None:
    page = await get(desk, "/oauth/consent/t-1")
    assert page.status == 200
    assert b"&lt;b&gt;jane&lt;/b&gt;" in page.body
    assert b"<b>" not in page.body
    assert b'href="/oauth/leave/t-1"' in page.body
    assert page.headers["cache-control"] == "no-store"
    assert "frame-ancestors 'none'" in page.headers["content-security-policy"]
    assert "set-cookie" not in page.headers


@pytest.mark.parametrize(
    ("secure", "cookie"),
    [
        (False, "safeconduct-consent=b-1; Path=/; HttpOnly; SameSite=Lax"),
        (True, "__Host-safeconduct-consent=b-1; Path=/; HttpOnly; SameSite=Lax; Secure"),
    ],
)
async def test_who_goes_on_gets_a_cookie_along(desk: Desk, secure: bool, cookie: str) -> None:
    page = await get(desk, "/oauth/leave/t-1", secure=secure)
    assert page.status == 303
    assert page.headers["location"] == "https://as.example/authorize?a=b&c=d"
    assert page.headers["set-cookie"] == cookie


@pytest.mark.parametrize("path", ["/oauth/consent/t-2", "/oauth/leave/t-2"])
async def test_without_a_ticket_there_is_nothing(desk: Desk, path: str) -> None:
    page = await get(desk, path)
    assert (page.status, b"There is no such ticket." in page.body) == (400, True)


async def test_a_browser_comes_back_with_its_cookie(desk: Desk) -> None:
    path = f"{CALLBACK}?code=a%2Fb&state=s-1&iss=https://as.example/"
    page = await get(desk, path, "other=1; safeconduct-consent=b-1")
    assert (page.status, b"jane may use crm now" in page.body) == (200, True)
    answer = {"code": "a/b", "state": "s-1", "iss": "https://as.example/"}
    assert desk.arrived == [(answer, "b-1")]


@pytest.mark.parametrize(
    "cookies",
    [
        (),
        ("safeconduct-consent=b-2",),
        ("safeconduct-consent=b-1; safeconduct-consent=b-2",),
        ("safeconduct-consent=b-1", "safeconduct-consent=b-1"),
        ("__Host-safeconduct-consent=b-1",),
    ],
)
async def test_any_other_browser_is_not_believed(desk: Desk, cookies: tuple[str, ...]) -> None:
    page = await get(desk, f"{CALLBACK}?code=a&state=s", *cookies)
    assert (page.status, b"Another &lt;browser&gt;." in page.body) == (400, True)


@pytest.mark.parametrize("query", ["a=1&a=2", "a", "a=%ff", "&".join(f"a{i}=1" for i in range(17))])
async def test_an_answer_that_makes_no_sense_is_none(desk: Desk, query: str) -> None:
    page = await get(desk, f"{CALLBACK}?{query}", "safeconduct-consent=b-1")
    assert (page.status, desk.arrived) == (400, [])
    assert b"The answer makes no sense." in page.body
