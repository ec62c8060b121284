from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from msgspec.structs import replace

from safeconduct.config.schema import Config
from safeconduct.ports import LedgerConflict, LedgerFault, RecordTooLarge, TokenRefused
from tests.support.parties import (
    ACCESS,
    BOB,
    DESK,
    NOW_MS,
    NOW_S,
    OTHER,
    Parties,
    configuration,
)
from tests.support.worlds import AGENT, SCOPES, USER


@pytest.fixture
def parties(tmp_path: Path) -> Parties:
    return Parties(tmp_path)


async def refused(parties: Parties, **changes: str | None) -> TokenRefused:
    before = len(parties.ledger.records)
    with pytest.raises(TokenRefused) as fault:
        await parties.started(**changes)
    assert len(parties.ledger.records) == before
    return fault.value


async def test_a_task_starts(parties: Parties) -> None:
    response = await parties.started()
    token = response.pop("access_token")
    assert response == {
        "issued_token_type": ACCESS,
        "token_type": "DPoP",
        "expires_in": 900,
        "scope": " ".join(sorted(SCOPES)),
        "task": response["task"],
    }
    bearer = parties.tokens.verify(parties.caller(token), NOW_MS)
    assert (bearer.agent, bearer.user, bearer.task) == (AGENT, USER, response["task"])
    assert bearer.scopes == frozenset(SCOPES)
    assert bearer.unsafe == ("unsafe_dev_identity",)


async def test_the_record_of_a_start(parties: Parties) -> None:
    svid, user_token = parties.svid(), parties.user_token()
    jti = hashlib.sha256
    response = await parties.started(actor_token=svid, subject_token=user_token)
    (record,) = parties.ledger.records
    consumes = record.pop("consumes")
    assert record == {
        "kind": "task",
        "phase": "started",
        "task": response["task"],
        "tenant": "crm.example",
        "agent": {
            "id": AGENT,
            "zone": "office",
            "tier": 2,
            "attested_ms": NOW_MS,
            "stateless": True,
            "approval_scopes": ["deal:update"],
        },
        "user": {
            "id": USER,
            "kind": "person",
            "groups": [],
            "acr": None,
            "amr": [],
            "auth_time_s": NOW_S,
            "device": [],
            "signed_in_ms": NOW_MS,
        },
        "profile": "triage",
        "purpose": "Answer case C-1",
        "purpose_source": "agent",
        "scopes": sorted(SCOPES),
        "obtainable": sorted(SCOPES),
        "budgets": {},
        "max_refusals": 20,
        "loops": {"same": 5, "changes": 20},
        "started_ms": NOW_MS,
        "expires_ms": NOW_MS + 3_600_000,
        "jkt": parties.key.public.thumbprint,
        "token_jti": record["token_jti"],
        "token_expires_ms": NOW_MS + 900_000,
        "unsafe": ["unsafe_dev_identity"],
    }
    user = await parties.evidence.person(user_token, NOW_MS)
    assert consumes == [
        f"svid:{jti(svid.rpartition('.')[0].encode()).hexdigest()}",
        f"subject:http://127.0.0.1:8701:{jti(user.jti.encode()).hexdigest()}",
    ]


async def test_who_speaks_for_the_user(parties: Parties) -> None:
    for attestation, source in (
        (parties.attestation(DESK), "app"),
        (parties.attestation(USER), "user"),
    ):
        await parties.started(purpose=None, purpose_attestation=attestation)
        record = parties.ledger.records[-1]
        assert (record["purpose_source"], record["purpose"]) == (source, "Answer case C-1")
        assert record["consumes"][2].startswith("purpose:")


async def test_an_attestation_is_for_this_user_and_agent(parties: Parties) -> None:
    for other in (parties.attestation(user=BOB), parties.attestation(agent=OTHER), "garbage"):
        fault = await refused(parties, purpose=None, purpose_attestation=other)
        assert fault.error == "invalid_request"


async def test_scopes_narrow(parties: Parties) -> None:
    response = await parties.started(scope="mail:send case:read wish:list")
    assert response["scope"] == "case:read mail:send"
    record = parties.ledger.records[-1]
    assert record["scopes"] == ["case:read", "mail:send"]
    assert record["obtainable"] == sorted(SCOPES)


async def test_no_scope_no_token(parties: Parties) -> None:
    assert (await refused(parties, scope="wish:list")).error == "invalid_scope"
    assert (await refused(parties, scope=" ")).error == "invalid_scope"


def narrowed(config: Config, where: str) -> Config:
    """The same configuration, with one of the three limits down to two scopes."""
    few = ("case:read", "mail:send")
    root, agent = config.root, config.agents[AGENT]
    if where == "profile":
        profile = replace(root.profiles["triage"], scopes=few)
        return replace(config, root=replace(root, profiles={"triage": profile}))
    if where == "registration":
        delegation = replace(agent.delegation, scope=few[:1])
        narrow = replace(agent, delegation=delegation, jit_approval_required=few[1:])
        return replace(config, agents={AGENT: narrow})
    return replace(config, users={USER: replace(config.users[USER], scopes=few)})


@pytest.mark.parametrize("where", ["profile", "registration", "entitlement"])
async def test_each_of_the_limits_binds(tmp_path: Path, where: str) -> None:
    parties = Parties(tmp_path, narrowed(configuration(tmp_path), where))
    assert (await parties.started())["scope"] == "case:read mail:send"
    assert parties.ledger.records[-1]["obtainable"] == ["case:read", "mail:send"]


async def test_a_user_without_entitlement_delegates_nothing(tmp_path: Path) -> None:
    parties = Parties(tmp_path, replace(configuration(tmp_path), users={}))
    assert (await refused(parties)).error == "invalid_scope"


async def test_groups_come_from_issuer_and_entitlement(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    entry = replace(config.users[USER], groups=("sales", "emea"))
    parties = Parties(tmp_path, replace(config, users={USER: entry}))
    await parties.started()
    assert parties.ledger.records[-1]["user"]["groups"] == ["emea", "sales"]


async def test_who_may_not_start_a_task(parties: Parties) -> None:
    for changes in (
        {"actor_token": parties.svid(OTHER)},
        {"subject_token": parties.user_token(BOB)},
        {"task_profile": "payroll"},
    ):
        assert (await refused(parties, **changes)).error == "unauthorized_client"


async def test_an_agent_needs_an_assignment_and_the_profile(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    unassigned = replace(config, root=replace(config.root, assignments={}))
    assert (await refused(Parties(tmp_path, unassigned))).error == "unauthorized_client"
    assignment = replace(config.root.assignments[AGENT], profiles=())
    without = replace(config, root=replace(config.root, assignments={AGENT: assignment}))
    assert (await refused(Parties(tmp_path, without))).error == "unauthorized_client"


async def test_client_id_is_the_actor(parties: Parties) -> None:
    await parties.started(client_id=AGENT)
    assert (await refused(parties, client_id=OTHER)).error == "invalid_request"


async def test_every_token_starts_one_task(parties: Parties) -> None:
    svid, user, desk = parties.svid(), parties.user_token(), parties.attestation()
    await parties.started(
        actor_token=svid, subject_token=user, purpose=None, purpose_attestation=desk
    )
    for again in (
        {"actor_token": svid},
        {"subject_token": user},
        {"purpose": None, "purpose_attestation": desk},
    ):
        fault = await refused(parties, **again)
        assert (fault.error, fault.status) == ("invalid_grant", 400)


async def test_what_was_refused_is_not_used_up(parties: Parties) -> None:
    svid, user = parties.svid(), parties.user_token()
    await refused(parties, actor_token=svid, subject_token=user, task_profile="payroll")
    await parties.started(actor_token=svid, subject_token=user)


async def test_no_record_no_token(parties: Parties, caplog: pytest.LogCaptureFixture) -> None:
    parties.ledger.fault = LedgerFault("disk full")
    fault = await refused(parties)
    assert (fault.error, fault.status) == ("temporarily_unavailable", 503)
    incident = fault.sentence.rpartition(" ")[2]
    assert incident.startswith("i_")
    assert incident in caplog.text
    assert "disk" not in fault.sentence


@pytest.mark.parametrize(
    ("broken", "error"),
    [(RecordTooLarge("8 KiB"), "invalid_request"), (LedgerConflict("closed"), "invalid_grant")],
)
async def test_a_record_that_is_not_taken(parties: Parties, broken: Exception, error: str) -> None:
    parties.ledger.fault = broken
    assert (await refused(parties)).error == error


async def test_whatever_breaks_the_log_issues_nothing(parties: Parties) -> None:
    parties.ledger.fault = RuntimeError("surprise")
    with pytest.raises(RuntimeError):
        await parties.started()


async def test_a_proof_is_needed_and_spent(parties: Parties) -> None:
    proof = parties.proof()
    await parties.exchange.exchange(parties.form(), parties.requester(proof))
    for caller in (
        parties.requester(proof),
        parties.requester("garbage"),
        parties.requester(parties.proof(), parties.proof()),
        replace(parties.requester(), dpop=()),
    ):
        with pytest.raises(TokenRefused) as fault:
            await parties.exchange.exchange(parties.form(), caller)
        assert fault.value.error == "invalid_dpop_proof"


async def test_an_unbound_token_says_that_it_is_unsafe(tmp_path: Path) -> None:
    parties = Parties(tmp_path, configuration(tmp_path, unsafe_bearer_tokens=True))
    bare = replace(parties.requester(), dpop=())
    response = await parties.exchange.exchange(parties.form(), bare)
    assert response["token_type"] == "Bearer"
    marks = ["unsafe_dev_identity", "unsafe_bearer_tokens"]
    assert parties.ledger.records[-1]["unsafe"] == marks
    assert (await parties.started())["token_type"] == "DPoP"
    assert parties.ledger.records[-1]["unsafe"] == marks[:1]


async def test_the_shortest_lifetime_binds(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    root, agent = config.root, config.agents[AGENT]
    registered = replace(agent, delegation=replace(agent.delegation, ttl_seconds=60))
    profile = replace(root.profiles["triage"], max_task_lifetime=120)
    gateway = replace(root.gateway, token_ttl_s=30)
    for lifetime_s, shorter in (
        (60, replace(config, agents={AGENT: registered})),
        (120, replace(config, root=replace(root, profiles={"triage": profile}))),
        (30, replace(config, root=replace(root, gateway=gateway))),
    ):
        assert (await Parties(tmp_path, shorter).started())["expires_in"] == lifetime_s
