from __future__ import annotations

import hashlib
from typing import Any

import pytest

from safeconduct.identity.dpop import NONCE_MS, Proofs
from safeconduct.identity.nonces import Nonces
from safeconduct.kit.jose import sign
from safeconduct.kit.jwk import PrivateKey, encode
from safeconduct.ports import Caller, Unauthenticated

NOW_MS = 1_790_000_000_000
URL = "https://gateway.example/mcp"
KEY = PrivateKey.generate()
OTHER = PrivateKey.generate()
TOKEN = "a.b.c"


def proof(key: PrivateKey = KEY, **changes: object) -> str:
    claims: dict[str, Any] = {"jti": "one", "htm": "POST", "htu": URL, "iat": NOW_MS // 1000}
    return sign({**claims, **changes}, key, "dpop+jwt", embed=True)


def show(
    proofs: Proofs,
    *given: str,
    url: str = URL,
    now_ms: int = NOW_MS,
    token: str | None = None,
    key: str | None = None,
) -> str:
    caller = Caller(http_method="POST", url=url, authorization=None, dpop=given)
    return proofs.verify(caller, now_ms, token=token, key=key)


def refuses(
    proofs: Proofs,
    *given: str,
    url: str = URL,
    now_ms: int = NOW_MS,
    token: str | None = None,
    key: str | None = None,
) -> str:
    with pytest.raises(Unauthenticated) as refused:
        show(proofs, *given, url=url, now_ms=now_ms, token=token, key=key)
    assert refused.value.error == "invalid_dpop_proof"
    return refused.value.sentence


@pytest.fixture
def proofs() -> Proofs:
    return Proofs(since_ms=0)


def test_a_proof_names_its_key(proofs: Proofs) -> None:
    assert show(proofs, proof()) == KEY.public.thumbprint


def test_exactly_one(proofs: Proofs) -> None:
    assert "Exactly one" in refuses(proofs)
    assert "Exactly one" in refuses(proofs, proof(), proof(jti="two"))
    assert "Exactly one" in refuses(proofs, proof(), proof())


def test_a_proof_works_once(proofs: Proofs) -> None:
    given = proof()
    show(proofs, given)
    assert "used before" in refuses(proofs, given)
    assert "used before" in refuses(proofs, proof(htu=f"{URL}?again"))
    show(proofs, proof(jti="two"))
    show(proofs, proof(OTHER))


def test_a_refused_proof_is_not_spent(proofs: Proofs) -> None:
    given = proof()
    refuses(proofs, given, url="https://gateway.example/other")
    refuses(proofs, given, key=OTHER.public.thumbprint)
    show(proofs, given)


def test_the_key_must_be_the_tokens(proofs: Proofs) -> None:
    assert "another key" in refuses(proofs, proof(OTHER), key=KEY.public.thumbprint)
    show(proofs, proof(), key=KEY.public.thumbprint)


@pytest.mark.parametrize(
    "change",
    [
        {"htm": "GET"},
        {"htm": "post"},
        {"htu": "https://gateway.example/other"},
        {"htu": "https://gateway.example/mcp/"},
        {"htu": "https://gateway.example/%6dcp"},
        {"htu": "http://gateway.example/mcp"},
        {"htu": "https://gateway.example:8443/mcp"},
        {"htu": "https://gateway.example:0/mcp"},
        {"htu": "https://user@gateway.example/mcp"},
        {"htu": "https://gateway.example.attacker.example/mcp"},
        {"htu": "https://[gateway/mcp"},
        {"htu": "https://gateway.example:port/mcp"},
        {"htu": "/mcp"},
        {"htu": ""},
    ],
)
def test_a_proof_is_for_one_method_and_url(proofs: Proofs, change: dict[str, Any]) -> None:
    assert "another method or URL" in refuses(proofs, proof(**change))


@pytest.mark.parametrize(
    "htu",
    [
        "HTTPS://Gateway.Example/mcp",
        "https://gateway.example:443/mcp",
        "https://gateway.example/mcp?query=1#fragment",
    ],
)
def test_spellings_of_the_same_url(proofs: Proofs, htu: str) -> None:
    show(proofs, proof(htu=htu))


def test_an_empty_path_is_the_root(proofs: Proofs) -> None:
    show(proofs, proof(htu="https://gateway.example"), url="https://gateway.example/")


def test_a_proof_is_for_one_token(proofs: Proofs) -> None:
    ath = encode(hashlib.sha256(TOKEN.encode()).digest())
    assert "another token" in refuses(proofs, proof(), token=TOKEN)
    assert "another token" in refuses(proofs, proof(ath=ath[:-1]), token=TOKEN)
    assert "another token" in refuses(proofs, proof(ath=ath), token="d.e.f")
    show(proofs, proof(ath=ath), token=TOKEN)


@pytest.mark.parametrize(
    "change",
    [
        {"jti": None},
        {"jti": ""},
        {"jti": "x" * 257},
        {"jti": 7},
        {"htm": None},
        {"htu": ["https://gateway.example/mcp"]},
        {"iat": None},
        {"iat": str(NOW_MS // 1000)},
        {"iat": True},
        {"ath": 7},
    ],
)
def test_claims_have_their_types(proofs: Proofs, change: dict[str, Any]) -> None:
    assert "not valid" in refuses(proofs, proof(**change))


def test_the_window(proofs: Proofs) -> None:
    second = NOW_MS // 1000
    show(proofs, proof(jti="oldest", iat=second - 60))
    show(proofs, proof(jti="newest", iat=second + 5))
    show(proofs, proof(jti="fraction", iat=second - 59.999))
    for iat in (second - 61, second - 60.001, second + 6, second + 5.001, 0):
        assert "too old, or from the future" in refuses(proofs, proof(iat=iat))


def test_a_proof_from_before_the_start_is_refused() -> None:
    restarted = Proofs(since_ms=NOW_MS - 10_500)
    second = NOW_MS // 1000
    refuses(restarted, proof(iat=second - 11))
    refuses(restarted, proof(iat=second - 10.501))
    show(restarted, proof(iat=second - 10.5))


def test_what_was_used_is_remembered_as_long_as_it_could_be_accepted(proofs: Proofs) -> None:
    newest = proof(iat=NOW_MS // 1000 + 5)
    show(proofs, newest)
    for later_ms in (1, 59_000, 65_000):
        assert "used before" in refuses(proofs, newest, now_ms=NOW_MS + later_ms)
    assert "too old" in refuses(proofs, newest, now_ms=NOW_MS + 65_001)


def test_a_full_memory_refuses_until_it_has_forgotten() -> None:
    small = Proofs(since_ms=0, capacity=2)
    show(small, proof(jti="one"))
    show(small, proof(jti="two"))
    assert "Too many" in refuses(small, proof(jti="three"))
    later_ms = NOW_MS + 67_000
    show(small, proof(jti="three", iat=later_ms // 1000), now_ms=later_ms)


def test_a_clock_that_steps_back_opens_no_window(proofs: Proofs) -> None:
    given = proof()
    show(proofs, given)
    far_ms = NOW_MS + 3_600_000
    show(proofs, proof(jti="far", iat=far_ms // 1000), now_ms=far_ms)
    assert "too old" in refuses(proofs, given)
    assert "too old" in refuses(proofs, proof(jti="fresh"))
    show(proofs, proof(jti="caught up", iat=far_ms // 1000), now_ms=far_ms)


def test_another_type_is_no_proof(proofs: Proofs) -> None:
    claims = {"jti": "one", "htm": "POST", "htu": URL, "iat": NOW_MS // 1000}
    refuses(proofs, sign(claims, KEY, "jwt", embed=True))
    refuses(proofs, sign(claims, KEY, "dpop+jwt"))
    refuses(proofs, "")


def test_a_clock_that_was_further_once_refuses_until_it_is_there_again(proofs: Proofs) -> None:
    proofs.not_before(NOW_MS + 3_600_000)
    assert refuses(proofs, proof())
    later = NOW_MS // 1000 + 3600
    assert show(proofs, proof(iat=later), now_ms=NOW_MS + 3_600_000)


# --- nonces and bodies ----------------------------------------------------------------------------


def wants(proofs: Proofs, *given: str, now_ms: int = NOW_MS) -> str:
    """The nonce that is asked for."""
    with pytest.raises(Unauthenticated) as refused:
        show(proofs, *given, now_ms=now_ms)
    assert refused.value.error == "use_dpop_nonce"
    assert refused.value.nonce is not None
    return refused.value.nonce


def test_a_nonce_is_asked_for_and_taken() -> None:
    proofs = Proofs(since_ms=0, nonces=Nonces())
    nonce = wants(proofs, proof())
    assert show(proofs, proof(nonce=nonce)) == KEY.public.thumbprint
    # It is good for many proofs, each of which is good once.
    assert refuses(proofs, proof(nonce=nonce))
    assert show(proofs, proof(nonce=nonce, jti="two"))


def test_a_nonce_is_ours_and_new() -> None:
    proofs = Proofs(since_ms=0, nonces=Nonces(lifetime_ms=NONCE_MS))
    nonce = wants(proofs, proof())
    for other in (Nonces().issue(NOW_MS), nonce[:-1], "", "garbage", nonce + "A"):
        wants(proofs, proof(nonce=other))
    later_ms = NOW_MS + NONCE_MS
    stored = proof(nonce=nonce, iat=later_ms // 1000)
    assert wants(proofs, stored, now_ms=later_ms) != nonce


def test_a_refused_proof_is_told_no_nonce() -> None:
    proofs = Proofs(since_ms=0, nonces=Nonces())
    assert refuses(proofs, proof(htm="GET"))
    assert refuses(proofs, proof(iat=0))


def test_a_proof_that_names_a_body_is_for_that_body(proofs: Proofs) -> None:
    def digest(body: bytes) -> str:
        return encode(hashlib.sha256(body).digest())

    def posted(body: bytes, *given: str) -> Caller:
        return Caller(http_method="POST", url=URL, authorization=None, dpop=given, body=body)

    good = proof(bd=digest(b"pay 10"))
    with pytest.raises(Unauthenticated):
        proofs.verify(posted(b"pay 99", good), NOW_MS, token=None, key=None)
    assert proofs.verify(posted(b"pay 10", good), NOW_MS, token=None, key=None)
    with pytest.raises(Unauthenticated):
        proofs.verify(posted(b"", proof(bd=digest(b"x"), jti="2")), NOW_MS, token=None, key=None)
    assert proofs.verify(posted(b"x", proof(jti="3")), NOW_MS, token=None, key=None)
