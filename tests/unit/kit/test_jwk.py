from __future__ import annotations

from contextlib import suppress
from itertools import product
from typing import Any, Final

import orjson
import pytest
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256, SHA512
from hypothesis import given
from hypothesis import strategies as st
from joserfc.jwk import OctKey, OKPKey, RSAKey

from safeconduct.kit.jwk import (
    OWN,
    Algorithm,
    JoseError,
    KeySet,
    PrivateKey,
    PublicKey,
    decode,
    encode,
)

ANY = frozenset({None, "sig"})

FOREIGN: Final = OWN | frozenset[Algorithm]({"RS256", "PS256"})

# RFC 8037 appendix A.3.
ED25519 = {
    "kty": "OKP",
    "crv": "Ed25519",
    "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
}
ED25519_THUMBPRINT = "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


# RFC 7638 section 3.1.
RSA = {
    "kty": "RSA",
    "n": (
        "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJE"
        "CPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2Q"
        "vzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6"
        "WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"
    ),
    "e": "AQAB",
    "alg": "RS256",
    "kid": "2011-04-29",
}
RSA_THUMBPRINT = "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"


def jwks(*keys: object) -> bytes:
    return orjson.dumps({"keys": keys})


def test_bytes_have_one_spelling() -> None:
    assert decode(encode(b"\xff\xfe")) == b"\xff\xfe"
    for other in ("__4=", "__5", "_ _4", "__4\n", "//4", "A", "ä"):
        with pytest.raises(JoseError):
            decode(other)


def test_what_is_read_is_spelt_as_it_would_be_written() -> None:
    # Last characters with and without spare bits, of both alphabets, and of none.
    texts = ("".join(each) for n in range(5) for each in product("AQgw9_-+/= \n", repeat=n))
    read: dict[bytes, str] = {}
    for text in texts:
        with suppress(JoseError):
            data = decode(text)
            assert encode(data) == text
            assert read.setdefault(data, text) == text
    assert len(read) == 1 + 7 * 4 + 7 * 7 * 4 + 7**4


@given(st.binary(max_size=100))
def test_all_bytes_can_be_spelt(data: bytes) -> None:
    assert decode(encode(data)) == data


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


SHORT: Final = PublicKey.parse(
    {
        "kty": "EC",
        "crv": "P-256",
        "x": "yLGB5UK7oHp60i6D2e5e4ftuM6ZLarftW28YMvEb8dE",
        "y": "WYkvrtcz6wavUQMyWuJjckApCGMYyzC8NQ56i-JiKok",
    }
)


def test_a_foreign_rsa_key_verifies_its_one_algorithm() -> None:
    pair = rsa.generate_private_key(65537, 2048)
    jwk = RSAKey.import_key(pair).as_dict(private=False)
    plain = PublicKey.parse(jwk, algorithms=FOREIGN)
    probabilistic = PublicKey.parse({**jwk, "alg": "PS256"}, algorithms=FOREIGN)
    assert (plain.algorithm, probabilistic.algorithm) == ("RS256", "PS256")
    rs256 = pair.sign(b"message", padding.PKCS1v15(), SHA256())
    ps256 = pair.sign(b"message", padding.PSS(padding.MGF1(SHA256()), 32), SHA256())
    salted_otherwise = pair.sign(b"message", padding.PSS(padding.MGF1(SHA256()), 20), SHA256())
    assert plain.verify(b"message", rs256)
    assert probabilistic.verify(b"message", ps256)
    for key, wrong in (
        (plain, ps256),
        (plain, rs256[1:]),
        (plain, b"\0" + rs256),
        (plain, b""),
        (plain, bytes(64)),
        (plain, pair.sign(b"message", padding.PKCS1v15(), SHA512())),
        (probabilistic, rs256),
        (probabilistic, salted_otherwise),
        (probabilistic, b""),
    ):
        assert not key.verify(b"message", wrong)
    assert not plain.verify(b"another", rs256)


def test_an_rsa_key_is_read_only_where_it_is_named() -> None:
    key = PublicKey.parse(RSA, algorithms=frozenset({"RS256"}))
    assert (key.thumbprint, key.kid, key.algorithm) == (RSA_THUMBPRINT, "2011-04-29", "RS256")
    assert key.jwk(use="sig") == {**RSA, "use": "sig"}
    for algorithms in (OWN, frozenset[Algorithm]({"PS256"})):
        with pytest.raises(JoseError):
            PublicKey.parse(RSA, algorithms=algorithms)
        with pytest.raises(JoseError):
            KeySet.parse(jwks(RSA), uses=ANY, algorithms=algorithms)
    with pytest.raises(JoseError):
        PublicKey.parse(ED25519, algorithms=frozenset({"RS256"}))
    assert list(KeySet.parse(jwks(RSA), uses=ANY, algorithms=FOREIGN).keys) == ["2011-04-29"]


def test_an_rsa_key_without_an_algorithm_is_for_the_one_that_is_accepted() -> None:
    bare = {name: value for name, value in RSA.items() if name != "alg"}
    each: list[tuple[frozenset[Algorithm], Algorithm]] = [
        (FOREIGN, "RS256"),
        (frozenset({"RS256"}), "RS256"),
        (frozenset({"PS256"}), "PS256"),
    ]
    for algorithms, expected in each:
        assert PublicKey.parse(bare, algorithms=algorithms).algorithm == expected
    with pytest.raises(JoseError):
        PublicKey.parse(bare)


def number(value: int) -> str:
    return encode(value.to_bytes((value.bit_length() + 7) // 8))


def test_an_rsa_key_that_is_weak_or_oddly_spelt_is_refused() -> None:
    n = int.from_bytes(decode(RSA["n"]))
    largest = (1 << 8192) - 1
    for good in ({**RSA, "n": number(largest)}, {**RSA, "e": number(3)}):
        assert PublicKey.parse(good, algorithms=FOREIGN).algorithm == "RS256"
    bad: list[dict[str, Any]] = [
        {**RSA, "n": number((1 << 2047) - 1)},
        {**RSA, "n": number((1 << 8192) + 1)},
        {**RSA, "n": number(n + 1)},
        {**RSA, "n": encode(b"\0" + decode(RSA["n"]))},
        {**RSA, "n": ""},
        {**RSA, "n": None},
        {**RSA, "e": number(1)},
        {**RSA, "e": number(2)},
        {**RSA, "e": number(65536)},
        {**RSA, "e": number((1 << 64) + 1)},
        {**RSA, "e": encode(b"\0\3")},
        {**RSA, "e": ""},
        {**RSA, "e": 65537},
        {**RSA, "alg": "RS384"},
        {**RSA, "alg": "HS256"},
        {**RSA, "alg": "ES256"},
        {**RSA, "alg": ["RS256"]},
        {**RSA, "alg": None},
        {**RSA, "d": RSA["n"]},
        {**RSA, "p": "AQAB"},
    ]
    for jwk in bad:
        with pytest.raises(JoseError):
            PublicKey.parse(jwk, algorithms=FOREIGN)


@pytest.mark.parametrize(
    ("message", "signature"),
    [
        # R has a leading zero, then its highest bit set
        (
            b"13",
            (
                "AJfCKY1NcguxadS6-74pWyKVpW_h3VuH2uVPbxmIS16D"
                "lkFDNy707F5-ZpCzdbHjnipx_onLcA9UCInw2xAFTw"
            ),
        ),
        # S has a leading zero, R has none
        (
            b"172",
            (
                "_7bP9piV2iQ1wkpIuq8Db543vICxdevVbLl_5s8Z3-MA"
                "W1QkbU2rli3N_kDhC174vTHaEXAtYOAUkgItQLN4zA"
            ),
        ),
        # R has two leading zeros
        (
            b"49579",
            (
                "AAC5XJXmvYABg0JMWR9n4iMaKKgRPsNLwJhyDwJOBLCH"
                "uJ0UV3aixa0_M4MtKINeRioIfL2cI44mLREAGwQfbw"
            ),
        ),
    ],
)
def test_numbers_of_a_signature_may_be_short(message: bytes, signature: str) -> None:
    raw = decode(signature)
    assert SHORT.verify(message, raw)
    for wrong in (raw[1:], b"\0" + raw, raw[32:] + raw[:32], raw[:32] + bytes(32)):
        assert not SHORT.verify(message, wrong)


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


def test_what_others_publish_is_read_as_far_as_it_can_be_used() -> None:
    good, private = PrivateKey.generate().public.jwk(), PrivateKey.generate()
    unusable: list[Any] = [
        "key",
        7,
        {"kty": "RSA"},
        {"kty": "EC", "crv": "P-384", "kid": "other"},
        {"kid": ["list"], "kty": "EC"},
        {**good, "kid": "list", "use": ["sig"]},
        {**RSA, "kid": "weak", "n": number((1 << 2047) - 1)},
        private.jwk(),
        OctKey.generate_key(256).as_dict(),
    ]
    for each in ([one] for one in unusable):
        found = KeySet.published(jwks(good, *each, RSA), uses=ANY, algorithms=FOREIGN)
        assert list(found.keys) == [good["kid"], RSA["kid"]]
    found = KeySet.published(jwks(*unusable, good, RSA), uses=ANY)
    assert list(found.keys) == [good["kid"]]


def test_keys_of_others_that_share_a_name_are_all_left_out() -> None:
    good, one, two = (PrivateKey.generate() for _ in range(3))
    published = good.public.jwk()
    named = [{**key.public.jwk(), "kid": "same"} for key in (one, two)]
    for others in (
        named,
        [*named, named[0]],
        [named[0], {**one.jwk(), "kid": "same"}],
        [{**one.jwk(), "kid": "same"}, named[1]],
        [named[0], {**RSA, "kid": "same"}],
    ):
        found = KeySet.published(jwks(*others, published), uses=ANY)
        assert list(found.keys) == [good.public.kid]


def test_a_key_of_others_whose_private_half_is_there_is_left_out_under_every_name() -> None:
    good, spoilt = PrivateKey.generate(), PrivateKey.generate()
    public, pair = spoilt.public.jwk(), spoilt.jwk()
    bare = {name: value for name, value in pair.items() if name != "kid"}
    for private in (pair, bare, {**bare, "kid": "other"}, {**bare, "alg": "HS256", "kid": "other"}):
        for order in ((private, public), (public, private)):
            found = KeySet.published(jwks(*order, good.public.jwk()), uses=ANY)
            assert list(found.keys) == [good.public.kid]


def test_others_may_publish_no_key_but_not_nonsense() -> None:
    assert KeySet.published(jwks(), uses=ANY) == KeySet({})
    for data in (b"", b"[]", b"{}", b'{"keys": {}}', b'{"keys": [], "keys": []}'):
        with pytest.raises(JoseError):
            KeySet.published(data, uses=ANY)


def test_a_private_half_that_does_not_fit_is_refused() -> None:
    one, two = PrivateKey.generate().jwk(), PrivateKey.generate().jwk()
    with pytest.raises(JoseError):
        PrivateKey.parse({**one, "d": two["d"]})
