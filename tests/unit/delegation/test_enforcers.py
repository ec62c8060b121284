"""Which enforcement points may ask, and about whose tasks."""

from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct.delegation.enforcers import Enforcers
from safeconduct.delegation.tokens import CLOCK_SLACK_MS
from safeconduct.ports import JSON, LedgerFault, TokenRefused, Unauthenticated
from tests.support.certified import Certified
from tests.support.parties import OTHER, Parties
from tests.support.worlds import AGENT, USER

PEP = "spiffe://crm.example/peps/mesh"


def enforcers(parties: Parties) -> Enforcers:
    return Enforcers(
        (PEP,),
        asking=parties.asking,
        tasks=parties.ledger.state,
        clock_ms=lambda: parties.now_ms,
    )


@pytest.fixture
def parties(tmp_path: Path) -> Certified:
    return Certified(tmp_path)


async def nobody(parties: Parties, svid: str | None) -> str:
    with pytest.raises(TokenRefused) as fault:
        await enforcers(parties).enforcer(svid, parties.requester())
    assert (fault.value.error, fault.value.status) == ("invalid_client", 401)
    assert fault.value.sentence == "The client is not authenticated."
    return fault.value.why


async def test_an_enforcement_point_shows_a_jwt_svid_once(parties: Certified) -> None:
    svid = parties.svid(PEP)
    assert await enforcers(parties).enforcer(svid, parties.requester()) == PEP
    assert parties.ledger.records[-1] == {
        "kind": "client",
        "phase": "decision",
        "client": PEP,
        "at_ms": parties.now_ms,
        "consumes": parties.ledger.records[-1]["consumes"],
    }
    await nobody(parties, svid)


async def test_who_is_not_configured_is_nobody(parties: Certified) -> None:
    assert await nobody(parties, parties.svid(AGENT)) == f"{AGENT} is not in authzen.callers"
    assert await nobody(parties, "garbage")
    await nobody(parties, None)


async def test_what_was_revoked_is_nobody(parties: Certified) -> None:
    await parties.revoke("agent", PEP, "uid:0")
    assert "revoked" in await nobody(parties, parties.svid(PEP))


async def test_nothing_is_answered_when_nothing_can_be_recorded(parties: Certified) -> None:
    parties.ledger.fault = LedgerFault("no space")
    with pytest.raises(TokenRefused) as fault:
        await enforcers(parties).enforcer(parties.svid(PEP), parties.requester())
    assert (fault.value.error, fault.value.status) == ("temporarily_unavailable", 503)


async def test_an_enforcement_point_comes_with_a_certificate(parties: Certified) -> None:
    held = parties.authority.svid(PEP)
    caller = parties.comes("", certificate=held.shown)
    asked = enforcers(parties)
    assert await asked.enforcer(None, caller) == PEP
    assert await asked.enforcer(None, caller) == PEP
    assert parties.ledger.records == []
    agent = parties.comes("", certificate=parties.held.shown)
    stranger = parties.comes("", certificate=Certified(parties.state / "other").held.shown)
    for other in (agent, stranger):
        with pytest.raises(TokenRefused, match="not authenticated"):
            await asked.enforcer(None, other)
    await parties.revoke("key", held.shown.thumbprint, "uid:0")
    with pytest.raises(TokenRefused, match="not authenticated"):
        await asked.enforcer(None, caller)


@pytest.fixture
async def started(parties: Certified) -> JSON:
    return await parties.started(scope="case:read")


async def test_a_task_is_its_users_and_its_agents(parties: Certified, started: JSON) -> None:
    bearer = enforcers(parties).bearer(started["task"], USER, AGENT)
    assert (bearer.task, bearer.user, bearer.agent) == (started["task"], USER, AGENT)
    assert bearer.scopes == {"case:read"}
    assert bearer.key == parties.key.public.thumbprint
    for other in (
        ("t_0", USER, AGENT),
        (started["task"], "bob", AGENT),
        (started["task"], USER, OTHER),
    ):
        with pytest.raises(Unauthenticated, match="No such task"):
            enforcers(parties).bearer(*other)


async def test_a_clock_that_went_back_makes_no_task_live(parties: Certified, started: JSON) -> None:
    parties.now_ms -= CLOCK_SLACK_MS + 1
    with pytest.raises(Unauthenticated, match="No such task"):
        enforcers(parties).bearer(started["task"], USER, AGENT)
