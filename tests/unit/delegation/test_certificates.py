"""Tasks of agents with X.509-SVIDs, whose tokens are bound to their certificates (RFC 8705)."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from msgspec.structs import replace

from safeconduct.core.model import TaskFacts
from safeconduct.delegation.parties import Running
from safeconduct.kit import jose
from safeconduct.ports import JSON, TokenRefused, Unauthenticated
from tests.support.certificates import HOUR, Authority, Held
from tests.support.certified import NOW, Certified
from tests.support.parties import NOW_MS, OTHER, configuration, with_helper
from tests.support.worlds import AGENT


@pytest.fixture
def parties(tmp_path: Path) -> Certified:
    return Certified(tmp_path, with_helper(configuration(tmp_path)))


async def refused(
    parties: Certified, form: dict[str, str], *proofs: str, held: Held | None = None
) -> str:
    """The error of a request that leaves no record."""
    before = len(parties.ledger.records)
    with pytest.raises(TokenRefused) as fault:
        await parties.certified(form, *proofs, held=held)
    assert len(parties.ledger.records) == before
    return fault.value.error


def confirmation(token: object) -> JSON:
    _, claims = jose.peek(str(token))
    found: JSON = claims.get("cnf", {})
    return found


# --- a token for a certificate --------------------------------------------------------------------


async def test_a_certificate_is_the_agent_and_what_the_token_is_bound_to(
    parties: Certified,
) -> None:
    answer = await parties.certified(parties.bare())
    thumbprint = parties.held.shown.thumbprint
    assert answer["token_type"] == "Bearer"
    assert confirmation(answer["access_token"]) == {"x5t#S256": thumbprint}
    caller = parties.comes(answer["access_token"], certificate=parties.held.shown)
    bearer = parties.tokens.verify(caller, parties.now_ms)
    assert (bearer.agent, bearer.key, bearer.certificate) == (AGENT, "", thumbprint)
    assert bearer.unsafe == ("unsafe_dev_identity",)
    record = parties.ledger.records[-1]
    assert (record["jkt"], record["x5t"]) == ("", thumbprint)
    assert record["agent"]["attested_ms"] == NOW_MS - 3_600_000
    assert not any(one.startswith("svid:") for one in record["consumes"])


async def test_a_certificate_may_begin_many_tasks(parties: Certified) -> None:
    tasks = {(await parties.certified(parties.bare()))["task"] for _ in range(2)}
    assert len(tasks) == 2


async def test_with_a_proof_it_is_bound_to_the_key_too(parties: Certified) -> None:
    answer = await parties.certified(parties.bare(), parties.proof())
    assert answer["token_type"] == "DPoP"
    assert confirmation(answer["access_token"]) == {
        "jkt": parties.key.public.thumbprint,
        "x5t#S256": parties.held.shown.thumbprint,
    }


async def test_a_token_lasts_no_longer_than_its_certificate(parties: Certified) -> None:
    parties.held = parties.authority.svid(AGENT, ends=timedelta(seconds=100))
    answer = await parties.certified(parties.bare())
    assert answer["expires_in"] == 100


async def test_without_a_certificate_tokens_are_bound_as_before(parties: Certified) -> None:
    answer = await parties.started()
    assert set(confirmation(answer["access_token"])) == {"jkt"}
    assert "x5t" not in parties.ledger.records[-1]


async def test_what_is_told_of_a_token_says_what_it_is_bound_to(parties: Certified) -> None:
    answer = await parties.certified(parties.bare())
    told = await parties.status.introspect(
        {
            "token": answer["access_token"],
            "client_assertion": parties.svid(),
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-spiffe",
        },
        parties.requester(),
    )
    assert told["token_type"] == "Bearer"
    assert told["cnf"] == {"x5t#S256": parties.held.shown.thumbprint}


# --- who the agent is -----------------------------------------------------------------------------


async def test_a_jwt_svid_is_good_once_or_with_a_certificate(parties: Certified) -> None:
    svid = parties.svid()
    for _ in range(2):
        await parties.certified(parties.form(actor_token=svid), parties.proof())
    await parties.asked(parties.form(actor_token=svid))
    with pytest.raises(TokenRefused, match="was used before"):
        await parties.asked(parties.form(actor_token=svid))


async def test_two_agents_are_none(parties: Certified) -> None:
    other = parties.authority.svid(OTHER)
    assert await refused(parties, parties.form(), parties.proof(), held=other) == "invalid_request"


@pytest.mark.parametrize("client", [None, OTHER, f"{AGENT}/"])
async def test_who_has_a_certificate_alone_says_who_they_are(
    parties: Certified, client: str | None
) -> None:
    assert await refused(parties, parties.bare(client_id=client)) == "invalid_request"


async def test_a_certificate_that_is_nobodys_is_as_good_as_none(parties: Certified) -> None:
    foreign = Authority("crm.example", now=NOW).svid(AGENT)
    answer = await parties.certified(parties.form(), parties.proof(), held=foreign)
    assert set(confirmation(answer["access_token"])) == {"jkt"}
    assert await refused(parties, parties.bare(), held=foreign) == "invalid_client"


async def test_without_certificate_and_svid_nobody_asks(parties: Certified) -> None:
    with pytest.raises(TokenRefused) as fault:
        await parties.asked(parties.bare())
    assert (fault.value.error, fault.value.status) == ("invalid_client", 401)


async def test_a_person_s_program_is_no_workload(parties: Certified) -> None:
    asked = {"grant_type": "authorization_code", "code": "c-1"}
    answer = await parties.certified(asked, parties.proof())
    assert set(confirmation(answer["access_token"])) == {"jkt"}


async def test_a_grant_of_an_identity_provider_may_come_with_a_certificate(
    parties: Certified,
) -> None:
    form = parties.bare(
        grant_type="urn:ietf:params:oauth:grant-type:jwt-bearer", assertion="an ID-JAG"
    )
    # It gets as far as the grant, which nobody here has made.
    assert await refused(parties, form) == "invalid_request"
    form.pop("client_id")
    assert await refused(parties, form) == "invalid_client"


# --- how a task goes on ---------------------------------------------------------------------------


async def test_a_task_goes_on_with_the_next_certificate_of_its_agent(parties: Certified) -> None:
    answer = await parties.certified(parties.bare())
    parties.held = parties.authority.svid(AGENT, begins=timedelta(seconds=1))
    parties.now_ms += 2000
    form = parties.bare(task=str(answer["task"]), task_profile=None, purpose=None)
    renewed = await parties.certified(form)
    assert confirmation(renewed["access_token"]) == {"x5t#S256": parties.held.shown.thumbprint}


async def test_a_task_that_began_with_a_certificate_goes_on_with_one(parties: Certified) -> None:
    answer = await parties.certified(parties.bare(), parties.proof())
    with pytest.raises(TokenRefused, match=r"goes on with an X\.509-SVID"):
        await parties.asked(parties.renewal(answer["task"]))
    with pytest.raises(TokenRefused, match=r"goes on with an X\.509-SVID"):
        await parties.asked(parties.amendment(answer, "And C-2"))


async def test_a_key_stays_the_key_of_its_task(parties: Certified) -> None:
    bound = await parties.certified(parties.bare(), parties.proof())
    free = await parties.certified(parties.bare())
    changes = {"task_profile": None, "purpose": None}
    form = parties.bare(task=str(bound["task"]), **changes)
    assert await refused(parties, form) == "invalid_dpop_proof"
    form = parties.bare(task=str(free["task"]), **changes)
    assert await refused(parties, form, parties.proof()) == "invalid_dpop_proof"


async def test_an_agent_attests_itself_anew_by_something_new(
    parties: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = parties.steps.running

    def due(task: str, now_ms: int) -> Running:
        found = running(task, now_ms)
        facts: TaskFacts = replace(found.facts, reattest_every=1, unattested=1)
        return replace(found, facts=facts)

    monkeypatch.setattr(parties.steps, "running", due)
    answer = await parties.certified(parties.bare())
    changes = {"task": str(answer["task"]), "task_profile": None, "purpose": None}
    for held in (parties.held, parties.authority.svid(AGENT, begins=-2 * HOUR)):
        assert await refused(parties, parties.bare(**changes), held=held) == "invalid_request"
    newer = parties.authority.svid(AGENT, begins=timedelta(seconds=-1))
    await parties.certified(parties.bare(**changes), held=newer)


# --- revocation -----------------------------------------------------------------------------------


async def test_a_certificate_is_revoked_like_a_key(parties: Certified) -> None:
    answer = await parties.certified(parties.bare())
    thumbprint = parties.held.shown.thumbprint
    assert not parties.ledger.state.revoked(agent="", user="", key="", jti="", certificate="")
    await parties.revoke("key", thumbprint, "operator")
    assert await refused(parties, parties.bare()) == "invalid_client"
    assert parties.ledger.state.revoked(agent="", user="", key="", jti="", certificate=thumbprint)
    with pytest.raises(TokenRefused, match="does not go on"):
        parties.steps.own_token(str(answer["access_token"]), parties.now_ms)


# --- calls ----------------------------------------------------------------------------------------


async def unproven(parties: Certified, *args: object, **kwargs: object) -> str:
    caller = parties.comes(*args, **kwargs)  # type: ignore[arg-type]  # they are passed on as they come
    with pytest.raises(Unauthenticated) as fault:
        parties.tokens.verify(caller, parties.now_ms)
    return fault.value.sentence


async def test_a_call_comes_with_the_certificate_of_its_token(parties: Certified) -> None:
    token = (await parties.certified(parties.bare()))["access_token"]
    again = parties.authority.svid(AGENT, key=parties.held.key)
    for shown in (None, parties.authority.svid(AGENT).shown, again.shown):
        assert "it is bound to" in await unproven(parties, token, certificate=shown)
    # A key that nobody asked for makes up for nothing.
    assert "DPoP proof" in await unproven(
        parties,
        token,
        parties.proof(token=token),
        certificate=parties.held.shown,
        scheme="DPoP",
    )


async def test_a_certificate_ends(parties: Certified) -> None:
    token = (await parties.certified(parties.bare()))["access_token"]
    caller = parties.comes(token, certificate=parties.held.shown)
    parties.tokens.verify(caller, parties.now_ms)
    early = replace(parties.held.shown, from_ms=parties.now_ms + 1)
    late = replace(parties.held.shown, until_ms=parties.now_ms)
    for shown in (early, late):
        assert "has expired" in await unproven(parties, token, certificate=shown)


async def test_what_is_bound_to_both_demands_both(parties: Certified) -> None:
    token = (await parties.certified(parties.bare(), parties.proof()))["access_token"]
    shown = parties.held.shown
    proof = parties.proof(token=token)
    assert "it is bound to" in await unproven(
        parties, token, proof, certificate=None, scheme="DPoP"
    )
    assert "DPoP" in await unproven(parties, token, certificate=shown, scheme="DPoP")
    assert "DPoP proof" in await unproven(parties, token, certificate=shown)
    caller = parties.comes(token, proof, certificate=shown, scheme="DPoP")
    assert parties.tokens.verify(caller, parties.now_ms).key == parties.key.public.thumbprint


async def test_a_confirmation_that_nobody_here_can_check_confirms_nothing(
    parties: Certified,
) -> None:
    token = (await parties.certified(parties.bare()))["access_token"]
    _, claims = jose.peek(token)
    unknown: tuple[JSON, ...] = ({}, {"kid": "k"}, {"x5t#S256": ""}, {"jwk": {}})
    for cnf in unknown:
        forged = jose.sign({**claims, "cnf": cnf}, parties.signing.current, "at+jwt")
        with pytest.raises(Unauthenticated, match="not valid here"):
            parties.tokens.read(forged, parties.now_ms)
