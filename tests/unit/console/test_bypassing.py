"""The page on which an approver has a question not asked for some minutes."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

import pytest

from tests.support.authenticator import Authenticator
from tests.support.consoling import KIM, Browser, House, Page
from tests.support.recorded import recorded

TEMPLATES: Final = {"scope": {"title": "Change a deal", "ask": "desk"}}
WANTED: Final = {"template": "scope", "minutes": "5", "why": "the desk is on fire"}


def made(directory: Path, minutes: int | None = 5) -> House:
    return House(directory, approvals={"templates": TEMPLATES, "bypass_minutes": minutes})


async def give(browser: Browser, key: Authenticator, **changed: str) -> Page:
    """Signs and sends the form, as the script of the page does."""
    csrf = (await browser.get("/bypass")).csrf
    form = {"csrf": csrf, "response": "", **WANTED, **changed}
    asked = await browser.post("/bypass/options", form, accept="application/json")
    if asked.status != 200:
        return asked
    key.count += 1
    form["response"] = json.dumps(key.sign(asked.json["publicKey"]))
    return await browser.post("/bypass", form)


async def test_a_passkey_signs_it_and_nobody_is_asked(tmp_path: Path) -> None:
    house = made(tmp_path)
    browser = await house.signed_in(KIM)
    key = await house.key(browser)
    page = await give(browser, key)
    assert (page.status, page.to) == (303, "/")
    (record,) = recorded(tmp_path / "audit", "bypass")
    assert (record["minutes"], record["why"]) == (5, WANTED["why"])
    assert record["proof"]["signature"]
    assert record["bypass"] in (await browser.get("/")).text
    assert (await house.call()).reason is None


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"minutes": "6"}, 403),
        ({"minutes": "-1"}, 400),
        ({"minutes": ""}, 400),
        ({"why": " "}, 403),
        ({"template": "other"}, 403),
        ({"csrf": "x"}, 403),
    ],
)
async def test_what_is_not_given(tmp_path: Path, changed: dict[str, str], status: int) -> None:
    house = made(tmp_path)
    browser = await house.signed_in(KIM)
    key = await house.key(browser)
    assert (await give(browser, key, **changed)).status == status
    assert recorded(tmp_path / "audit", "bypass") == []


async def test_without_a_signature_there_is_none(tmp_path: Path) -> None:
    house = made(tmp_path)
    browser = await house.signed_in(KIM)
    csrf = (await browser.get("/bypass")).csrf
    assert (await browser.post("/bypass", {"csrf": csrf, **WANTED})).status == 400
    assert recorded(tmp_path / "audit", "bypass") == []


async def test_it_is_for_who_is_signed_in_and_only_where_it_is_configured(tmp_path: Path) -> None:
    house = made(tmp_path)
    page = await house.browser().get("/bypass")
    assert (page.status, page.to) == (303, "/sign-in?to=/bypass")
    assert (await house.browser().post("/bypass", WANTED)).status == 401
    (tmp_path / "b").mkdir()
    house = made(tmp_path / "b", None)
    browser = await house.signed_in(KIM)
    assert (await browser.get("/bypass")).status == 404
