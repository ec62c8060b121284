from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from safeconduct.delegation import tokens as room
from safeconduct.delegation.tokens import TaskTokens
from safeconduct.kit.certificate import Certificate
from safeconduct.kit.jose import sign
from safeconduct.kit.jwk import PrivateKey, decode
from safeconduct.ports import Attestation, Bearer, Caller, Person, Unauthenticated, Workload
from tests.support.parties import ISSUER, MCP_URL, NOW_MS, NOW_S, Parties, configuration
from tests.support.worlds import AGENT, USER


def bearer(parties: Parties, **changes: Any) -> Bearer:
    good = Bearer(
        task="t_1",
        tenant="crm.example",
        agent=AGENT,
        user=USER,
        scopes=frozenset({"case:read", "mail:send"}),
        expires_ms=NOW_MS + 900_000,
        jti="j_1",
        key=parties.key.public.thumbprint,
        unsafe=("unsafe_dev_identity",),
    )
    return replace(good, **changes)


@pytest.fixture
def parties(tmp_path: Path) -> Parties:
    return Parties(tmp_path)


def refused(parties: Parties, caller: Caller) -> str:
    with pytest.raises(Unauthenticated) as fault:
        parties.tokens.verify(caller, parties.now_ms)
    return fault.value.error


def test_a_token_says_what_was_minted(parties: Parties) -> None:
    minted = bearer(parties)
    token = parties.tokens.mint(minted, "app", NOW_MS)
    assert parties.tokens.verify(parties.caller(token), NOW_MS) == minted
    # Once more, from memory.
    assert parties.tokens.verify(parties.caller(token), NOW_MS) == minted


def test_a_token_without_marks(parties: Parties) -> None:
    minted = bearer(parties, unsafe=())
    token = parties.tokens.mint(minted, "app", NOW_MS)
    assert parties.tokens.verify(parties.caller(token), NOW_MS).unsafe == ()


def test_the_claims_of_a_token(parties: Parties) -> None:
    header, claims, _ = parties.tokens.mint(bearer(parties), "app", NOW_MS).split(".")
    assert json.loads(decode(header)) == {
        "typ": "at+jwt",
        "alg": "ES256",
        "kid": parties.signing.current.public.thumbprint,
    }
    assert json.loads(decode(claims)) == {
        "iss": ISSUER,
        "aud": ISSUER,
        "iat": NOW_S,
        "exp": NOW_S + 900,
        "jti": "j_1",
        "client_id": AGENT,
        "sub": USER,
        "act": {"sub": AGENT},
        "txn": "t_1",
        "tenant": "crm.example",
        "scope": "case:read mail:send",
        "purpose_source": "app",
        "cnf": {"jkt": parties.key.public.thumbprint},
        "unsafe": ["unsafe_dev_identity"],
    }


def test_no_token_outlives_a_quarter_of_an_hour(parties: Parties) -> None:
    with pytest.raises(ValueError, match="15 minutes"):
        parties.tokens.mint(bearer(parties, expires_ms=NOW_MS + 900_001), "app", NOW_MS)


def test_expiry_is_checked_every_time(parties: Parties) -> None:
    token = parties.tokens.mint(bearer(parties), "app", NOW_MS)
    parties.tokens.verify(parties.caller(token), NOW_MS)
    parties.now_ms = NOW_MS + 900_000
    assert refused(parties, parties.caller(token)) == "invalid_token"
    fresh = TaskTokens(parties.config.root.gateway, parties.signing, parties.evidence)
    with pytest.raises(Unauthenticated, match="expired"):
        fresh.verify(parties.caller(token), parties.now_ms)


def test_a_bound_token_needs_a_proof(parties: Parties) -> None:
    token = parties.tokens.mint(bearer(parties), "app", NOW_MS)
    bare = Caller(http_method="POST", url=MCP_URL, authorization=f"DPoP {token}")
    assert refused(parties, bare) == "invalid_dpop_proof"
    assert refused(parties, parties.caller(token, scheme="Bearer")) == "invalid_token"
    assert refused(parties, parties.caller(token, parties.proof(PrivateKey.generate(), token)))


def test_a_token_without_a_key_is_accepted_only_where_the_switch_is_on(tmp_path: Path) -> None:
    on = Parties(tmp_path, configuration(tmp_path, unsafe_bearer_tokens=True))
    off = Parties(tmp_path)
    minted = bearer(on, key="", unsafe=("unsafe_bearer_tokens",))
    token = on.tokens.mint(minted, "agent", NOW_MS)
    caller = Caller(http_method="POST", url=MCP_URL, authorization=f"bearer {token}")
    assert on.tokens.verify(caller, NOW_MS) == minted
    assert refused(off, caller) == "invalid_token"
    for parties in (on, off):
        assert refused(parties, parties.caller(token)) == "invalid_token"
    # The switch frees no token that is bound.
    bound = on.tokens.mint(bearer(on), "agent", NOW_MS)
    assert refused(on, on.caller(bound, scheme="Bearer")) == "invalid_token"


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "DPoP",
        "DPoP ",
        "Basic dXNlcjpwYXNz",
        "DPoP a b",
        "DPoP a,b",
        "DPoP é",
        "DPoP a\n",
        "DPoPtoken",
        " DPoP token",
    ],
)
def test_credentials_have_one_form(parties: Parties, authorization: str | None) -> None:
    caller = Caller(http_method="POST", url=MCP_URL, authorization=authorization)
    assert refused(parties, caller) == "invalid_token"


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "http://127.0.0.1:8701"},
        {"aud": "http://127.0.0.1:8701"},
        {"aud": [ISSUER, "http://127.0.0.1:8701"]},
        {"tenant": "other.example"},
        {"client_id": "spiffe://crm.example/agents/other"},
        {"act": {"sub": "spiffe://crm.example/agents/other"}},
        {"act": None},
        {"exp": NOW_S},
        {"iat": NOW_S + 60},
        {"txn": None},
        {"purpose_source": "admin"},
        {"scope": ["case:read"]},
        {"cnf": {}},
        {"cnf": {"jkt": ""}},
        {"unsafe": "x"},
    ],
)
def test_our_own_signature_is_not_enough(parties: Parties, change: dict[str, Any]) -> None:
    claims = {
        "iss": ISSUER,
        "aud": ISSUER,
        "exp": NOW_S + 60,
        "jti": "j_1",
        "client_id": AGENT,
        "sub": USER,
        "act": {"sub": AGENT},
        "txn": "t_1",
        "tenant": "crm.example",
        "scope": "case:read",
        "purpose_source": "app",
        "cnf": {"jkt": parties.key.public.thumbprint},
    }
    good = sign(claims, parties.signing.current, "at+jwt")
    assert parties.tokens.verify(parties.caller(good), NOW_MS).task == "t_1"
    bad = sign({**claims, **change}, parties.signing.current, "at+jwt")
    assert refused(parties, parties.caller(bad)) == "invalid_token"


def test_the_memory_is_bounded_and_holds_no_failures(
    parties: Parties, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "_CACHE_SIZE", 2)
    for number in range(4):
        token = parties.tokens.mint(bearer(parties, jti=f"j_{number}"), "app", NOW_MS)
        parties.tokens.verify(parties.caller(token), NOW_MS)
        assert refused(parties, parties.caller(token[:-4])) == "invalid_token"
    assert len(parties.tokens._verified) == 2  # noqa: SLF001  # pyright: ignore[reportPrivateUsage]


def test_a_dead_proof_check_closes_the_gate(parties: Parties) -> None:
    class Dead:
        async def workload(self, token: str, now_ms: int) -> Workload:
            raise NotImplementedError

        async def certified(self, certificate: Certificate, now_ms: int) -> Workload:
            raise NotImplementedError

        async def person(self, token: str, now_ms: int) -> Person:
            raise NotImplementedError

        async def grant(self, token: str, now_ms: int) -> Person:
            raise NotImplementedError

        async def attestation(self, token: str, now_ms: int) -> Attestation:
            raise NotImplementedError

        def possession(
            self, caller: Caller, now_ms: int, *, token: str | None, key: str | None
        ) -> str:
            raise MemoryError

    tokens = TaskTokens(parties.config.root.gateway, parties.signing, Dead())
    token = tokens.mint(bearer(parties), "app", NOW_MS)
    with pytest.raises(MemoryError):
        tokens.verify(parties.caller(token), NOW_MS)


def test_a_rotation_refuses_no_valid_token(parties: Parties) -> None:
    before = parties.tokens.mint(bearer(parties), "app", NOW_MS)
    parties.signing.rotate(NOW_MS)
    after = parties.tokens.mint(bearer(parties), "app", NOW_MS)
    fresh = TaskTokens(parties.config.root.gateway, parties.signing, parties.evidence)
    for tokens in (parties.tokens, fresh):
        for token in (before, after):
            caller = parties.caller(token, parties.proof(token=token))
            assert tokens.verify(caller, NOW_MS).agent == AGENT
    parties.signing.rotate(NOW_MS)
    with pytest.raises(Unauthenticated):
        TaskTokens(parties.config.root.gateway, parties.signing, parties.evidence).verify(
            parties.caller(before, parties.proof(token=before)), NOW_MS
        )
