"""What a refusal of the token service does not tell: neither which check failed, nor what there is.

Every mistake of a caller has the one answer of its kind; what differs in the world behind it, be
it a task, an agent, a profile or an upstream that exists or does not, makes no difference in it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from msgspec.structs import replace

from safeconduct.delegation.request import JWT_SVID
from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import JSON, LedgerFault, TokenRefused
from tests.support.parties import (
    BOB,
    DESK,
    ISSUER,
    NOW_S,
    OTHER,
    Parties,
    configuration,
    profiled,
    with_helper,
)
from tests.support.worlds import AGENT, SCOPES, USER

Mistake = Callable[[Parties, JSON], dict[str, str]]


@pytest.fixture
def parties(tmp_path: Path) -> Parties:
    return Parties(tmp_path, with_helper(configuration(tmp_path)))


async def told(parties: Parties, form: dict[str, str], *proofs: str) -> tuple[str, str, int]:
    with pytest.raises(TokenRefused) as refused:
        await parties.asked(form, *proofs)
    assert not refused.value.told
    return refused.value.error, refused.value.sentence, refused.value.status


def svid(parties: Parties, **changes: object) -> str:
    claims = {"sub": AGENT, "aud": ISSUER, "iat": NOW_S, "exp": NOW_S + 60, **changes}
    return parties.signed("trust-crm.example", "JWT", claims)


def user(parties: Parties, **changes: object) -> str:
    claims = {
        "iss": "http://127.0.0.1:8701",
        "sub": USER,
        "aud": "copilot",
        "iat": NOW_S,
        "exp": NOW_S + 60,
        "jti": "j",
    }
    return parties.signed("users-", "JWT", {**claims, **changes})


def purpose(parties: Parties, **changes: object) -> str:
    claims = {
        "iss": DESK,
        "sub": USER,
        "aud": ISSUER,
        "iat": NOW_S,
        "exp": NOW_S + 60,
        "jti": "j",
        "purpose": "Anything",
    }
    signed = {**claims, **changes}
    return parties.signed("front-end-support-desk", "safeconduct-purpose+jwt", signed)


ALIKE: dict[str, tuple[Mistake, ...]] = {
    "an SVID that does not hold": (
        lambda p, _: p.form(actor_token="garbage"),
        lambda p, _: p.form(actor_token=svid(p, aud="https://other.example")),
        lambda p, _: p.form(actor_token=svid(p, aud=[ISSUER, "https://other.example"])),
        lambda p, _: p.form(actor_token=svid(p, sub="spiffe://evil.example/a")),
        lambda p, _: p.form(actor_token=svid(p, sub="nobody")),
        lambda p, _: p.form(actor_token=svid(p, iat=NOW_S + 60)),
        lambda p, _: p.form(actor_token=p.signed("users-", "JWT", {"sub": AGENT, "aud": ISSUER})),
        lambda p, _: p.form(actor_token=p.user_token()),
    ),
    "a user token that does not hold": (
        lambda p, _: p.form(subject_token="garbage"),
        lambda p, _: p.form(subject_token=user(p, aud="another")),
        lambda p, _: p.form(subject_token=user(p, iss="https://another.example")),
        lambda p, _: p.form(subject_token=user(p, tenant="hr.example")),
        lambda p, _: p.form(subject_token=user(p, may_act={"sub": OTHER})),
        lambda p, _: p.form(subject_token=p.svid()),
    ),
    "an attestation that does not hold": (
        lambda p, _: p.form(purpose=None, purpose_attestation="garbage"),
        lambda p, _: p.form(purpose=None, purpose_attestation=purpose(p, sub=BOB)),
        lambda p, _: p.form(purpose=None, purpose_attestation=purpose(p, act={"sub": OTHER})),
        lambda p, _: p.form(purpose=None, purpose_attestation=purpose(p, exp=NOW_S + 301)),
        lambda p, _: p.form(purpose=None, purpose_attestation=purpose(p, txn="t_0")),
        lambda p, _: p.form(purpose=None, purpose_attestation=purpose(p, iss="unknown")),
        lambda p, s: p.amendment(s, "", purpose_attestation=purpose(p)),
        lambda p, s: p.amendment(s, "", purpose_attestation=purpose(p, txn="t_9")),
    ),
    "who may not start such a task": (
        lambda p, _: p.form(task_profile="payroll"),
        lambda p, _: p.form(task_profile="Triage"),
        lambda p, _: p.form(subject_token=p.user_token(BOB)),
        lambda p, _: p.form(subject_token=p.user_token("nobody@crm.example")),
        lambda p, _: p.form(actor_token=svid(p, sub="spiffe://crm.example/agents/none")),
        lambda p, s: p.child(
            s,
            actor_token=svid(p, sub="spiffe://crm.example/agents/none"),
            subject_token_proof=p.handover(
                s["access_token"], to="spiffe://crm.example/agents/none"
            ),
        ),
        lambda p, s: p.child(s, task_profile="payroll"),
    ),
    "a task that does not go on": (
        lambda p, _: p.renewal("t_unknown"),
        lambda p, s: p.renewal(s["task"], actor_token=p.svid(OTHER)),
        lambda p, s: p.renewal(s["task"], subject_token=p.user_token(BOB)),
        lambda p, s: p.renewal(s["task"], actor_token=svid(p, sub="spiffe://crm.example/none")),
    ),
    "a task token that does not hold": (
        lambda p, s: p.amendment(s, "", subject_token="garbage"),
        lambda p, s: p.amendment(s, "", subject_token=p.user_token()),
        lambda p, s: p.amendment(s, "", subject_token=s["access_token"][:-2] + "xx"),
        lambda p, s: p.child(s, subject_token=p.svid()),
    ),
    "scopes that cannot be had": (
        lambda p, _: p.form(scope="wish:list"),
        lambda p, _: p.form(scope="*"),
        lambda p, s: p.renewal(s["task"], scope="wish:list"),
        lambda p, s: p.child(s, scope="wish:list"),
    ),
    "a resource of others": (
        lambda p, _: p.form(resource="https://crm.internal"),
        lambda p, _: p.form(resource=f"{ISSUER}/mcp/crm/more"),
        lambda p, _: p.form(resource=f"{ISSUER}/mcp?upstream=crm"),
        lambda p, _: p.form(audience="crm"),
    ),
}


@pytest.mark.parametrize("kind", ALIKE)
async def test_one_kind_of_mistake_has_one_answer(parties: Parties, kind: str) -> None:
    started = await parties.started()
    answers = {await told(parties, mistake(parties, started)) for mistake in ALIKE[kind]}
    assert len(answers) == 1, answers


async def test_no_answer_repeats_what_was_sent_or_is_known(parties: Parties) -> None:
    started = await parties.started()
    known = {USER, BOB, AGENT, OTHER, DESK, "triage", "payroll", "crm", "t_0", *SCOPES}
    for mistakes in ALIKE.values():
        for mistake in mistakes:
            form = mistake(parties, started)
            _, sentence, status = await told(parties, form)
            assert status == 400
            sent = {value for name, value in form.items() if "type" not in name and len(value) > 3}
            assert not any(word in sentence for word in known | sent), sentence


async def test_which_upstreams_there_are_is_told_to_nobody(parties: Parties) -> None:
    for upstream in ("crm", "nobody"):
        assert await parties.started(resource=f"{ISSUER}/mcp/{upstream}")
        stranger = parties.form(resource=f"{ISSUER}/mcp/{upstream}", actor_token="garbage")
        assert (await told(parties, stranger))[0] == "invalid_request"


async def test_the_end_of_a_task_is_told_like_a_task_that_never_was(tmp_path: Path) -> None:
    parties = Parties(tmp_path, profiled(configuration(tmp_path), max_task_lifetime=1000))
    over, revoked = await parties.started(), await parties.started()
    await parties.revoke("task", str(revoked["task"]), "uid:0")
    unknown = await told(parties, parties.renewal("t_unknown"))
    assert await told(parties, parties.renewal(revoked["task"])) == unknown
    parties.now_ms += 1_000_000
    assert await told(parties, parties.renewal(over["task"])) == unknown


async def test_somebody_who_was_revoked_is_told_like_somebody_unknown(parties: Parties) -> None:
    stranger = await told(parties, parties.form(subject_token=parties.user_token(BOB)))
    await parties.revoke("user", USER, "uid:0")
    assert await told(parties, parties.form()) == stranger


async def test_a_revoked_key_is_told_like_another_key(parties: Parties) -> None:
    started = await parties.started()
    bare = await told(
        parties, parties.renewal(started["task"]), parties.proof(PrivateKey.generate())
    )
    await parties.revoke("key", parties.key.public.thumbprint, "uid:0")
    revoked = await told(parties, parties.form())
    assert (revoked[0], revoked[2]) == (bare[0], bare[2])
    assert "revoked" not in revoked[1]


async def test_what_was_used_is_not_told_apart(parties: Parties) -> None:
    svid_, user_, desk = parties.svid(), parties.user_token(), parties.attestation()
    await parties.asked(
        parties.form(actor_token=svid_, subject_token=user_, purpose=None, purpose_attestation=desk)
    )
    answers = {
        await told(parties, form)
        for form in (
            parties.form(actor_token=svid_),
            parties.form(subject_token=user_),
            parties.form(purpose=None, purpose_attestation=desk),
            parties.form(actor_token=svid_, subject_token=user_),
        )
    }
    assert len(answers) == 1


async def test_an_unauthenticated_client_is_told_nothing_of_the_token(parties: Parties) -> None:
    started = await parties.started()
    answers: set[tuple[str, str, int]] = set()
    for token in (str(started["access_token"]), "garbage"):
        for shown in ("garbage", parties.user_token(), svid(parties, aud="other")):
            form = {
                "token": token,
                "client_assertion": shown,
                "client_assertion_type": JWT_SVID,
            }
            with pytest.raises(TokenRefused) as refused:
                await parties.status.introspect(form, parties.requester())
            fault = refused.value
            answers.add((fault.error, fault.sentence, fault.status))
    assert answers == {("invalid_client", "The client is not authenticated.", 401)}


async def test_a_fault_of_ours_is_a_number(parties: Parties) -> None:
    parties.ledger.fault = LedgerFault("/var/lib/safeconduct: no space left on device")
    error, sentence, status = await told(parties, parties.form())
    assert (error, status) == ("temporarily_unavailable", 503)
    assert re.fullmatch(r"No task can be recorded: i_\d+", sentence)


async def test_a_clock_that_went_back_is_not_told(parties: Parties) -> None:
    await parties.started()
    parties.now_ms -= 3_600_000
    answer = await told(parties, parties.form())
    assert answer == ("temporarily_unavailable", "No token can be issued now.", 503)


async def test_what_the_profile_asks_of_a_user_is_told_and_what_they_are_is_not(
    tmp_path: Path,
) -> None:
    config = configuration(tmp_path)
    requires = config.root.profiles["triage"].requires
    devices = Parties(tmp_path, profiled(config, requires=replace(requires, device=("managed",))))
    groups = Parties(tmp_path, profiled(config, requires=replace(requires, groups=("sales",))))
    plain = Parties(tmp_path)
    stranger = await told(plain, plain.form(task_profile="payroll"))
    assert await told(devices, devices.form()) == await told(groups, groups.form()) == stranger
