"""The kill switch of the console."""

from __future__ import annotations

import html
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import pytest

from safeconduct.console import stopping
from safeconduct.console.stopping import WORD
from tests.support.consoling import ANN, KIM, OLE, Browser, House, Page
from tests.support.worlds import AGENT, USER

HOSTILE = "<script>alert(1)</script>\"'\u202e{{7*7}}"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    async with house.task:
        yield house


def path(what: str, identifier: str) -> str:
    return f"/stop?what={what}&id={quote(identifier, safe='')}"


async def stop(browser: Browser, what: str, identifier: str, **more: str) -> Page:
    """Looks what would end, and says yes."""
    csrf = (await browser.get(path(what, identifier))).csrf
    return await browser.post("/stop", {"csrf": csrf, "what": what, "id": identifier, **more})


async def test_an_agent_is_stopped_in_two_pages_and_its_next_call_is_refused(house: House) -> None:
    browser = await house.signed_in(OLE)
    form = await browser.get("/stop")
    assert form.status == 200
    assert f"/stop?what=agent&amp;id={quote(AGENT, safe='/')}" in form.text  # it is at work
    looked = await browser.get(path("agent", AGENT))
    assert "1 task ends now" in looked.text
    assert house.task.task in looked.text
    assert house.records("revocation") == []
    page = await stop(browser, "agent", AGENT, why="it loops")
    assert (page.status, page.to) == (303, "/stop")
    (record,) = house.records("revocation")
    assert {name: record[name] for name in ("what", "id", "by", "why")} == {
        "what": "agent",
        "id": AGENT,
        "by": OLE,
        "why": "it loops",
    }
    assert (await house.call()).reason == "task-revoked"
    after = (await browser.get("/stop")).text
    assert f"Stopped: agent {AGENT}. 1 task has ended with it." in after
    assert "it loops" in after
    assert "No task goes on now." in after
    assert "It is stopped already" in (await browser.get(path("agent", AGENT))).text


@pytest.mark.parametrize("what", ["user", "task", "key", "jti"])
async def test_whatever_else_can_be_revoked_is_stopped_likewise(house: House, what: str) -> None:
    names = {"user": USER, "task": house.task.task, "key": "thumbprint", "jti": "j_1"}
    browser = await house.signed_in(OLE)
    assert (await stop(browser, what, names[what])).to == "/stop"
    (record,) = house.records("revocation")
    assert (record["what"], record["id"]) == (what, names[what])
    ended = (await house.call()).reason == "task-revoked"
    assert ended == (what in {"user", "task"})
    said = "1 task has ended with it." if ended else "No task was going on with it."
    assert said in (await browser.get("/stop")).text


async def test_everything_is_stopped_at_once_by_who_types_the_word(house: House) -> None:
    browser = await house.signed_in(OLE)
    page = await browser.get("/stop?what=everything")
    assert "1 agent and 1 task end now" in page.text
    for word in ("", "stop it"):
        wrong = await browser.post("/stop/everything", {"csrf": page.csrf, "word": word})
        assert (wrong.status, wrong.said) == (
            400,
            f"Nothing was stopped: type {WORD} to stop every agent.",
        )
    assert house.records("revocation") == []
    form = {"csrf": page.csrf, "word": WORD, "why": "fire"}
    assert (await browser.post("/stop/everything", form)).to == "/stop"
    (record,) = house.records("revocation")
    assert (record["what"], record["id"], record["why"]) == ("agent", AGENT, "fire")
    assert (await house.call()).reason == "task-revoked"
    assert "Stopped: 1 agent. 1 task has ended" in (await browser.get("/stop")).text
    assert "Every agent is stopped already." in (await browser.get("/stop?what=everything")).text


@pytest.mark.parametrize("user", [USER, KIM, ANN])
async def test_who_is_no_operator_sees_and_stops_nothing(house: House, user: str) -> None:
    browser = await house.signed_in(user)
    csrf = (await browser.get("/keys")).csrf
    form = {"csrf": csrf, "what": "agent", "id": AGENT, "word": WORD}
    assert (await browser.get("/stop")).status == 403
    assert (await browser.get(path("agent", AGENT))).status == 403
    assert (await browser.post("/stop", form)).status == 403
    assert (await browser.post("/stop/everything", form)).status == 403
    assert house.records("revocation") == []


async def test_who_is_not_signed_in_signs_in_first(house: House) -> None:
    page = await house.browser().get("/stop?what=agent&id=a")
    assert (page.status, page.to) == (303, "/sign-in?to=/stop%3Fwhat%3Dagent%26id%3Da")
    assert (await house.browser().post("/stop", {"what": "agent", "id": AGENT})).status == 401


async def test_a_form_of_another_session_stops_nothing(house: House) -> None:
    browser = await house.signed_in(OLE)
    form = {"csrf": "x", "what": "agent", "id": AGENT, "word": WORD}
    assert (await browser.post("/stop", form)).status == 403
    assert (await browser.post("/stop/everything", form)).status == 403
    assert house.records("revocation") == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"what": "world"}, "revoke one of agent, user, task, key, jti by its id"),
        ({"id": ""}, "revoke one of agent, user, task, key, jti by its id"),
        ({"id": "x" * 2_049}, "an id has 2048 characters at most"),
        ({"why": "x" * 301}, "a reason is text of at most 300 characters"),
    ],
)
async def test_what_makes_no_sense_stops_nothing(
    house: House, changed: dict[str, str], said: str
) -> None:
    browser = await house.signed_in(OLE)
    csrf = (await browser.get(path("agent", AGENT))).csrf
    form = {"csrf": csrf, "what": "agent", "id": AGENT, **changed}
    page = await browser.post("/stop", form)
    assert (page.status, page.said) == (400, f"Nothing was stopped: {said}.")
    assert house.records("revocation") == []


async def test_hostile_ids_and_reasons_are_text(house: House) -> None:
    browser = await house.signed_in(OLE)
    looked = await browser.get(path("agent", HOSTILE))
    assert "The configuration has no such agent" in looked.text
    await stop(browser, "agent", HOSTILE, why=HOSTILE)
    listed = await browser.get("/stop")
    for page in (looked, listed):
        assert "<script>alert" not in page.text
        assert "\\u202e" in page.text
        assert "{{7*7}}" in html.unescape(page.text)


async def test_somebody_who_stops_themselves_is_told_and_is_out(house: House) -> None:
    browser = await house.signed_in(OLE)
    assert "This is you." in (await browser.get(path("user", OLE))).text
    await stop(browser, "user", OLE)
    assert (await browser.get("/stop")).to == "/sign-in?to=/stop"


async def test_a_stop_that_cannot_be_recorded_is_said_not_to_be(house: House) -> None:
    browser = await house.signed_in(OLE)
    csrf = (await browser.get("/keys")).csrf
    house.rooms.log.close()
    page = await browser.post("/stop", {"csrf": csrf, "what": "agent", "id": AGENT})
    assert (page.status, page.said) == (503, "This could not be recorded, so it was not done.")
    page = await browser.post("/stop/everything", {"csrf": csrf, "word": WORD})
    said = f"This could not be recorded, so these agents go on: {AGENT}."
    assert (page.status, page.said) == (503, said)


async def test_one_person_stops_so_many_a_minute(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stopping, "PER_MINUTE", 1)
    house = House(tmp_path)
    async with house.task:
        browser = await house.signed_in(OLE)
        assert (await stop(browser, "task", "t_1")).status == 303
        assert (await stop(browser, "task", "t_2")).status == 429
        assert [one["id"] for one in house.records("revocation")] == ["t_1"]
