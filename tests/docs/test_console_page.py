"""The page of the console says what it serves, and within which limits."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

from starlette.applications import Starlette
from starlette.routing import Route

from safeconduct.approvals.links import TICKET_MS
from safeconduct.console import asking, exporting, records, serving, signing_in
from safeconduct.console.pages import ASSETS
from safeconduct.console.sessions import IDLE_MS, LATELY_MS, LONGEST_MS, MAX_OF_USER
from safeconduct.console.shield import HEADERS, MAX_BODY, POLICY, Shield
from tests.support.consoling import DEAL, House
from tests.support.pages import DOCS, codes, sections, tables
from tests.support.worlds import USER

LOADED = ("console.css", "console.js")
PAGE = DOCS / "reference" / "console.md"


async def test_the_routes_are_those_that_are_served(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.task:
        assert isinstance(house.app, Shield)
        pages = house.app.pages
        assert isinstance(pages, Starlette)
        served = [
            f"{min(one.methods)} {one.path}"
            for one in pages.routes
            if isinstance(one, Route) and one.methods and not one.path.startswith("/static/")
        ]
    rows = tables(sections(PAGE)["Routes"])[0][1:]
    assert sorted(code for row in rows for code in codes(row[0])) == sorted(served)


def test_the_limits_are_those_that_hold() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert f"{IDLE_MS // 60_000} minutes without use" in text
    assert f"after {LONGEST_MS // 3_600_000} hours" in text
    assert f"at {MAX_OF_USER} places at most" in text
    assert f"at most {MAX_BODY // 1024} KiB" in text
    assert f"{asking.PER_MINUTE} answers a minute" in text
    assert f"{records.PER_MINUTE} questions to the log a minute" in text
    assert f"and {exporting.PER_MINUTE} exports." in text
    assert f"{signing_in.PER_MINUTE} sign-ins that begin" in text
    assert f"comes back {signing_in.RETURNS} times a minute" in text
    assert f"{serving.MAX_CONNECTIONS} connections at most" in text
    assert f"for {serving.IDLE_S:.0f} seconds is closed" in text
    assert f"once there are more than {serving.MAX_SILENT}." in text
    assert f"good once, for {TICKET_MS // 60_000} minutes" in text
    assert LATELY_MS == 5 * 60_000
    assert "within five minutes of a sign-in" in text


def test_the_headers_are_those_that_are_sent() -> None:
    said = sections(PAGE)["What every request is held to"].lower()
    for name, value in HEADERS.items():
        if name not in {"content-security-policy", "permissions-policy", "x-frame-options"}:
            assert name in said
            assert value in said
    assert "`default-src 'none'`" in said
    for part in ("script-src 'self'", "frame-ancestors 'none'", "form-action 'self'"):
        assert part in POLICY


async def test_the_largest_page_weighs_less_than_60_kb(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.task:
        jane = await house.signed_in(USER)
        worst = "\u202e<\u0430" * 2_000
        question = await house.asked({**DEAL, "next_step": worst[:5_000]})
        page = await jane.get(f"/approvals/{question.id}")
        assert page.status == 200
        parts = (page.text.encode(), *(ASSETS[name].content for name in LOADED))
        assert sum(len(gzip.compress(part)) for part in parts) < 60_000
        links = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
        assert sorted(links) == sorted(ASSETS[name].path for name in LOADED)
        for path in links:
            file = await jane.get(path)
            assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
