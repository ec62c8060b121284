"""What somebody reads of the log at the console is on record before they see it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from safeconduct.audit.index.query import Query
from safeconduct.console import records
from safeconduct.console.pages import Here
from safeconduct.console.records import Records
from safeconduct.console.sessions import Session
from safeconduct.console.wrong import Wrong
from safeconduct.ports import LedgerFault
from tests.support.consoling import ANN, TENANT, House


@pytest.fixture
async def house(tmp_path: Path) -> AsyncIterator[House]:
    house = House(tmp_path)
    async with house.task:
        yield house


def analyst(house: House) -> Here:
    """Ann, who has signed in."""
    now_ms = house.now_ms
    session = Session(
        user=ANN,
        how="sign-in",
        by="",
        signed_in_ms=now_ms,
        began_ms=now_ms,
        seen_ms=now_ms,
        csrf="",
    )
    approver = house.people.known(ANN, now_ms)
    assert approver is not None
    return Here(session, approver, house.people.roles(approver))


async def test_what_is_found_is_on_record_by_the_person_who_reads(house: House) -> None:
    await house.call()
    reading, here = Records(house.rooms), analyst(house)
    query = Query(tenant=TENANT, kind="decision", limit=5)
    hits = await reading.find(here, "query", query)
    assert [hit.record["tool"] for hit in hits] == ["crm.update_deal"]
    (read,) = house.records("audit.read")
    assert {name: read[name] for name in ("by", "phase", "asked", "records", "first")} == {
        "by": ANN,
        "phase": "query",
        "asked": {"kind": "decision", "limit": 5},
        "records": 1,
        "first": hits[0].entry.n,
    }
    (again,) = await reading.find(here, "query", Query(tenant=TENANT, kind="audit.read"))
    assert again.record["by"] == reading.pseudonym(ANN) != ANN
    assert reading.shown(again.record)["by"] == ANN


async def test_what_cannot_be_put_on_record_is_not_shown(house: House) -> None:
    reading, here = Records(house.rooms), analyst(house)
    house.rooms.log.close()
    with pytest.raises(LedgerFault):
        await reading.find(here, "query", Query(tenant=TENANT))


async def test_one_person_asks_so_often_and_no_more(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "PER_MINUTE", 1)
    reading, here = Records(house.rooms), analyst(house)
    await reading.find(here, "query", Query(tenant=TENANT))
    with pytest.raises(Wrong) as wrong:
        await reading.find(here, "query", Query(tenant=TENANT))
    assert wrong.value.status == 429


async def test_a_log_that_cannot_be_searched_is_said_to_be(house: House) -> None:
    reading, here = Records(house.rooms), analyst(house)
    index = house.directory / "audit" / "index"
    index.write_bytes(b"no directory")
    with pytest.raises(Wrong) as wrong:
        await reading.find(here, "query", Query(tenant=TENANT))
    assert (wrong.value.status, wrong.value.sentence) == (503, "The log cannot be read now.")
