from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import JSON, LedgerFault, TokenRefused
from tests.support.parties import (
    BOB,
    NOW_MS,
    OTHER,
    Parties,
    configuration,
    profiled,
    with_helper,
)
from tests.support.worlds import SCOPES, USER


@pytest.fixture
def parties(tmp_path: Path) -> Parties:
    return Parties(tmp_path, with_helper(configuration(tmp_path)))


async def refused(parties: Parties, form: dict[str, str], *proofs: str) -> str:
    before = len(parties.ledger.records)
    with pytest.raises(TokenRefused) as fault:
        await parties.asked(form, *proofs)
    assert len(parties.ledger.records) == before
    return fault.value.error


async def test_a_task_goes_on_with_its_key(parties: Parties) -> None:
    started = await parties.started()
    parties.now_ms += 800_000
    renewed = await parties.asked(parties.renewal(started["task"]))
    assert renewed == {
        "access_token": renewed["access_token"],
        "issued_token_type": started["issued_token_type"],
        "token_type": "DPoP",
        "expires_in": 900,
        "scope": " ".join(sorted(SCOPES)),
        "task": started["task"],
    }
    bearer = parties.tokens.verify(parties.caller(renewed["access_token"]), parties.now_ms)
    assert (bearer.task, bearer.user) == (started["task"], USER)
    record = parties.ledger.records[-1]
    assert (record["phase"], record["at_ms"], record["jkt"]) == (
        "renewed",
        parties.now_ms,
        parties.key.public.thumbprint,
    )
    assert record["agent"]["attested_ms"] == parties.now_ms


async def test_a_token_that_has_ended_is_renewed_while_its_task_lives(parties: Parties) -> None:
    started = await parties.started()
    parties.now_ms += 3_000_000
    renewed = await parties.asked(parties.renewal(started["task"]))
    assert renewed["expires_in"] == 600


async def test_what_was_refused_is_not_used_up(parties: Parties) -> None:
    started = await parties.started()
    form = parties.renewal(started["task"], scope="wish:list")
    assert await refused(parties, form) == "invalid_scope"
    await parties.asked({**form, "scope": "case:read"})


async def test_it_ends_with_the_longest_life_of_its_profile(tmp_path: Path) -> None:
    parties = Parties(tmp_path, profiled(configuration(tmp_path), max_task_lifetime=1000))
    started = await parties.started()
    parties.now_ms += 850_000
    assert (await parties.asked(parties.renewal(started["task"])))["expires_in"] == 150
    parties.now_ms += 149_500
    assert await refused(parties, parties.renewal(started["task"])) == "invalid_grant"
    parties.now_ms += 500
    assert await refused(parties, parties.renewal(started["task"])) == "invalid_grant"


async def test_a_plan_narrows_and_does_not_widen(parties: Parties) -> None:
    started = await parties.started()
    form = parties.renewal(started["task"], scope="case:read mail:send")
    assert (await parties.asked(form))["scope"] == "case:read mail:send"
    form = parties.renewal(started["task"], scope="case:read deal:update secret:read")
    assert (await parties.asked(form))["scope"] == "case:read"
    form = parties.renewal(started["task"], scope="mail:send")
    assert await refused(parties, form) == "invalid_scope"


async def test_what_the_configuration_took_back_is_not_renewed(tmp_path: Path) -> None:
    first = Parties(tmp_path)
    started = await first.started()
    config = profiled(configuration(tmp_path), scopes=("case:read", "secret:read"))
    second = Parties(tmp_path, config, first.ledger)
    second.key = first.key
    renewed = await second.asked(second.renewal(started["task"]))
    assert renewed["scope"] == "case:read secret:read"
    third = Parties(tmp_path, None, first.ledger)
    third.key = first.key
    again = await third.asked(third.renewal(started["task"]))
    assert again["scope"] == "case:read secret:read"
    unassigned = replace(config, root=replace(config.root, assignments={}))
    fourth = Parties(tmp_path, unassigned, first.ledger)
    fourth.key = first.key
    assert await refused(fourth, fourth.renewal(started["task"])) == "unauthorized_client"


async def test_it_is_the_same_agent_s_the_same_user_s_and_the_same_key_s(parties: Parties) -> None:
    started = await parties.started()
    task = started["task"]
    for changes in (
        {"actor_token": parties.svid(OTHER)},
        {"subject_token": parties.user_token(BOB)},
        {"task": "t_unknown"},
    ):
        form = {**parties.renewal(task), **changes}
        assert await refused(parties, form) == "invalid_grant"
    theirs = parties.proof(PrivateKey.generate())
    assert await refused(parties, parties.renewal(task), theirs) == "invalid_dpop_proof"


async def test_it_takes_fresh_tokens(parties: Parties) -> None:
    svid, user = parties.svid(), parties.user_token()
    started = await parties.started(actor_token=svid, subject_token=user)
    for used in ({"actor_token": svid}, {"subject_token": user}):
        form = parties.renewal(started["task"], **used)
        assert await refused(parties, form) == "invalid_grant"
    svid = parties.svid()
    await parties.asked(parties.renewal(started["task"], actor_token=svid))
    with pytest.raises(TokenRefused):
        await parties.started(actor_token=svid)


@pytest.mark.parametrize("what", ["task", "agent", "user", "key"])
async def test_what_was_revoked_is_not_renewed(parties: Parties, what: str) -> None:
    started = await parties.started()
    record = parties.ledger.records[-1]
    names = {
        "task": record["task"],
        "agent": record["agent"]["id"],
        "user": USER,
        "key": record["jkt"],
    }
    await parties.revoke(what, names[what], "uid:0")
    assert await refused(parties, parties.renewal(started["task"]))


async def test_no_record_no_token(parties: Parties) -> None:
    started = await parties.started()
    form = parties.renewal(started["task"])
    parties.ledger.fault = LedgerFault("disk full")
    assert await refused(parties, form) == "temporarily_unavailable"
    parties.ledger.fault = None
    await parties.asked(form)


async def test_a_bearer_s_task_goes_on_without_a_key(tmp_path: Path) -> None:
    parties = Parties(tmp_path, configuration(tmp_path, unsafe_bearer_tokens=True))
    bare = replace(parties.requester(), dpop=())
    started = await parties.exchange.exchange(parties.form(), bare)
    renewed = await parties.exchange.exchange(parties.renewal(started["task"]), bare)
    assert renewed["token_type"] == "Bearer"
    assert await refused(parties, parties.renewal(started["task"])) == "invalid_dpop_proof"


async def test_the_bound_do_not_become_bearers(tmp_path: Path) -> None:
    parties = Parties(tmp_path, configuration(tmp_path, unsafe_bearer_tokens=True))
    started = await parties.started()
    bare = replace(parties.requester(), dpop=())
    with pytest.raises(TokenRefused):
        await parties.exchange.exchange(parties.renewal(started["task"]), bare)


# --- of a child -----------------------------------------------------------------------------------


async def passed_on(parties: Parties) -> tuple[JSON, JSON, PrivateKey]:
    parent = await parties.started()
    key = PrivateKey.generate()
    return parent, await parties.asked(parties.child(parent), parties.proof(key)), key


def again(parties: Parties, parent: JSON, child: JSON, **changes: Any) -> dict[str, str]:
    return parties.child(parent, task_profile=None, **{"task": str(child["task"]), **changes})


async def test_a_child_goes_on_by_its_parent(parties: Parties) -> None:
    parent, child, key = await passed_on(parties)
    parties.now_ms = NOW_MS + 600_000
    form = again(parties, parent, child)
    renewed = await parties.asked(form, parties.proof(key))
    # No longer than the token that it was renewed by.
    assert (renewed["task"], renewed["expires_in"]) == (child["task"], 300)


async def test_a_child_is_not_renewed_by_a_user_or_another_task(parties: Parties) -> None:
    parent, child, key = await passed_on(parties)
    form = parties.renewal(child["task"], actor_token=parties.svid(OTHER))
    assert await refused(parties, form, parties.proof(key)) == "invalid_grant"
    other = await parties.started()
    form = again(parties, other, child)
    assert await refused(parties, form, parties.proof(key)) == "invalid_grant"
    form = again(parties, parent, parent)
    assert await refused(parties, form, parties.proof(key)) == "invalid_grant"
