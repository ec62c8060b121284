"""A program that a person signed in with gets a task for its code."""

from __future__ import annotations

from pathlib import Path

import pytest

from safeconduct.config.users import Requires
from safeconduct.delegation.exchange import Exchange
from safeconduct.kit import jose
from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import TokenRefused
from tests.support.parties import Parties, configuration, profiled
from tests.support.worlds import AGENT, USER


@pytest.fixture
def parties(tmp_path: Path) -> Parties:
    return Parties(tmp_path)


async def test_the_person_s_own_words_vouch_as_a_front_end_s_do(parties: Parties) -> None:
    issued = await parties.signed_in(purpose="Answer case C-1.")
    assert issued["token_type"] == "DPoP"
    (record,) = parties.ledger.records
    assert (record["agent"]["id"], record["user"]["id"], record["program"]) == (AGENT, USER, "desk")
    assert (record["purpose"], record["purpose_source"]) == ("Answer case C-1.", "app")
    assert record["agent"]["attested_ms"] == 0
    assert "code:c-1" in record["consumes"]
    _, claims = jose.peek(issued["access_token"])
    assert claims["purpose_source"] == "app"
    assert claims["cnf"] == {"jkt": parties.key.public.thumbprint}


async def test_without_them_the_program_speaks_for_itself(parties: Parties) -> None:
    await parties.signed_in()
    (record,) = parties.ledger.records
    assert (record["purpose"], record["purpose_source"]) == ("Signed in with Desk.", "agent")


async def test_a_code_starts_one_task(parties: Parties) -> None:
    await parties.signed_in()
    with pytest.raises(TokenRefused) as refused:
        await parties.signed_in()
    assert refused.value.error == "invalid_grant"
    assert len(parties.ledger.records) == 1


async def test_the_key_is_the_one_that_was_announced(parties: Parties) -> None:
    mine, other = parties.key.public.thumbprint, PrivateKey.generate()
    with pytest.raises(TokenRefused) as refused:
        await parties.signed_in(parties.proof(other), dpop_jkt=mine)
    assert refused.value.error == "invalid_dpop_proof"
    assert parties.ledger.records == []
    await parties.signed_in(dpop_jkt=mine, code="c-2")


async def test_without_a_proof_there_is_a_token_only_where_the_configuration_says_so(
    tmp_path: Path,
) -> None:
    for unsafe in (False, True):
        parties = Parties(
            tmp_path / str(unsafe),
            configuration(tmp_path / str(unsafe), unsafe_bearer_tokens=unsafe),
        )
        caller = parties.requester("x")
        asked = {"grant_type": "authorization_code", "code": "c-1"}
        bare = type(caller)(http_method="POST", url=caller.url, authorization=None)
        if unsafe:
            issued = await parties.exchange.exchange(asked, bare)
            assert issued["token_type"] == "Bearer"
            assert "unsafe_bearer_tokens" in parties.ledger.records[0]["unsafe"]
        else:
            with pytest.raises(TokenRefused):
                await parties.exchange.exchange(asked, bare)


async def test_the_profile_s_conditions_hold_for_programs_too(tmp_path: Path) -> None:
    config = profiled(configuration(tmp_path), requires=Requires(acr=("mfa",)))
    with pytest.raises(TokenRefused) as refused:
        await Parties(tmp_path, config).signed_in()
    assert refused.value.error == "insufficient_user_authentication"


async def test_where_nobody_signs_in_the_grant_is_not_offered(parties: Parties) -> None:
    exchange = Exchange(parties.steps, parties.issuing)
    with pytest.raises(TokenRefused) as refused:
        await exchange.exchange({"grant_type": "authorization_code"}, parties.requester())
    assert refused.value.error == "unsupported_grant_type"
