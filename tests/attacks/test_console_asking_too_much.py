"""What is asked at the console so that it costs the gateway more than an answer is worth, and what
must go on when something does.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import urlencode

import pytest

from safeconduct.console import records, stopping
from safeconduct.console.downloads import table
from safeconduct.console.streams import Streams, Wanted
from tests.support.consoling import ANN, OLE, TENANT, House

AGENT = "spiffe://crm.example/agent/none"


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    async with house.task:
        yield house


async def test_what_an_agent_named_a_thousand_times_is_not_read_a_thousand_times(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MOST_READ", 4)
    ann = await house.signed_in(ANN)
    for _ in range(4):
        await house.call({"id": "D-7"}, "crm.get_deal")
    assert (await ann.get("/search?object=D-7")).text.count('href="/calls/d_') == 4
    await house.call({"id": "D-7"}, "crm.get_deal")
    for path in ("/search?object=D-7", "/search?object=D-7&prove=1"):
        page = await ann.get(path)
        assert (page.status, page.text.count('href="/calls/d_')) == (400, 0)
        assert "That takes more than 4 records to answer." in page.text
    # What has a limit is answered as before.
    assert (await ann.get("/search?tool=crm.get_deal&limit=2")).text.count('href="/calls/d_') == 2


async def test_a_question_too_long_for_the_record_is_not_answered(house: House) -> None:
    ann, ole = await house.signed_in(ANN), await house.signed_in(OLE)
    names = ("agent", "tool", "object", "label", "reason", "task", "approval")
    page = await ann.get("/search?" + urlencode(dict.fromkeys(names, "\U0001f600" * 512)))
    assert page.status == 400
    assert "too long to be put on record" in page.text
    form = {"csrf": (await ole.get("/stop")).csrf, "what": "agent", "id": "\U0001f600" * 2_048}
    stopped = await ole.post("/stop", form)
    assert (stopped.status, house.records("revocation")) == (400, [])
    # The log goes on: neither was its fault.
    assert (await ann.get("/search?agent=x")).status == 200


@pytest.mark.parametrize("name", ["nobody@private.example", "u_nobody@private.example"])
@pytest.mark.parametrize(
    "path", ["/live?", "/search?", "/search?format=json&", "/search?prove=1&agent=x&"]
)
async def test_a_name_that_was_typed_stays_off_the_record_and_the_look_does_not(
    house: House, path: str, name: str
) -> None:
    """Whether records name somebody is told to nobody unseen."""
    ann = await house.signed_in(ANN)
    page = await ann.get(f"{path}user={name}")
    assert page.status == 200
    (read,) = house.records("audit.read")
    assert (read["by"], read["asked"]["user"], read["records"]) == (ANN, "u_nobody", 0)
    files = (one for one in (house.directory / "audit").rglob("*") if one.is_file())
    assert not any(b"nobody@private.example" in one.read_bytes() for one in files)


async def test_a_record_that_is_like_no_other_ends_no_stream(house: House) -> None:
    streams = Streams(house.rooms.log)
    watcher = streams.open(ANN, Wanted(tenant=TENANT))
    await house.rooms.log.append({"kind": "odd", "tool": 5, "of": {"kind": "decision"}})
    streams.look()
    news = watcher.take()
    assert news is not None
    assert (news.matched, news.missed) == (0, 1)
    await streams.close(watcher)


async def test_stopping_waits_for_no_thread(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stopping, "COUNT_S", 0.01)
    ole = await house.signed_in(OLE)
    csrf = (await ole.get("/stop")).csrf
    gate, loop = threading.Event(), asyncio.get_running_loop()
    busy = [loop.run_in_executor(None, gate.wait) for _ in range(64)]
    try:
        page = await ole.post("/stop", {"csrf": csrf, "what": "agent", "id": AGENT})
        assert (page.status, [one["id"] for one in house.records("revocation")]) == (303, [AGENT])
    finally:
        gate.set()
        await asyncio.gather(*busy)
    assert "was not counted" in (await ole.get("/stop")).text


def test_a_name_is_no_formula() -> None:
    names = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "plain", "a=b")
    told = table(("name", "tier"), ((name, 3) for name in names)).decode()
    assert told.startswith("name,tier\r\n'=1+1,3\r\n'+1,3\r\n'-1,3\r\n'@SUM(A1),3\r\n")
    assert told.endswith("plain,3\r\na=b,3\r\n")
    assert told.count("'") == 6
