from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from safeconduct.kit.jwk import PrivateKey, decode
from safeconduct.ports import JSON, TokenRefused
from tests.support.parties import (
    OTHER,
    Parties,
    configuration,
    profiled,
    with_helper,
)
from tests.support.worlds import AGENT, SCOPES, USER


@pytest.fixture
def parties(tmp_path: Path) -> Parties:
    return Parties(tmp_path, with_helper(configuration(tmp_path)))


async def refused(parties: Parties, form: dict[str, str], *proofs: str) -> str:
    before = len(parties.ledger.records)
    with pytest.raises(TokenRefused) as fault:
        await parties.asked(form, *proofs)
    assert len(parties.ledger.records) == before
    return fault.value.error


def claims(response: JSON) -> dict[str, Any]:
    read: dict[str, Any] = msgspec.json.decode(decode(str(response["access_token"]).split(".")[1]))
    return read


async def test_a_part_of_a_task_is_passed_on(parties: Parties) -> None:
    parent = await parties.started(scope="case:read mail:send")
    key = PrivateKey.generate()
    child = await parties.asked(parties.child(parent), parties.proof(key))
    assert child["scope"] == "case:read mail:send"
    said = claims(child)
    assert said["act"] == {"sub": OTHER, "act": {"sub": AGENT}}
    assert (said["sub"], said["client_id"], said["cnf"]) == (
        USER,
        OTHER,
        {"jkt": key.public.thumbprint},
    )
    record = parties.ledger.records[-1]
    assert (record["parent"], record["phase"]) == (parent["task"], "started")
    assert record["expires_ms"] == parties.ledger.records[0]["expires_ms"]


async def test_it_has_its_parent_s_purpose_or_one_that_nobody_vouches_for(parties: Parties) -> None:
    parent = await parties.started(purpose=None, purpose_attestation=parties.attestation())
    await parties.asked(parties.child(parent))
    record = parties.ledger.records[-1]
    assert (record["purpose"], record["purpose_source"]) == ("Answer case C-1", "app")
    await parties.asked(parties.child(parent, purpose="Look it up"))
    record = parties.ledger.records[-1]
    assert (record["purpose"], record["purpose_source"]) == ("Look it up", "agent")


async def test_no_scope_is_wider_than_the_parent_s(parties: Parties) -> None:
    parent = await parties.started(scope="case:read")
    form = parties.child(parent, scope="case:read mail:send")
    assert (await parties.asked(form))["scope"] == "case:read"
    assert await refused(parties, parties.child(parent, scope="mail:send")) == "invalid_scope"


async def test_a_narrower_token_is_a_narrower_parent(parties: Parties) -> None:
    parent = await parties.started()
    assert parent["scope"] == " ".join(sorted(SCOPES))
    renewed = await parties.asked(parties.renewal(parent["task"], scope="case:read"))
    assert (await parties.asked(parties.child(renewed)))["scope"] == "case:read"
    # The older token says more than the task still has.
    assert (await parties.asked(parties.child(parent)))["scope"] == "case:read"


async def test_it_lasts_no_longer_than_the_token_it_came_from(parties: Parties) -> None:
    parent = await parties.started()
    parties.now_ms += 840_000
    assert (await parties.asked(parties.child(parent)))["expires_in"] == 60


async def test_it_is_handed_over_by_name_and_by_key(parties: Parties) -> None:
    parent = await parties.started()
    token = parent["access_token"]
    for proof, error in (
        (parties.handover(token, to=AGENT), "invalid_request"),
        (parties.handover(token, act=None), "invalid_request"),
        (parties.handover(token, key=PrivateKey.generate()), "invalid_dpop_proof"),
        (parties.handover("another token"), "invalid_dpop_proof"),
        (parties.handover(token, htu="https://elsewhere.example"), "invalid_dpop_proof"),
        (parties.handover(token, iat=parties.now_ms // 1000 - 61), "invalid_dpop_proof"),
        ("garbage", "invalid_dpop_proof"),
    ):
        form = parties.child(parent, subject_token_proof=proof)
        assert await refused(parties, form) == error
    assert await refused(parties, parties.child(parent, subject_token="x")) == "invalid_request"


async def test_it_is_handed_over_once(parties: Parties) -> None:
    parent = await parties.started()
    proof = parties.handover(parent["access_token"])
    await parties.asked(parties.child(parent, subject_token_proof=proof))
    form = parties.child(parent, subject_token_proof=proof)
    assert await refused(parties, form) == "invalid_dpop_proof"


async def test_both_agents_must_be_known_to_each_other(tmp_path: Path) -> None:
    config = with_helper(configuration(tmp_path))
    helper = config.agents[OTHER]
    for named in ((f"user:{USER}",), (f"agent:{AGENT}",), (f"user:{USER}", f"agent:{OTHER}")):
        delegation = replace(helper.delegation, on_behalf_of=named)
        agents = {**config.agents, OTHER: replace(helper, delegation=delegation)}
        parties = Parties(tmp_path, replace(config, agents=agents))
        parent = await parties.started()
        assert await refused(parties, parties.child(parent)) == "unauthorized_client"


async def test_what_is_over_has_no_children(parties: Parties) -> None:
    parent = await parties.started()
    await parties.revoke("task", str(parent["task"]), "uid:0")
    assert await refused(parties, parties.child(parent)) == "invalid_grant"
    parent = await parties.started()
    await parties.revoke("jti", claims(parent)["jti"], "uid:0")
    assert await refused(parties, parties.child(parent)) == "invalid_grant"
    parent = await parties.started()
    parties.now_ms += 900_000
    assert await refused(parties, parties.child(parent)) == "invalid_request"


async def test_an_unbound_token_is_not_passed_on(tmp_path: Path) -> None:
    parties = Parties(tmp_path, with_helper(configuration(tmp_path, unsafe_bearer_tokens=True)))
    bare = replace(parties.requester(), dpop=())
    parent = await parties.exchange.exchange(parties.form(), bare)
    assert await refused(parties, parties.child(parent)) == "invalid_dpop_proof"


async def test_the_profile_asks_the_same_of_the_user(tmp_path: Path) -> None:
    config = with_helper(configuration(tmp_path))
    first = Parties(tmp_path, config)
    parent = await first.started()
    requires = replace(config.root.profiles["triage"].requires, acr=("hardware",))
    strict = Parties(tmp_path, profiled(config, requires=requires), first.ledger)
    strict.key = first.key
    form = strict.child(parent)
    assert await refused(strict, form) == "insufficient_user_authentication"


async def test_details_bound_it_further(parties: Parties) -> None:
    parent = await parties.started()
    details = '[{"type": "safeconduct_task", "counts": {"calls": 2}, "case": "C-1"}]'
    child = await parties.asked(parties.child(parent, authorization_details=details))
    assert child["authorization_details"] == [
        {"type": "safeconduct_task", "case": "C-1", "counts": {"calls": 2}}
    ]
    record = parties.ledger.records[-1]
    assert (record["budgets"], record["case"]) == ({"calls": 2}, "C-1")
