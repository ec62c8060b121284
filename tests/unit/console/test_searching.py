"""Looking for records at the console: what is found, what is on record of it, and who may."""

from __future__ import annotations

import html
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Final

import pytest

from safeconduct.audit.index.words import KINDS
from safeconduct.console import proofs
from tests.support.consoling import ANN, KIM, OLE, START_MS, House, Page
from tests.support.worlds import USER

HOSTILE: Final = "<script>alert(1)</script>\"'\u202e"
AGENT: Final = "spiffe://crm.example/agents/copilot"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    async with house.task:
        yield house


def calls(page: Page) -> list[str]:
    """The calls that a page leads to, from the top."""
    return re.findall(r'href="/calls/(d_[0-9a-f]{24})"', page.text)


def task_of(house: House) -> str:
    """The task that the agent works on."""
    return str(house.records("task")[0]["task"])


def link(page: Page, words: str) -> str:
    """Where a link with these words leads."""
    found = re.search(rf'href="([^"]+)"[^>]*>{words}<', page.text)
    assert found is not None, page.text
    return html.unescape(found[1])


@pytest.mark.parametrize("user", [OLE, KIM, USER])
async def test_nobody_else_gets_it(house: House, user: str) -> None:
    browser = await house.signed_in(user)
    page = await browser.get("/search?kind=any")
    assert (page.status, page.said) == (
        403,
        "This page is for who is analyst here: `console.roles` says who is.",
    )
    assert house.records("audit.read") == []


async def test_who_is_not_signed_in_comes_back_to_the_question(house: House) -> None:
    page = await house.browser().get("/search?verdict=deny")
    assert (page.status, page.to) == (303, "/sign-in?to=/search%3Fverdict%3Ddeny")


async def test_the_form_alone_reads_nothing(house: House) -> None:
    ann = await house.signed_in(ANN)
    page = await ann.get("/search")
    assert page.status == 200
    assert f'value="{AGENT}"' in page.text
    assert house.records("audit.read") == []


async def test_what_an_agent_did_for_a_user_is_found_and_on_record(house: House) -> None:
    await house.call()
    await house.call({"id": "D-7"}, "crm.get_deal")
    ann = await house.signed_in(ANN)
    page = await ann.get(f"/search?agent={AGENT}&user={USER}&since=24h")
    decided = [one["decision"] for one in house.records("decision")]
    assert calls(page) == decided[::-1]
    assert "crm.update_deal" in page.text
    assert USER in page.text
    (read,) = house.records("audit.read")
    short = AGENT.removeprefix("spiffe://")  # as tables have it
    assert calls(await ann.get(f"/search?agent={short}&since=24h")) == calls(page)
    assert {name: read[name] for name in ("by", "phase", "records", "asked")} == {
        "by": ANN,
        "phase": "query",
        "records": 2,
        "asked": {
            "agent": AGENT,
            "user": house.rooms.keys.known("crm.example", USER),
            "since_ms": START_MS - 86_400_000,
            "until_ms": START_MS + 1,
            "kind": "decision",
            "limit": 50,
        },
    }


async def test_each_page_leads_to_what_is_older_and_nothing_is_lost(house: House) -> None:
    for _ in range(5):
        await house.call({"id": "D-7"}, "crm.get_deal")
    ann = await house.signed_in(ANN)
    page = await ann.get("/search?kind=decision&limit=2")
    found = calls(page)
    while "Older" in page.text:
        page = await ann.get(link(page, "Older"))
        found += calls(page)
    assert found == [one["decision"] for one in house.records("decision")][::-1]
    assert [one["records"] for one in house.records("audit.read")] == [2, 2, 1]


async def test_what_was_found_can_be_taken_along(house: House) -> None:
    await house.call()
    ann = await house.signed_in(ANN)
    page = await ann.get("/search?kind=any&format=json")
    assert page.headers["content-disposition"] == 'attachment; filename="records.jsonl"'
    told = [json.loads(line) for line in page.text.splitlines()]
    assert [one["n"] for one in told] == list(range(len(told)))
    assert told[-1]["user"] == USER


async def test_that_it_is_all_is_proven(house: House) -> None:
    await house.call()
    house.now_ms += 1_000
    ann = await house.signed_in(ANN)
    page = await ann.get(f"/search?task={task_of(house)}&prove=1")
    assert page.status == 200
    assert re.search(r"1 record proven under the root [0-9a-f]{64} of \d+; none is missing: "
                     r"task_n 1 to 4 without a gap", page.text)  # fmt: skip
    lines = await ann.get(f"/search?task={task_of(house)}&prove=1&format=json")
    *records, last = [json.loads(line) for line in lines.text.splitlines()]
    assert [one["answers"] for one in records].count(True) == 1
    assert (last["complete"], last["missing"]) == ("task_n", None)
    assert last["checkpoint"].startswith("crm.example/audit\n")


async def test_what_is_too_much_to_prove_is_said_to_be(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(proofs, "MOST", 1)
    await house.call()
    ann = await house.signed_in(ANN)
    page = await ann.get(f"/search?task={task_of(house)}&prove=1")
    assert page.status == 400
    assert "safeconduct audit query --prove" in page.text
    assert house.records("audit.read") == []


async def test_what_is_pasted_leads_to_its_page(house: House) -> None:
    ann = await house.signed_in(ANN)
    digits = "0123456789abcdef01234567"
    for pasted, to in (
        (f"t_{digits}", f"/tasks/t_{digits}"),
        (f"+d_{digits}+", f"/calls/d_{digits}"),
        (f"a_{digits}", f"/search?approval=a_{digits}"),
        (f"{digits}00000000", f"/search?trace={digits}00000000"),
    ):
        page = await ann.get(f"/search?id={pasted}")
        assert (page.status, page.to) == (303, to)
    page = await ann.get("/search?id=//evil.example")
    assert page.status == 400


@pytest.mark.parametrize(
    ("asked", "status", "sentence"),
    [
        ("kind=secret", 400, "There is no kind of record that is called secret."),
        ("verdict=maybe", 400, "No record says maybe of itself."),
        ("since=never", 400, "never is no time"),
        ("since=2026-13-01", 400, "2026-13-01T00:00Z is no time"),
        ("until=999999w", 200, "Nothing found"),
        ("limit=201&kind=any", 400, "A page shows 1 to 200 records."),
        ("limit=x&kind=any", 400, "A page shows 1 to 200 records."),
        ("colour=red", 400, "Nothing here can be searched by colour."),
        ("after=1&kind=any", 400, "No page ended there."),
        ("format=xml&kind=any", 400, "What was found can be had as a page, or as JSON."),
        ("user=nobody@crm.example", 200, "No record names the user nobody@crm.example."),
        ("user=u_nobody@crm.example", 200, "No record names the user u_nobody@crm.example."),
        ("agent=copilot", 200, "No record names the agent copilot."),
        ("tool=crm", 200, "No record names the tool crm."),
        ("tool=" + "x" * 513, 400, "At most 512 characters can be searched for."),
    ],
)
async def test_what_makes_no_sense_is_said(
    house: House, asked: str, status: int, sentence: str
) -> None:
    ann = await house.signed_in(ANN)
    page = await ann.get(f"/search?{asked}")
    assert page.status == status
    assert sentence in page.text


async def test_names_that_are_known_are_not_called_unknown(house: House) -> None:
    await house.call()
    ann = await house.signed_in(ANN)
    page = await ann.get(f"/search?agent={AGENT}&since=yesterday&until=today")
    assert "Nothing found" in page.text
    assert "No record names" not in page.text


async def test_days_and_times_without_a_zone_are_utc(house: House) -> None:
    await house.call()
    ann = await house.signed_in(ANN)
    for asked, number in (
        ("since=today", 1),
        ("since=yesterday&until=today", 0),
        ("since=2026-09-21", 1),
        ("since=2026-09-21T14:14", 0),
    ):
        assert len(calls(await ann.get(f"/search?{asked}"))) == number, asked


async def test_text_of_others_is_inert(house: House) -> None:
    await house.call({"id": HOSTILE}, HOSTILE)
    ann = await house.signed_in(ANN)
    for asked in ("kind=any", "tool=%3Cscript%3Ealert(1)%3C/script%3E%22%27", f"kind={KINDS[0]}"):
        page = await ann.get(f"/search?{asked}")
        assert page.status == 200
        assert "<script>alert" not in page.text
        assert "\u202e" not in page.text


async def test_without_a_log_nothing_is_shown(house: House) -> None:
    await house.call()
    ann = await house.signed_in(ANN)
    house.rooms.log.close()
    page = await ann.get("/search?kind=any")
    assert (page.status, page.said) == (503, "This could not be recorded, so it was not done.")
