"""Who did what at the console, under names that an issuer chose: on record, and forgotten."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest

from safeconduct.config.approvals import Persons
from safeconduct.config.users import UserEntry
from tests.support import consoling
from tests.support.consoling import TENANT, House
from tests.support.worlds import SCOPES

AGENT: Final = "spiffe://crm.example/agent/none"


@pytest.mark.parametrize(
    "name", ["ann@crm.example", "oidc:ann", "https://login.example/users/ann", "urn:ann|7"]
)
async def test_who_did_something_stands_on_record_by_no_name_of_theirs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setitem(consoling.PEOPLE, name, UserEntry(scopes=SCOPES))
    persons = Persons(users=(name,))
    house = House(tmp_path, roles={"analyst": persons, "operator": persons})
    async with house.task:
        browser = await house.signed_in(name)
        assert (await browser.get("/search?agent=x")).status == 200
        csrf = (await browser.get("/stop")).csrf
        stopped = await browser.post("/stop", {"csrf": csrf, "what": "agent", "id": AGENT})
        assert stopped.status == 303
        assert name in (await browser.get("/stop")).text
        # With the keys the record says who, and without them nobody can tell.
        assert [one["by"] for one in house.records("audit.read")] == [name]
        assert [one["by"] for one in house.records("revocation")] == [name]
        files = [one for one in (house.directory / "audit").iterdir() if one.is_file()]
        assert any(AGENT.encode() in one.read_bytes() for one in files)
        assert not any(name.encode() in one.read_bytes() for one in files)
        house.rooms.keys.erase(TENANT, name)
        assert name not in str(house.records("audit.read"))


async def test_the_account_that_opened_the_socket_is_no_user(tmp_path: Path) -> None:
    house = House(tmp_path)
    async with house.task:
        await house.rooms.revoke("agent", AGENT, "uid:0 root")
        assert [one["by"] for one in house.records("revocation")] == ["uid:0 root"]
        files = [one for one in (house.directory / "audit").iterdir() if one.is_file()]
        assert any(b'"by":"uid:0 root"' in one.read_bytes() for one in files)
