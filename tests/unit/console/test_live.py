"""Who watches what agents do: the page, the stream, and what both leave on record."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from safeconduct.audit.reads import Answering
from safeconduct.audit.walk import Walk
from safeconduct.console import live, streams, watching
from safeconduct.console.sessions import IDLE_MS
from tests.support.consoling import ANN, DEAL, KIM, OLE, House
from tests.support.streaming import watching as watched
from tests.support.worlds import USER

SCRIPT = '<script>alert(1)</script>"\u202e'
READ = "crm.get_case"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """News as soon as the event loop comes to it."""
    monkeypatch.setattr(streams, "TICK_S", 0)


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    async with house.task:
        yield house


async def test_the_page_shows_the_newest_decisions_first(house: House) -> None:
    for amount in range(3):
        house.now_ms += 60_000
        await house.call({"id": f"D-{amount}", "amount_minor": 900})
    page = await (await house.signed_in(ANN, "/live")).get("/live")
    assert page.status == 200
    made = [one["decision"] for one in house.records("decision")]
    assert re.findall(r'href="/calls/(d_[0-9a-f]{24})"', page.text) == made[::-1]
    assert f'<td data-of="For">{USER}</td>' in page.text
    (read,) = house.records("audit.read")
    assert (read["phase"], read["asked"], read["records"], read["by"]) == (
        "live",
        {"kind": "decision", "limit": live.NEWEST},
        3,
        ANN,
    )


@pytest.mark.parametrize("days", [0, 2, 9, 40, 400])
async def test_the_newest_are_found_however_long_ago_they_were(
    house: House, monkeypatch: pytest.MonkeyPatch, days: int
) -> None:
    monkeypatch.setattr(live, "NEWEST", 2)
    for amount in range(3):
        house.now_ms += 60_000
        await house.call({"id": f"D-{amount}", "amount_minor": 900})
    house.now_ms += days * 86_400_000
    page = await (await house.signed_in(ANN, "/live")).get("/live")
    made = [one["decision"] for one in house.records("decision")]
    shown = re.findall(r'href="/calls/(d_[0-9a-f]{24})"', page.text)
    assert shown == made[:0:-1]


@pytest.mark.parametrize("path", ["/live", "/live/stream", "/live/decisions", "/live/approvals"])
async def test_it_is_for_analysts_alone(house: House, path: str) -> None:
    for user in (KIM, OLE):
        page = await (await house.signed_in(user)).get(path)
        assert page.status == 403
        assert "who is analyst here" in page.said
    nobody = await house.browser().get(path)
    assert (nobody.status, nobody.to.partition("?")[0]) == (303, "/sign-in")
    assert house.records("audit.read") == []
    assert (await house.browser().get("/live?tool=a")).to == "/sign-in?to=/live%3Ftool%3Da"


async def test_what_is_decided_comes_over_the_stream(house: House) -> None:
    ann = await house.signed_in(ANN)
    async with watched(ann) as stream:
        assert stream.status == 200
        assert stream.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert stream.headers["cache-control"] == "no-store"
        assert "content-security-policy" in stream.headers
        assert await stream.events(1) == [("meanwhile", {})]
        await house.call({"id": "D-9", "amount_minor": 900})
        ((name, news),) = await stream.events(1)
    (made,) = house.records("decision")
    assert (name, news["matched"], news["missed"]) == ("decisions", 1, 0)
    verdict, reason = made["verdict"], made.get("reason", "")
    assert news["groups"] == [["crm.update_deal", verdict, reason, 1]]
    assert news["rows"] == [
        {
            "decision": made["decision"],
            "at": "2026-09-21 14:13:20",
            "verdict": verdict,
            "tool": "crm.update_deal",
            "agent": made["agent"],
            "user": USER,
            "reason": reason,
        }
    ]
    assert news["until_ms"] == made["at_ms"]


async def test_a_stream_is_on_record_when_it_begins_and_with_what_it_showed(house: House) -> None:
    async with watched(await house.signed_in(ANN), "/live/stream?tool=crm.update_deal") as stream:
        (began,) = house.records("audit.read")
        assert (began["phase"], began["records"], began["by"]) == ("live", 0, ANN)
        assert set(began["asked"]) == {"kind", "tool", "stream"}
        await stream.events(1)
        for _ in range(2):
            await house.call()
        rows = [row for _, news in await stream.events(2) for row in news["rows"]]
    began, ended = house.records("audit.read")
    said = Answering()
    written = [data for group in Walk(house.directory / "audit") for data in group.entries]
    for made in house.records("decision"):
        said.take(made["n"], written[made["n"]])
    shown = said.answer()
    assert len(rows) == 2
    assert ended["asked"] == {**began["asked"], "ended": True}
    assert {name: ended[name] for name in ("records", "answer", "first", "last")} == {
        "records": 2,
        "answer": shown.answer,
        "first": shown.first,
        "last": shown.last,
    }


async def test_only_what_is_looked_for_comes(house: House) -> None:
    ann = await house.signed_in(ANN)
    async with (
        watched(ann, "/live/stream?tool=crm.get_deal") as other,
        watched(ann, f"/live/stream?user={USER}&verdict=elevate") as stream,
    ):
        await house.call()
        _, (_, news) = await stream.events(2)
        assert [row["verdict"] for row in news["rows"]] == ["elevate"]
        await other.leave()
    assert [one["records"] for one in house.records("audit.read")[2:]] == [0, 1]
    page = await ann.get("/live?tool=crm.get_deal")
    assert "No decision like this is on record." in page.text
    assert (await ann.get("/live?user=nobody")).text.count("/calls/") == 0


async def test_who_comes_back_hears_how_much_there_was_meanwhile(house: House) -> None:
    ann = await house.signed_in(ANN)
    await house.call()
    house.now_ms += 1_000
    since_ms = house.now_ms
    for _ in range(2):
        await house.call()
    async with watched(ann, f"/live/stream?since={since_ms}") as stream:
        assert await stream.events(1) == [("meanwhile", {"elevate": 2})]


async def test_a_slow_browser_is_told_how_much_it_did_not_see(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_ROWS", 2)
    async with watched(await house.signed_in(ANN)) as stream:
        await stream.events(1)
        stream.hold()
        for _ in range(5):
            await house.call()
        stream.go_on()
        told = [news for _, news in await stream.events(2)]
    assert sum(news["matched"] for news in told) == 5
    assert all(len(news["rows"]) <= 2 for news in told)
    made = [one["decision"] for one in house.records("decision")]
    assert told[-1]["rows"][-1]["decision"] == made[-1]


@pytest.mark.parametrize("why", ["signed out", "revoked", "idle"])
async def test_a_stream_ends_with_the_session_and_keeps_none_alive(house: House, why: str) -> None:
    ann = await house.signed_in(ANN)
    async with watched(ann) as stream:
        await stream.events(1)
        match why:
            case "signed out":
                await ann.post("/sign-out", {"csrf": (await ann.get("/keys")).csrf})
            case "revoked":
                await house.rooms.revoke("user", ANN, "uid:0")
            case _:
                house.now_ms += IDLE_MS
        await house.call()
        assert await stream.events(1) == [("over", {"why": live.OVER})]
        await stream.task
    assert [one["asked"].get("ended") for one in house.records("audit.read")] == [None, True]


async def test_so_many_streams_are_open_and_no_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(streams, "MAX_OF_PERSON", 1)
    ann = await house.signed_in(ANN)
    async with watched(ann):
        refused = await ann.get("/live/stream")
        assert refused.status == 429
        assert "You watch in 1 places already." in refused.said
        monkeypatch.setattr(streams, "MAX_OF_PERSON", 9)
        monkeypatch.setattr(streams, "MAX_WATCHERS", 1)
        assert (await ann.get("/live/stream")).status == 429
    async with watched(ann) as again:
        assert again.status == 200


async def test_streams_begin_so_often_and_no_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "PER_MINUTE", 1)
    house = House(house.directory / "other")
    async with house.task:
        ann = await house.signed_in(ANN)
        async with watched(ann):
            pass
        assert (await ann.get("/live/stream")).status == 429


async def test_a_heartbeat_shows_that_it_lives(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "HEARTBEAT_S", 0)
    async with watched(await house.signed_in(ANN)) as stream:
        _, *beats = await stream.events(3)
    assert beats == [("", None), ("", None)]


async def test_who_takes_nothing_is_not_waited_for(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "SEND_S", 0)
    async with watched(await house.signed_in(ANN)) as stream:
        await stream.events(1)
        stream.hold()
        await house.call()
        await stream.task
    assert [one["asked"].get("ended") for one in house.records("audit.read")] == [None, True]


async def test_what_cannot_be_put_on_record_is_not_shown(house: House) -> None:
    await house.call()
    ann = await house.signed_in(ANN)
    house.rooms.log.close()
    for path in ("/live", "/live/stream"):
        page = await ann.get(path)
        assert page.status == 503
        assert page.said == "This could not be recorded, so it was not done."
        assert "d_" not in page.text


async def test_a_log_that_cannot_be_read_is_said(house: House) -> None:
    ann = await house.signed_in(ANN)
    index = house.directory / "audit" / "index"
    index.mkdir(exist_ok=True)
    (index / "progress.json").mkdir()
    for path in ("/live", "/live/decisions", "/live/stream?since=1"):
        page = await ann.get(path)
        assert (page.status, page.said) == (503, "The log cannot be read now."), path


async def test_text_of_others_is_inert(house: House) -> None:
    ann = await house.signed_in(ANN)
    async with watched(ann) as stream:
        await house.call(tool=SCRIPT)
        text = json.dumps(await stream.events(2))
    page = await ann.get("/live?tool=%3Cscript%3Ealert(1)%3C/script%3E%22%E2%80%AE")
    for shown in (page.text, (await ann.get("/live")).text):
        assert "<script>alert" not in shown
        # What was typed stands in its field as it was typed.
        assert "\u202e" not in re.sub(r'<input id="tool"[^>]*>', "", shown)
    assert "\u202e" not in json.loads(text)[1][1]["rows"][0]["tool"]
    assert "&lt;script&gt;alert(1)" in page.text
    for wrong in ("verdict=maybe", f"tool={'a' * 501}", "span=9y", "since=x", "format=xml"):
        answer = await ann.get(f"/live/{'stream' if 'since' in wrong else 'decisions'}?{wrong}")
        assert answer.status == 400, wrong


async def test_counts_are_data_too(house: House) -> None:
    ann = await house.signed_in(ANN)
    for amount in (1, 2, 3):
        await house.call({**DEAL, "amount_minor": amount})
    told = (await ann.get("/live/decisions?span=7d")).json
    assert told["until_ms"] - told["since_ms"] == 7 * 24 * 3_600_000
    start_ms = house.now_ms // 3_600_000 * 3_600_000
    assert told["decisions"] == [{"start_ms": start_ms, "permit": 0, "elevate": 3, "deny": 0}]
    page = await ann.get("/live/approvals?format=csv")
    assert page.headers["content-disposition"] == 'attachment; filename="approvals.csv"'
    assert [*csv.DictReader(io.StringIO(page.text))] == [
        {"start_ms": str(start_ms), "asked": "3", "answered": "0"}
    ]
    assert house.records("audit.read") == []
    assert (await ann.get("/live/decisions?tool=other")).json["decisions"] == []


async def test_a_page_that_loads_itself_keeps_no_session_alive(house: House) -> None:
    ann = await house.signed_in(ANN)
    assert "url=/live?span=24h&amp;again=1" in (await ann.get("/live")).text
    house.now_ms += IDLE_MS - 1
    assert (await ann.get("/live?again=1")).status == 200
    house.now_ms += 1
    assert (await ann.get("/live?again=1")).status == 303


async def test_the_page_and_all_it_loads_weigh_little(house: House) -> None:
    for minute in range(144):
        house.now_ms += 600_000
        if minute % 4 == 0:
            await house.call({"id": f"D-{minute}", "amount_minor": 900})
    page = await (await house.signed_in(ANN)).get("/live?span=7d")
    assert page.text.count("<rect") > 30
    links = re.findall(r'(?:href|src)="(/static/[^"]+)"', page.text)
    assert len(links) == 4
