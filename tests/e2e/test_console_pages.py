"""Chromium on every page of the console, over a day of traffic in which attackers took part: seen
wide and on a phone, in the dark and on paper, by keyboard alone, without scripts, and by axe.

`SCREENSHOTS=write` keeps what was seen in docs/images; `RECORDS=5000` makes it a short day.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import pytest
from examples.stage.chromium import ENTER, TAB, chromium

from bench.console.corpus import HOSTILE
from bench.console.filling import fill
from bench.console.pages import PAGES, Page
from bench.console.traffic import Written
from safeconduct.console.visible import written
from tests.e2e.desk import ask, enrolment, equip, opened, register
from tests.e2e.looking import PAPER, PHONE, WIDE, Look
from tests.support.installation import (
    ROOT,
    USER,
    Gateway,
    change,
    opened_office,
)

pytestmark = [pytest.mark.debian, pytest.mark.timeout(300)]

RECORDS: Final = int(os.environ.get("RECORDS", "100000"))
IMAGES: Final = ROOT / "docs" / "images"
PICTURED: Final = {
    "": {one.name for one in PAGES}
    - {"inbox", "keys", "live-week", "search-tool", "policy", "policy-diff"},
    "dark": {"live", "task"},
    "phone": {"call", "live", "task"},
}
"""Of which pages pictures are kept: as on a desk, in the dark, and on a phone."""

each_page = pytest.mark.parametrize("page", PAGES, ids=[one.name for one in PAGES])


class Desk:
    """Everything that stands and runs: the console after that day, and somebody who looks at it."""

    def __init__(self, place: Path, driver: Path, stack: ExitStack) -> None:
        office = stack.enter_context(opened_office())
        for kind, text in HOSTILE.items():
            name = f"odd-{kind}"
            schema = {"type": "object", "properties": {text: {"type": "string", "title": text}}}
            office.definitions[name] = {
                "name": name,
                "title": text,
                "description": text,
                "inputSchema": schema,
            }
        directory = place / "gateway"
        title = f"Refund a customer {HOSTILE['script']}"
        self.url = equip(directory, office, {"unsafe_enrolment": True})
        root = json.loads((directory / "safeconduct.yaml").read_text())
        root["console"]["roles"] = {role: {"users": [USER]} for role in ("analyst", "operator")}
        root["approvals"]["templates"] = {"scope": {"title": title[:80]}}
        change(directory / "safeconduct.yaml", root)
        self.written: Written = fill(directory, RECORDS)
        self.gateway: Gateway = stack.enter_context(opened(directory))
        self.agent = self.gateway.task(f"Refund order O-1. {HOSTILE['svg']}")
        self.question = ask(
            self.agent, {"to": HOSTILE["handler"] + HOSTILE["bidi"], "amount_minor": 1}
        )
        window = stack.enter_context(chromium(driver, place / "driver.log"))
        window.authenticator()
        register(window, enrolment(directory, USER))
        self.look = Look(window, self.url)

    def path(self, page: Page) -> str:
        """Where a page is."""
        return page.path(self.written)


@pytest.fixture(scope="module")
def desk(
    tmp_path_factory: pytest.TempPathFactory, require_program: Callable[[str], Path]
) -> Generator[Desk]:
    require_program("chromium")
    driver = require_program("chromedriver")
    with ExitStack() as stack:
        yield Desk(tmp_path_factory.mktemp("day"), driver, stack)


@pytest.fixture
def look(desk: Desk) -> Look:
    """Its window, as wide as on a desk."""
    desk.look.sized(WIDE)
    return desk.look


@each_page
def test_a_page_can_be_seen_by_everybody_and_runs_nothing(
    desk: Desk, look: Look, page: Page
) -> None:
    look.open(desk.path(page))
    look.quiet()
    look.fits()
    look.accessible()
    _keep(look, page.name)
    look.sized(WIDE, scheme="dark")
    look.accessible("color-contrast")
    _keep(look, f"{page.name}/dark")
    look.sized(PHONE)
    look.fits()
    _keep(look, f"{page.name}/phone")
    look.sized(PAPER, media="print")
    look.fits()
    assert look.printed().startswith(b"%PDF")
    look.quiet()


@each_page
def test_a_page_can_be_used_with_the_keyboard_alone(desk: Desk, look: Look, page: Page) -> None:
    look.open(desk.path(page))
    look.tabbed()


@each_page
def test_a_page_works_without_scripts(desk: Desk, look: Look, page: Page) -> None:
    text = look.without_scripts(desk.path(page))
    if page.needs == "script":
        assert "JavaScript" in text
    assert len(text.splitlines()) > 3


def test_the_keyboard_skips_to_the_content_and_follows_links(desk: Desk, look: Look) -> None:
    look.open("/keys")
    look.window.press(TAB, ENTER)
    assert look.window.run("return document.activeElement.id") == "main"
    look.open("/keys")
    at = look.window.run(
        "return [...document.querySelectorAll('a[href], button')].findIndex("
        "(one) => one.pathname === '/search') + 1"
    )
    look.window.press(*[TAB] * at, ENTER)
    look.window.until(f"{desk.url}/search")


def test_a_question_in_hostile_words_is_inert(desk: Desk, look: Look) -> None:
    look.open(f"/approvals/{desk.question}")
    look.quiet()
    look.fits()
    look.accessible()
    assert HOSTILE["handler"] in look.window.text()
    assert "\\u202e" in look.window.text()
    look.sized(PHONE)
    look.fits()
    look.quiet()


@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_words_of_a_call_are_inert(desk: Desk, look: Look, kind: str) -> None:
    _, call = desk.written.odd[kind]
    look.open(f"/calls/{call}")
    look.quiet()
    look.fits()


def test_hostile_words_that_arrive_while_somebody_watches_are_inert(look: Look) -> None:
    texts = [written(one) for one in HOSTILE.values()]
    members = ("decision", "tool", "agent", "user", "reason")
    ours = {"at": "2026-11-21 10:00:00", "verdict": "deny"}
    news = {
        "until_ms": 0,
        "groups": [[one, "deny", one, 1] for one in texts],
        "rows": [dict.fromkeys(members, one) | ours for one in texts],
        "matched": len(texts),
        "missed": 0,
    }
    look.open("/live")
    look.tell("decisions", news)
    look.fits()
    look.window.click("[data-group]")
    shown = look.window.run("return document.querySelector('[data-groups] tbody').textContent")
    assert all(one in shown for one in texts)
    look.fits()
    look.sized(PHONE)
    look.fits()
    look.quiet()


def test_what_was_sealed_is_shown_inert(desk: Desk, look: Look) -> None:
    _, call = desk.written.odd["closing"]
    look.open(f"/calls/{call}")
    look.window.click("form[action*='/opened'] button")
    look.window.until(f"{desk.url}/calls/{call}/opened")
    assert HOSTILE["closing"] in look.window.text()
    look.quiet()
    look.fits()
    look.accessible()


def _keep(look: Look, name: str) -> None:
    page, _, way = name.partition("/")
    if os.environ.get("SCREENSHOTS") == "write" and page in PICTURED.get(way, ()):
        look.picture(IMAGES / f"console-{name.replace('/', '-')}.png")
