from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.delegation.request import JWT_SVID
from safeconduct.ports import JSON, LedgerFault, TokenRefused
from tests.support.parties import ISSUER, NOW_S, OTHER, Parties, configuration, with_helper
from tests.support.worlds import AGENT, USER

CRM = "spiffe://crm.example/upstreams/crm"


@pytest.fixture
def parties(tmp_path: Path) -> Parties:
    config = with_helper(configuration(tmp_path))
    upstreams = config.root.upstreams
    registered = {**upstreams, "crm": replace(upstreams["crm"], spiffe_id=CRM)}
    return Parties(tmp_path, replace(config, root=replace(config.root, upstreams=registered)))


def form(parties: Parties, started: JSON, client: str = AGENT, **changes: Any) -> dict[str, str]:
    return {
        "token": str(started["access_token"]),
        "client_assertion_type": JWT_SVID,
        "client_assertion": parties.svid(client),
        **changes,
    }


async def active(parties: Parties, started: JSON, client: str = AGENT) -> bool:
    told = await parties.status.introspect(form(parties, started, client), parties.requester())
    assert told["active"] or told == {"active": False}
    return bool(told["active"])


async def test_an_agent_learns_of_its_own_token(parties: Parties) -> None:
    started = await parties.started(scope="case:read mail:send")
    told = await parties.status.introspect(form(parties, started), parties.requester())
    assert told == {
        "active": True,
        "iss": ISSUER,
        "aud": ISSUER,
        "sub": USER,
        "client_id": AGENT,
        "scope": "case:read mail:send",
        "exp": NOW_S + 900,
        "jti": parties.ledger.records[0]["token_jti"],
        "txn": started["task"],
        "tenant": "crm.example",
        "token_type": "DPoP",
        "cnf": {"jkt": parties.key.public.thumbprint},
    }


async def test_an_upstream_learns_of_all_and_nobody_else_of_any(parties: Parties) -> None:
    started = await parties.started()
    assert await active(parties, started, CRM)
    assert not await active(parties, started, OTHER)
    assert not await active(parties, started, "spiffe://crm.example/nobody")


async def test_scopes_that_the_task_gave_up_are_not_told(parties: Parties) -> None:
    started = await parties.started()
    await parties.asked(parties.renewal(started["task"], scope="case:read"))
    assert (await parties.status.introspect(form(parties, started), parties.requester()))[
        "scope"
    ] == "case:read"


async def test_what_is_not_good_is_not_active(parties: Parties) -> None:
    assert not await active(parties, {"access_token": "garbage"})
    assert not await active(parties, {"access_token": parties.svid()})


@pytest.mark.parametrize("what", ["task", "agent", "user", "key", "jti"])
async def test_what_was_revoked_is_not_active(parties: Parties, what: str) -> None:
    started = await parties.started()
    record = parties.ledger.records[-1]
    names = {
        "task": record["task"],
        "agent": AGENT,
        "user": USER,
        "key": record["jkt"],
        "jti": record["token_jti"],
    }
    await parties.revoke(what, names[what], "uid:0")
    assert not await active(parties, started, CRM)


async def test_an_expired_token_is_not_active(parties: Parties) -> None:
    started = await parties.started()
    parties.now_ms += 900_000
    assert not await active(parties, started)


async def test_a_clock_that_went_back_makes_nothing_active(parties: Parties) -> None:
    started = await parties.started()
    parties.now_ms -= 3_600_000
    assert not await active(parties, started)


async def refused(parties: Parties, asked: Mapping[str, str]) -> TokenRefused:
    faults: list[TokenRefused] = []
    for ask in (parties.status.introspect, parties.status.revoke):
        with pytest.raises(TokenRefused) as fault:
            await ask(asked, parties.requester())
        faults.append(fault.value)
    assert faults[0].args == faults[1].args
    return faults[0]


async def test_who_asks_must_be_somebody(parties: Parties) -> None:
    started = await parties.started()
    good = form(parties, started)
    for broken in (
        {"client_assertion": ""},
        {"client_assertion": "garbage"},
        {"client_assertion": parties.user_token()},
        {"client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
        {"client_id": OTHER},
    ):
        fault = await refused(parties, {**good, **broken})
        assert (fault.error, fault.status) == ("invalid_client", 401)
    fault = await refused(parties, {**good, "token": ""})
    assert (fault.error, fault.status) == ("invalid_request", 400)


async def test_an_svid_asks_once_and_then_starts_nothing(parties: Parties) -> None:
    started = await parties.started()
    asked = form(parties, started)
    await parties.status.introspect(asked, parties.requester())
    assert (await refused(parties, asked)).error == "invalid_client"
    with pytest.raises(TokenRefused):
        await parties.started(actor_token=asked["client_assertion"])
    used = parties.svid()
    await parties.started(actor_token=used)
    fault = await refused(parties, {**asked, "client_assertion": used})
    assert fault.error == "invalid_client"


async def test_nothing_is_told_that_was_not_recorded(parties: Parties) -> None:
    started = await parties.started()
    parties.ledger.fault = LedgerFault("disk full")
    fault = await refused_each(parties, started)
    assert {(one.error, one.status) for one in fault} == {("temporarily_unavailable", 503)}
    assert all("disk" not in one.sentence for one in fault)


async def refused_each(parties: Parties, started: JSON) -> list[TokenRefused]:
    faults: list[TokenRefused] = []
    for ask in (parties.status.introspect, parties.status.revoke):
        with pytest.raises(TokenRefused) as fault:
            await ask(form(parties, started), parties.requester())
        faults.append(fault.value)
    return faults


async def test_an_agent_ends_its_task(parties: Parties) -> None:
    started = await parties.started()
    child = await parties.asked(parties.child(started))
    await parties.status.revoke(form(parties, started), parties.requester())
    state = parties.ledger.state
    assert not state.active(str(started["task"]))
    assert not state.active(str(child["task"]))
    assert parties.ledger.records[-1]["by"] == AGENT
    # Again, it is over already (RFC 7009 section 2.2).
    await parties.status.revoke(form(parties, started), parties.requester())


@pytest.mark.parametrize("client", [OTHER, CRM])
async def test_nobody_ends_the_task_of_another(parties: Parties, client: str) -> None:
    started = await parties.started()
    await parties.status.revoke(form(parties, started, client), parties.requester())
    await parties.status.revoke(form(parties, started, token="garbage"), parties.requester())
    assert parties.ledger.state.active(str(started["task"]))


async def test_a_revocation_that_is_not_recorded_is_not_done(parties: Parties) -> None:
    started = await parties.started()
    parties.ledger.fault, parties.ledger.refuses = LedgerFault("disk full"), "revocation"
    with pytest.raises(TokenRefused) as fault:
        await parties.status.revoke(form(parties, started), parties.requester())
    assert fault.value.status == 503
    assert parties.ledger.state.active(str(started["task"]))


async def test_an_unbound_token_says_so(tmp_path: Path) -> None:
    parties = Parties(tmp_path, configuration(tmp_path, unsafe_bearer_tokens=True))
    bare = replace(parties.requester(), dpop=())
    started = await parties.exchange.exchange(parties.form(), bare)
    told = await parties.status.introspect(form(parties, started), parties.requester())
    assert told["token_type"] == "Bearer"
    assert "cnf" not in told
