from __future__ import annotations

from typing import Any

import orjson
import pytest
from joserfc.jwk import OctKey, OKPKey, RSAKey

from safeconduct.kit.jwk import JoseError, KeySet, PrivateKey, PublicKey, decode, encode

ANY = frozenset({None, "sig"})

# RFC 7638 has an RSA example; this one is RFC 8037 appendix A.3.
ED25519 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
ED25519_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def jwks(*keys: object) -> bytes:
    return orjson.dumps({"keys": keys})


def test_bytes_have_one_spelling() -> None:
    assert decode(encode(b"\xff\xfe")) == b"\xff\xfe"
    for other in ("__4=", "__5", "_ _4", "__4\n", "//4", "A", "ä"):
        with pytest.raises(JoseError):
            decode(other)


def test_thumbprint_is_the_standards() -> None:
    key = PublicKey.parse(ED25519)
    assert (key.thumbprint, key.kid, key.algorithm) == (
        ED25519_THUMBPRINT,
        ED25519_THUMBPRINT,
        "Ed25519",
    )


def test_signs_and_verifies() -> None:
    okp = PrivateKey.parse(OKPKey.generate_key("Ed25519").as_dict(private=True))
    for key in (PrivateKey.generate(), okp):
        signature = key.sign(b"message")
        assert key.public.verify(b"message", signature)
        assert not key.public.verify(b"another", signature)
        assert not key.public.verify(b"message", b"")
        assert not key.public.verify(b"message", bytes(64))


def test_a_private_key_survives_a_file_and_hides_in_a_log() -> None:
    key = PrivateKey.generate()
    again = PrivateKey.parse(key.jwk())
    assert again.public.thumbprint == key.public.thumbprint
    assert key.jwk()["d"] not in repr(key)


def test_a_public_jwk_names_its_algorithm_and_use() -> None:
    jwk = PrivateKey.generate().public.jwk(use="sig")
    assert (jwk["alg"], jwk["use"], "d" in jwk) == ("ES256", "sig", False)
    assert "use" not in PublicKey.parse(jwk).jwk()


def test_what_is_no_key_of_ours_is_refused() -> None:
    good = PrivateKey.generate().public.jwk()
    bad: list[Any] = [
        None,
        [good],
        {},
        {**good, "kty": None},
        {**good, "kty": ["EC"]},
        {**good, "crv": "P-384"},
        {**good, "crv": "secp256k1"},
        {**good, "alg": "HS256"},
        {**good, "alg": "EdDSA"},
        {**good, "alg": ["ES256"]},
        {**good, "x": good["y"]},
        {**good, "x": good["x"] + "="},
        {**good, "x": good["x"][:-2]},
        {**good, "x": 5},
        {**good, "y": None},
        {**good, "kid": 7},
        {**good, "use": ["sig"]},
        {**good, "d": good["x"]},
        {**good, "k": "c2VjcmV0"},
        {**ED25519, "crv": "X25519"},
        {**ED25519, "alg": "ES256"},
        OctKey.generate_key(256).as_dict(),
        RSAKey.generate_key(2048).as_dict(private=False),
    ]
    for jwk in bad:
        with pytest.raises(JoseError):
            PublicKey.parse(jwk)
    with pytest.raises(JoseError):
        PrivateKey.parse(good)


def test_the_older_name_of_ed25519_is_understood() -> None:
    assert PublicKey.parse({**ED25519, "alg": "EdDSA"}).algorithm == "Ed25519"


def test_a_set_finds_keys_by_name() -> None:
    one, two = PrivateKey.generate().public, PrivateKey.generate().public
    both = KeySet.parse(jwks(one.jwk(), two.jwk()), uses=ANY)
    assert both.find(two.kid) == both.keys[two.kid]
    assert both.find("unknown") is None
    assert both.find(None) is None
    only = KeySet.parse(jwks(one.jwk()), uses=ANY)
    assert only.find(None) is only.find(one.kid) is not None
    assert only.find("unknown") is None


def test_a_set_leaves_out_keys_for_another_use() -> None:
    svid, x509 = PrivateKey.generate().public, PrivateKey.generate().public
    data = jwks(svid.jwk(use="jwt-svid"), x509.jwk(use="x509-svid"), {"kty": "RSA", "use": "enc"})
    assert list(KeySet.parse(data, uses=frozenset({"jwt-svid"})).keys) == [svid.kid]


def test_a_set_that_cannot_be_used_is_refused() -> None:
    key = PrivateKey.generate()
    for data in (
        b"",
        b"[]",
        b"{}",
        b'{"keys": {}}',
        jwks(),
        jwks("key"),
        jwks(key.public.jwk(use="enc")),
        jwks(key.public.jwk(), key.public.jwk()),
        jwks(key.public.jwk(), {"kty": "RSA"}),
        jwks(key.jwk()),
        jwks({**key.public.jwk(), "use": ["sig"]}),
        b'{"keys": [], ' + jwks(key.public.jwk())[1:],
    ):
        with pytest.raises(JoseError):
            KeySet.parse(data, uses=ANY)


def test_a_private_half_that_does_not_fit_is_refused() -> None:
    one, two = PrivateKey.generate().jwk(), PrivateKey.generate().jwk()
    with pytest.raises(JoseError):
        PrivateKey.parse({**one, "d": two["d"]})
