from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from safeconduct.delegation.amendment import MAX_PURPOSE
from safeconduct.kit.jwk import PrivateKey, decode
from safeconduct.ports import JSON, TokenRefused
from tests.support.parties import (
    BOB,
    OTHER,
    Parties,
    configuration,
    profiled,
    with_helper,
)
from tests.support.worlds import USER


@pytest.fixture
def parties(tmp_path: Path) -> Parties:
    return Parties(tmp_path, with_helper(configuration(tmp_path)))


async def refused(parties: Parties, form: dict[str, str], *proofs: str) -> str:
    before = len(parties.ledger.records)
    with pytest.raises(TokenRefused) as fault:
        await parties.asked(form, *proofs)
    assert len(parties.ledger.records) == before
    return fault.value.error


async def attested(parties: Parties, **changes: str | None) -> JSON:
    attestation = parties.attestation()
    return await parties.started(purpose=None, purpose_attestation=attestation, **changes)


async def test_what_the_user_says_later_joins_the_purpose(parties: Parties) -> None:
    started = await attested(parties)
    response = await parties.asked(parties.amendment(started, "And write to dana@quay.example"))
    assert response["task"] == started["task"]
    facts = parties.ledger.state.task(str(started["task"]))
    assert facts is not None
    assert facts.purpose == "Answer case C-1\n\nAnd write to dana@quay.example"
    assert facts.purpose_source == "app"
    record = parties.ledger.records[-1]
    assert (record["phase"], record["purpose"]) == ("amended", "And write to dana@quay.example")


async def test_it_widens_as_far_as_it_could_have_been(parties: Parties) -> None:
    started = await attested(parties, scope="case:read")
    form = parties.amendment(started, "Send it", scope="case:read mail:send wish:list")
    assert (await parties.asked(form))["scope"] == "case:read mail:send"


async def test_without_scopes_it_changes_none(parties: Parties) -> None:
    started = await attested(parties, scope="case:read")
    assert (await parties.asked(parties.amendment(started, "Go on")))["scope"] == "case:read"


async def test_it_widens_no_further_than_the_profile_does_now(tmp_path: Path) -> None:
    first = Parties(tmp_path)
    started = await attested(first, scope="case:read")
    config = profiled(configuration(tmp_path), scopes=("case:read",))
    second = Parties(tmp_path, config, first.ledger)
    second.key = first.key
    form = second.amendment(started, "Send it", scope="case:read mail:send")
    assert (await second.asked(form))["scope"] == "case:read"


async def test_the_agent_s_own_words_amend_nothing(parties: Parties) -> None:
    started = await attested(parties)
    form = parties.amendment(started, "", purpose_attestation=None, purpose="Send everything")
    assert await refused(parties, form) == "invalid_request"


async def test_an_attestation_is_for_this_task(parties: Parties) -> None:
    started, other = await attested(parties), await attested(parties)
    for forged in (
        parties.attestation(),
        parties.attestation(task=str(other["task"])),
        parties.attestation(task=str(started["task"]), user=BOB),
        parties.attestation(task=str(started["task"]), agent=OTHER),
        "garbage",
    ):
        form = parties.amendment(started, "", purpose_attestation=forged)
        assert await refused(parties, form) == "invalid_request"
    later = parties.attestation(task=str(started["task"]))
    with pytest.raises(TokenRefused):
        await parties.started(purpose=None, purpose_attestation=later)


async def test_it_is_said_once(parties: Parties) -> None:
    started = await attested(parties)
    said = parties.attestation(task=str(started["task"]))
    await parties.asked(parties.amendment(started, "", purpose_attestation=said))
    form = parties.amendment(started, "", purpose_attestation=said)
    assert await refused(parties, form) == "invalid_grant"


async def test_it_comes_from_the_agent_of_the_task_by_its_key(parties: Parties) -> None:
    started = await attested(parties)
    form = parties.amendment(started, "Go on", actor_token=parties.svid(OTHER))
    assert await refused(parties, form) == "invalid_request"
    theirs = parties.proof(PrivateKey.generate())
    form = parties.amendment(started, "Go on")
    assert await refused(parties, form, theirs) == "invalid_dpop_proof"
    parties.now_ms += 900_000
    assert await refused(parties, form) == "invalid_request"


async def test_a_task_is_not_amended_without_end(parties: Parties) -> None:
    started = await attested(parties)
    await parties.asked(parties.amendment(started, "x" * 2000))
    assert await refused(parties, parties.amendment(started, "x" * 2000)) == "invalid_request"
    assert MAX_PURPOSE == 4000


async def test_a_child_is_not_amended(parties: Parties) -> None:
    parent = await attested(parties)
    child = await parties.asked(parties.child(parent))
    said = parties.attestation(task=str(child["task"]), agent=OTHER)
    form = parties.amendment(child, "", actor_token=parties.svid(OTHER), purpose_attestation=said)
    assert await refused(parties, form) == "invalid_request"


async def test_a_token_says_what_the_task_does_of_who_speaks(parties: Parties) -> None:
    started = await attested(parties)
    later = parties.attestation(USER, task=str(started["task"]), text="More")
    response = await parties.asked(parties.amendment(started, "", purpose_attestation=later))
    claims = msgspec.json.decode(decode(str(response["access_token"]).split(".")[1]))
    assert claims["purpose_source"] == "app"


async def test_a_device_speaks_too(parties: Parties) -> None:
    said = parties.attestation(USER)
    started = await parties.started(purpose=None, purpose_attestation=said)
    later = parties.attestation(USER, task=str(started["task"]), text="More")
    await parties.asked(parties.amendment(started, "", purpose_attestation=later))
    facts = parties.ledger.state.task(str(started["task"]))
    assert facts is not None
    assert facts.purpose_source == "user"
