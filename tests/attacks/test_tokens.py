"""Stolen, forged, replayed and widened: what must never become a task, or a call in one."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from joserfc.jwk import ECKey
from msgspec.structs import replace

from safeconduct.identity import dev
from safeconduct.kit.jose import sign
from safeconduct.kit.jwk import PrivateKey, decode, encode
from safeconduct.ports import Caller, TokenRefused, Unauthenticated
from tests.support.parties import (
    BOB,
    ISSUER,
    MCP_URL,
    NOW_MS,
    NOW_S,
    TOKEN_URL,
    Parties,
    configuration,
)
from tests.support.worlds import AGENT, USER

CLAIMS: dict[str, Any] = {
    "iss": ISSUER,
    "aud": ISSUER,
    "iat": NOW_S,
    "exp": NOW_S + 900,
    "jti": "j_forged",
    "client_id": AGENT,
    "sub": USER,
    "act": {"sub": AGENT},
    "txn": "t_forged",
    "tenant": "crm.example",
    "scope": "case:read mail:send",
    "purpose_source": "user",
}


@pytest.fixture
def parties(tmp_path: Path) -> Parties:
    return Parties(tmp_path)


@pytest.fixture
async def token(parties: Parties) -> str:
    """A good token, which the attacker holds."""
    return str((await parties.started())["access_token"])


def claims(parties: Parties, **changes: object) -> dict[str, Any]:
    return {**CLAIMS, "cnf": {"jkt": parties.key.public.thumbprint}, **changes}


def raw(header: Mapping[str, Any], body: Mapping[str, Any]) -> str:
    return f"{encode(orjson.dumps(header))}.{encode(orjson.dumps(body))}"


def rejected(parties: Parties, *tokens: str) -> None:
    for bad in tokens:
        with pytest.raises(Unauthenticated):
            parties.tokens.verify(parties.caller(bad), parties.now_ms)


def unproven(parties: Parties, caller: Caller) -> None:
    with pytest.raises(Unauthenticated):
        parties.tokens.verify(caller, parties.now_ms)


async def no_task(parties: Parties, **changes: str | None) -> str:
    before = len(parties.ledger.records)
    with pytest.raises(TokenRefused) as refused:
        await parties.started(**changes)
    assert len(parties.ledger.records) == before
    return refused.value.error


# --- task tokens ----------------------------------------------------------------------------------


def test_a_token_for_another_audience(parties: Parties) -> None:
    for audience in ("https://other.example", f"{ISSUER}/", [ISSUER, "https://other.example"], []):
        rejected(parties, sign(claims(parties, aud=audience), parties.signing.current, "at+jwt"))


def test_an_expired_token(parties: Parties) -> None:
    rejected(parties, sign(claims(parties, exp=NOW_S), parties.signing.current, "at+jwt"))


async def test_a_token_that_expired_since_it_was_last_seen(parties: Parties, token: str) -> None:
    parties.tokens.verify(parties.caller(token), parties.now_ms)
    parties.now_ms += 900_000
    rejected(parties, token)


def test_no_algorithm(parties: Parties) -> None:
    for alg in ("none", "None", "NONE", ""):
        body = raw({"alg": alg, "typ": "at+jwt"}, claims(parties))
        rejected(parties, f"{body}.", body, f"{body}.{encode(b'x')}")


async def test_a_signature_taken_off(parties: Parties, token: str) -> None:
    body = token.rpartition(".")[0]
    rejected(parties, f"{body}.", body, f"{body}.{encode(bytes(64))}")


def test_the_public_key_as_a_shared_secret(parties: Parties) -> None:
    public = parties.signing.current.public
    pem = ECKey.import_key(public.jwk()).as_pem(private=False)
    for secret in (pem, orjson.dumps(public.jwk()), decode(public.jwk()["x"])):
        for alg in ("HS256", "ES256"):
            body = raw({"alg": alg, "typ": "at+jwt", "kid": public.kid}, claims(parties))
            rejected(parties, f"{body}.{encode(hmac.digest(secret, body.encode(), 'sha256'))}")


async def test_changed_claims_under_an_old_signature(parties: Parties, token: str) -> None:
    header, body, signature = token.split(".")
    wider = orjson.loads(decode(body)) | {"scope": "secret:read"}
    rejected(parties, f"{header}.{encode(orjson.dumps(wider))}.{signature}")


def test_a_key_that_the_attacker_brings(parties: Parties) -> None:
    theirs = PrivateKey.generate()
    kid = parties.signing.current.public.kid
    rejected(parties, sign(claims(parties), theirs, "at+jwt"))
    rejected(parties, sign(claims(parties), theirs, "at+jwt", embed=True))
    for trick in (
        {"kid": kid},
        {"kid": kid, "jku": "https://attacker.example/keys"},
        {"kid": kid, "x5u": "https://attacker.example/cert"},
        {"kid": kid, "jwk": theirs.public.jwk()},
        {"kid": "../../../dev/null"},
        {"kid": "' OR 1=1 --"},
        {"kid": ""},
        {"kid": None, "jwk": theirs.public.jwk()},
    ):
        body = raw({"alg": "ES256", "typ": "at+jwt", **trick}, claims(parties))
        rejected(parties, f"{body}.{encode(theirs.sign(body.encode()))}")


def test_a_header_that_demands_to_be_understood(parties: Parties) -> None:
    for extra in ({"crit": ["b64"], "b64": False}, {"crit": ["exp"]}, {"b64": False}):
        body = raw({"alg": "ES256", "typ": "at+jwt", **extra}, claims(parties))
        rejected(parties, f"{body}.{encode(parties.signing.current.sign(body.encode()))}")


async def test_other_tokens_are_no_task_tokens(parties: Parties) -> None:
    rejected(parties, parties.svid(), parties.user_token(), parties.attestation())
    for typ in ("JWT", "dpop+jwt", "safeconduct-purpose+jwt"):
        rejected(parties, sign(claims(parties), parties.signing.current, typ))


async def test_two_tenants_on_one_key(tmp_path: Path, token: str) -> None:
    config = configuration(tmp_path)
    gateway = replace(config.root.gateway, tenant="hr.example")
    neighbour = Parties(tmp_path, replace(config, root=replace(config.root, gateway=gateway)))
    rejected(neighbour, token)


# --- proofs ---------------------------------------------------------------------------------------


async def test_a_stolen_token_without_a_proof(parties: Parties, token: str) -> None:
    for scheme in ("DPoP", "dpop", "Bearer", "bearer"):
        bare = Caller(http_method="POST", url=MCP_URL, authorization=f"{scheme} {token}")
        unproven(parties, bare)


async def test_a_bound_token_as_bearer_where_bearers_are_taken(tmp_path: Path, token: str) -> None:
    lax = Parties(tmp_path, configuration(tmp_path, unsafe_bearer_tokens=True))
    unproven(lax, lax.caller(token, scheme="Bearer"))
    unproven(lax, Caller(http_method="POST", url=MCP_URL, authorization=f"Bearer {token}"))


async def test_a_stolen_token_with_the_thiefs_key(parties: Parties, token: str) -> None:
    unproven(parties, parties.caller(token, parties.proof(PrivateKey.generate(), token)))


async def test_a_replayed_proof(parties: Parties, token: str) -> None:
    proof = parties.proof(token=token)
    parties.tokens.verify(parties.caller(token, proof), parties.now_ms)
    unproven(parties, parties.caller(token, proof))
    parties.now_ms += 59_000
    unproven(parties, parties.caller(token, proof))


async def test_a_replayed_proof_with_its_signature_spelt_anew(parties: Parties, token: str) -> None:
    proof = parties.proof(token=token)
    parties.tokens.verify(parties.caller(token, proof), parties.now_ms)
    body, _, signature = proof.rpartition(".")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    s = order - int.from_bytes(decode(signature)[32:])
    twin = f"{body}.{encode(decode(signature)[:32] + s.to_bytes(32))}"
    unproven(parties, parties.caller(token, twin))


async def test_a_proof_replayed_across_a_restart(
    tmp_path: Path, parties: Parties, token: str
) -> None:
    caller = parties.caller(token)
    parties.tokens.verify(caller, NOW_MS)
    unproven(Parties(tmp_path, since_ms=NOW_MS + 1), caller)
    # The new process has not seen the proof: it is its age that gives it away.
    assert Parties(tmp_path, since_ms=NOW_MS).tokens.verify(caller, NOW_MS).user == USER


async def test_a_proof_for_something_else(parties: Parties, token: str) -> None:
    other = str((await parties.started())["access_token"])
    for proof in (
        parties.proof(token=token, htu=f"{ISSUER}/other"),
        parties.proof(token=token, htu="https://gateway.attacker.example/mcp"),
        parties.proof(token=token, htu=TOKEN_URL),
        parties.proof(token=token, htm="GET"),
        parties.proof(token=other),
        parties.proof(token=token, ath=None),
        parties.proof(),
    ):
        unproven(parties, parties.caller(token, proof))


async def test_a_proof_from_the_future_or_the_past(parties: Parties, token: str) -> None:
    for iat in (NOW_S + 6, NOW_S + 3600, NOW_S - 61, 0, 1e12):
        unproven(parties, parties.caller(token, parties.proof(token=token, iat=iat)))


async def test_two_proofs_on_one_request(parties: Parties, token: str) -> None:
    good = parties.proof(token=token)
    unproven(parties, parties.caller(token, good, parties.proof(token=token)))
    unproven(parties, parties.caller(token, "x", good))


async def test_a_private_key_in_a_proof(parties: Parties, token: str) -> None:
    body = parties.proof(token=token).split(".")[1]
    for jwk in (
        parties.key.jwk(),
        {"kty": "oct", "k": encode(b"secret")},
        {**parties.key.public.jwk(), "k": "c2VjcmV0"},
    ):
        header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": jwk}
        message = f"{encode(orjson.dumps(header))}.{body}"
        signed = f"{message}.{encode(parties.key.sign(message.encode()))}"
        unproven(parties, parties.caller(token, signed))


async def test_a_proof_without_a_signature(parties: Parties, token: str) -> None:
    header, body, _ = parties.proof(token=token).split(".")
    bare = orjson.loads(decode(header)) | {"alg": "none"}
    unproven(parties, parties.caller(token, f"{encode(orjson.dumps(bare))}.{body}."))
    unproven(parties, parties.caller(token, f"{header}.{body}."))


# --- starting a task ------------------------------------------------------------------------------


async def test_an_agent_that_speaks_for_itself(parties: Parties) -> None:
    await parties.started(purpose="The user asked to mail everything to mallory@attacker.example")
    assert parties.ledger.records[-1]["purpose_source"] == "agent"


async def test_an_attestation_by_nobody_we_know(parties: Parties) -> None:
    theirs = PrivateKey.generate()
    body = {
        "iss": "support-desk",
        "sub": USER,
        "aud": ISSUER,
        "iat": NOW_S,
        "exp": NOW_S + 300,
        "jti": "forged",
        "purpose": "Anything",
    }
    typ = "safeconduct-purpose+jwt"
    for forged in (
        sign(body, theirs, typ),
        sign({**body, "iss": "unknown-desk"}, theirs, typ),
        parties.signed("trust-crm.example", typ, body),
        parties.signed("users-", typ, body),
        parties.signed("device-jane%40crm.example", typ, body),
    ):
        assert await no_task(parties, purpose=None, purpose_attestation=forged)


async def test_a_device_that_speaks_for_another_user(parties: Parties) -> None:
    theirs = {
        "iss": USER,
        "sub": BOB,
        "aud": ISSUER,
        "iat": NOW_S,
        "exp": NOW_S + 300,
        "jti": "j",
        "purpose": "Anything",
    }
    forged = parties.signed("device-jane%40crm.example", "safeconduct-purpose+jwt", theirs)
    assert await no_task(
        parties,
        subject_token=parties.user_token(BOB),
        purpose=None,
        purpose_attestation=forged,
    )


async def test_one_party_alone(parties: Parties) -> None:
    assert await no_task(parties, subject_token=None)
    assert await no_task(parties, actor_token=None)
    assert await no_task(parties, subject_token=parties.svid())
    assert await no_task(parties, actor_token=parties.user_token())
    assert await no_task(parties, subject_token=parties.attestation())


async def test_swapped_parties(parties: Parties) -> None:
    assert await no_task(parties, subject_token=parties.svid(), actor_token=parties.user_token())


async def test_our_own_token_as_a_subject(parties: Parties, token: str) -> None:
    assert await no_task(parties, subject_token=token)
    assert await no_task(parties, actor_token=token)


async def test_an_svid_used_twice(parties: Parties) -> None:
    svid = parties.svid()
    await parties.started(actor_token=svid)
    assert await no_task(parties, actor_token=svid) == "invalid_grant"
    body, _, signature = svid.rpartition(".")
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    s = order - int.from_bytes(decode(signature)[32:])
    twin = f"{body}.{encode(decode(signature)[:32] + s.to_bytes(32))}"
    assert await no_task(parties, actor_token=twin) == "invalid_grant"


async def test_a_user_token_used_twice(parties: Parties) -> None:
    user = parties.user_token()
    await parties.started(subject_token=user)
    assert await no_task(parties, subject_token=user) == "invalid_grant"


async def test_used_tokens_stay_used_after_a_restart(tmp_path: Path, parties: Parties) -> None:
    user = parties.user_token()
    await parties.started(subject_token=user)
    again = Parties(tmp_path, ledger=parties.ledger)
    assert await no_task(again, subject_token=user) == "invalid_grant"


async def test_a_foreign_trust_domain(parties: Parties) -> None:
    for subject in ("spiffe://evil.example/agents/copilot", "spiffe://crm.example.evil.example/a"):
        body = {"sub": subject, "aud": [ISSUER], "exp": NOW_S + 60, "iat": NOW_S}
        foreign = parties.signed("trust-crm.example", "JWT", body)
        assert await no_task(parties, actor_token=foreign)


async def test_a_user_of_another_tenant(parties: Parties) -> None:
    body = {
        "iss": "http://127.0.0.1:8701",
        "sub": USER,
        "aud": "copilot",
        "iat": NOW_S,
        "exp": NOW_S + 60,
        "jti": "j",
        "tenant": "hr.example",
    }
    assert await no_task(parties, subject_token=parties.signed("users-", "JWT", body))


async def test_more_scope_than_anybody_gave(tmp_path: Path) -> None:
    config = configuration(tmp_path)
    profile = replace(config.root.profiles["triage"], scopes=("case:read",))
    root = replace(config.root, profiles={"triage": profile})
    parties = Parties(tmp_path, replace(config, root=root))
    response = await parties.started(scope="case:read mail:send secret:read *")
    assert response["scope"] == "case:read"
    for wide in ("*", "case:*", "CASE:READ", "case:read,mail:send", "secret:read"):
        assert await no_task(parties, scope=wide) == "invalid_scope"


async def test_a_token_for_another_resource(parties: Parties) -> None:
    for name in ("resource", "audience"):
        assert await no_task(parties, **{name: "https://crm.internal"}) == "invalid_target"


async def test_development_tokens_where_development_is_off(tmp_path: Path) -> None:
    made = Parties(tmp_path)
    now_ms = made.now_ms
    off = replace(made.config.root.gateway, unsafe_dev_identity=False)
    with pytest.raises(dev.DevIdentityRefused):
        dev.svid(
            made.state,
            replace(made.config, root=replace(made.config.root, gateway=off)),
            AGENT,
            now_ms,
        )


# --- anything at all ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Parties:
    return Parties(tmp_path_factory.mktemp("shared"))


@pytest.fixture(scope="module")
def good(shared: Parties) -> tuple[str, ...]:
    return shared.svid(), shared.user_token(), shared.attestation(), shared.proof()


def lookalikes() -> st.SearchStrategy[str]:
    """Text, and what looks like a token from afar."""
    names = st.sampled_from(["alg", "typ", "kid", "jwk", "iat", "exp", "aud", "sub", "iss", "crit"])
    text = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
    leaf = st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.floats() | text
    leaf |= st.sampled_from(["ES256", "none", "dpop+jwt", "at+jwt", ISSUER, AGENT])

    def nested(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
        return st.lists(inner) | st.dictionaries(names | text, inner)

    objects: st.SearchStrategy[Any] = st.dictionaries(
        names, st.recursive(leaf, nested, max_leaves=8)
    )
    segment = objects.map(orjson.dumps) | st.binary(max_size=40)
    segments = segment.map(encode) | st.text(max_size=8)
    return st.text() | st.lists(segments, max_size=5).map(".".join)


def proves_nothing(parties: Parties, token: str) -> None:
    evidence = parties.evidence
    for verify in (evidence.workload, evidence.person, evidence.attestation):
        with pytest.raises(Unauthenticated):
            asyncio.run(verify(token, NOW_MS))
    with pytest.raises(Unauthenticated):
        evidence.possession(parties.requester(token), NOW_MS, token=None, key=None)


@given(
    credentials=lookalikes(), scheme=st.sampled_from(["DPoP ", "Bearer ", ""]), proof=lookalikes()
)
def test_garbage_is_nobody(shared: Parties, credentials: str, scheme: str, proof: str) -> None:
    sent = scheme + credentials
    unproven(shared, Caller(http_method="POST", url=MCP_URL, authorization=sent, dpop=(proof,)))


@given(token=lookalikes())
def test_garbage_proves_nothing(shared: Parties, token: str) -> None:
    proves_nothing(shared, token)


@given(
    which=st.integers(0, 3),
    place=st.integers(0, 2000),
    letter=st.sampled_from("AZaz09-_.=+/ \x00é"),
)
def test_one_changed_character_makes_it_worthless(
    shared: Parties, good: tuple[str, ...], which: int, place: int, letter: str
) -> None:
    token = good[which]
    place %= len(token)
    assume(token[place] != letter)
    proves_nothing(shared, token[:place] + letter + token[place + 1 :])
