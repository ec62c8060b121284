from __future__ import annotations

import hmac
from typing import Any

import msgspec
import orjson
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, OKPKey, RSAKey

from safeconduct.kit import jose
from safeconduct.kit.jose import Expired, check_times, peek, sign, verify, verify_embedded
from safeconduct.kit.jwk import JoseError, KeySet, PrivateKey, PublicKey, decode, encode

KEY = PrivateKey.generate()
KEYS = KeySet({KEY.public.kid: KEY.public})
TYPES: frozenset[str | None] = frozenset({"at+jwt"})
NOW_MS = 1_790_000_000_000


class Claims(jose.Claims, frozen=True, kw_only=True):
    sub: str


class Proof(msgspec.Struct, frozen=True):
    jti: str


GOOD: dict[str, Any] = {"aud": "here", "exp": NOW_MS / 1000 + 60, "sub": "jane"}


def token(header: bytes | dict[str, Any], claims: bytes | dict[str, Any] = GOOD) -> str:
    """A token with a good signature over whatever header and claims."""
    parts = [part if isinstance(part, bytes) else orjson.dumps(part) for part in (header, claims)]
    message = ".".join(encode(part) for part in parts)
    return f"{message}.{encode(KEY.sign(message.encode()))}"


def read(given: str, keys: KeySet = KEYS, types: frozenset[str | None] = TYPES) -> Claims:
    return verify(given, lambda _: keys, types=types, shape=Claims).claims


def test_reads_what_it_signed() -> None:
    claims = read(sign(GOOD, KEY, "at+jwt"))
    assert (claims.sub, claims.audiences) == ("jane", ("here",))
    assert read(sign({**GOOD, "aud": ["a", "b"]}, KEY, "at+jwt")).audiences == ("a", "b")


def test_understands_another_implementation() -> None:
    theirs = ECKey.import_key(KEY.jwk())
    assert read(jwt.encode({"alg": "ES256", "typ": "at+jwt"}, GOOD, theirs)).sub == "jane"
    ours = jwt.decode(sign(GOOD, KEY, "at+jwt"), theirs, algorithms=["ES256"])
    assert ours.claims["sub"] == "jane"


def test_both_names_of_ed25519() -> None:
    key = PrivateKey.parse(OKPKey.generate_key("Ed25519").as_dict(private=True))
    keys = KeySet({"k": key.public})
    for name in ("Ed25519", "EdDSA"):
        message = (
            f"{encode(orjson.dumps({'alg': name, 'typ': 'at+jwt'}))}.{encode(orjson.dumps(GOOD))}"
        )
        assert read(f"{message}.{encode(key.sign(message.encode()))}", keys).sub == "jane"


def test_a_foreign_rsa_signature_is_read_and_one_that_a_token_brings_along_is_not() -> None:
    pair = RSAKey.generate_key(2048)
    for name in ("RS256", "PS256"):
        jwk = {**pair.as_dict(private=False), "alg": name}
        key = PublicKey.parse(jwk, algorithms=frozenset({"RS256", "PS256"}))
        keys = KeySet({key.kid: key})
        for alg in ("RS256", "PS256"):
            theirs = jwt.encode({"alg": alg, "typ": "at+jwt"}, GOOD, pair, algorithms=[alg])
            if alg == name:
                assert read(theirs, keys).sub == "jane"
            else:
                with pytest.raises(JoseError):
                    read(theirs, keys)
        header = {"alg": name, "typ": "at+jwt", "jwk": jwk}
        proof = jwt.encode(header, {"jti": "1"}, pair, algorithms=[name])
        with pytest.raises(JoseError):
            verify_embedded(proof, typ="at+jwt", shape=Proof)


def test_a_look_at_what_nobody_has_verified() -> None:
    good = sign(GOOD, KEY, "at+jwt")
    assert peek(good) == (KEY.public.kid, GOOD)
    assert peek(token({"alg": "none"})) == (None, GOOD)
    for bad in ("", "a.b", good + "=", token({"kid": 7}), token({"kid": ["k"]}), token(b"[]")):
        with pytest.raises(JoseError):
            peek(bad)


def test_header_is_exact() -> None:
    good = {"alg": "ES256", "typ": "at+jwt"}
    assert read(token(good)).sub == "jane"
    bad: list[dict[str, Any]] = [
        {"alg": "ES256"},
        {**good, "typ": "AT+JWT"},
        {**good, "typ": "JWT"},
        {**good, "typ": ["at+jwt"]},
        {**good, "alg": "none"},
        {**good, "alg": "HS256"},
        {**good, "alg": "RS256"},
        {**good, "alg": "Ed25519"},
        {**good, "alg": "es256"},
        {**good, "alg": ["ES256"]},
        {"typ": "at+jwt"},
        {**good, "crit": ["exp"]},
        {**good, "crit": []},
        {**good, "b64": False},
        {**good, "jku": "https://attacker.example/keys"},
        {**good, "x5u": "https://attacker.example/keys"},
        {**good, "x5c": []},
        {**good, "jwk": KEY.public.jwk()},
        {**good, "kid": "../../etc/passwd"},
        {**good, "kid": ""},
        {**good, "kid": 7},
        {**good, "kid": [KEY.public.kid]},
    ]
    for header in bad:
        with pytest.raises(JoseError):
            read(token(header))


def test_a_missing_type_is_accepted_only_where_it_is_listed() -> None:
    assert read(token({"alg": "ES256"}), types=frozenset({"JWT", None})).sub == "jane"


def test_form_is_exact() -> None:
    good = sign(GOOD, KEY, "at+jwt")
    header, claims, signature = good.split(".")
    padding = "=" * (-len(claims) % 4)
    for bad in (
        "",
        ".",
        "..",
        f"{header}.{claims}",
        f"{header}.{claims}.",
        f"{good}.",
        f"{good}.{signature}",
        f"{header}.{claims}{padding or '='}.{signature}",
        f"{header}.{claims}.{signature}=",
        f" {good}",
        f"{good}\n",
        good.replace(".", "。"),
        f"{header}.{claims}.{signature[:-1]}",
        f"{header}.{claims}.é",
        f"é.{claims}.{signature}",
        "a" * (jose.MAX_BYTES + 1),
        orjson.dumps({"payload": claims, "protected": header, "signature": signature}).decode(),
    ):
        with pytest.raises(JoseError):
            read(bad)


def test_json_has_one_meaning() -> None:
    good = b'{"alg":"ES256","typ":"at+jwt"}'
    for header in (
        b'{"alg":"none","alg":"ES256","typ":"at+jwt"}',
        b"[]",
        b"null",
        b"\xff",
        good * 2,
    ):
        with pytest.raises(JoseError):
            read(token(header))
    for claims in (
        b'{"aud":"here","exp":1790000060,"sub":"bob","sub":"jane"}',
        b'{"aud":"here","exp":NaN,"sub":"jane"}',
        b'{"aud":"here","exp":1790000060,"sub":"\\ud800"}',
        b'{"aud":"here","exp":1790000060,"sub":"jane","x":' + b"[" * 100 + b"]" * 100 + b"}",
        b'"claims"',
    ):
        with pytest.raises(JoseError):
            read(token(good, claims))


@pytest.mark.parametrize(
    "change",
    [
        {"sub": None},
        {"sub": 7},
        {"exp": "1790000060"},
        {"exp": True},
        {"exp": -1},
        {"exp": 2**41},
        {"aud": None},
        {"aud": ["here", 7]},
        {"aud": ""},
        {"iat": "now"},
        {"nbf": []},
    ],
)
def test_claims_have_their_types(change: dict[str, Any]) -> None:
    with pytest.raises(JoseError):
        read(sign({**GOOD, **change}, KEY, "at+jwt"))


def test_signature_must_be_by_the_selected_key() -> None:
    good = sign(GOOD, KEY, "at+jwt")
    other = PrivateKey.generate()
    with pytest.raises(JoseError):
        read(good, KeySet({KEY.public.kid: other.public}))
    with pytest.raises(JoseError):
        verify(good, lambda _: None, types=TYPES, shape=Claims)


def test_a_shared_secret_does_not_exist() -> None:
    pem = ECKey.import_key(KEY.public.jwk()).as_pem(private=False)
    header = {"alg": "HS256", "typ": "at+jwt", "kid": KEY.public.kid}
    message = f"{encode(orjson.dumps(header))}.{encode(orjson.dumps(GOOD))}"
    for secret in (pem, orjson.dumps(KEY.public.jwk()), b""):
        mac = hmac.digest(secret, message.encode(), "sha256")
        with pytest.raises(JoseError):
            read(f"{message}.{encode(mac)}")


def test_the_digest_names_what_was_signed_however_the_signature_is_spelt() -> None:
    good = sign(GOOD, KEY, "at+jwt")
    message, _, signature = good.rpartition(".")
    raw = decode(signature)
    order = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
    flipped = raw[:32] + (order - int.from_bytes(raw[32:])).to_bytes(32)
    twin = f"{message}.{encode(flipped)}"
    one, two = (
        verify(each, lambda _: KEYS, types=TYPES, shape=Claims).digest for each in (good, twin)
    )
    assert twin != good
    assert one == two


def test_times() -> None:
    exp = NOW_MS // 1000 + 60
    check_times(Claims(aud="a", sub="s", exp=exp, iat=NOW_MS / 1000 + 5), NOW_MS)
    with pytest.raises(Expired):
        check_times(Claims(aud="a", sub="s", exp=NOW_MS / 1000), NOW_MS)
    for late in ({"iat": exp}, {"nbf": exp}):
        with pytest.raises(JoseError):
            check_times(Claims(aud="a", sub="s", exp=exp, **late), NOW_MS)


def test_an_embedded_key_proves_its_own_possession() -> None:
    proof = sign({"jti": "one"}, KEY, "dpop+jwt", embed=True)
    claims, thumbprint = verify_embedded(proof, typ="dpop+jwt", shape=Proof)
    assert (claims.jti, thumbprint) == ("one", KEY.public.thumbprint)


def test_an_embedded_key_is_public_and_fits() -> None:
    good = {"alg": "ES256", "typ": "dpop+jwt", "jwk": KEY.public.members}
    claims = {"jti": "one"}
    accepted, _ = verify_embedded(token(good, claims), typ="dpop+jwt", shape=Proof)
    assert accepted.jti == "one"
    for header in (
        {**good, "typ": "JWT"},
        {**good, "alg": "none"},
        {**good, "alg": "Ed25519"},
        {**good, "jwk": KEY.jwk()},
        {**good, "jwk": PrivateKey.generate().public.jwk()},
        {**good, "jwk": None},
        {**good, "jku": "https://attacker.example"},
        {**good, "crit": ["jwk"]},
        {"alg": "ES256", "typ": "dpop+jwt", "kid": KEY.public.kid},
    ):
        with pytest.raises(JoseError):
            verify_embedded(token(header, claims), typ="dpop+jwt", shape=Proof)
    with pytest.raises(JoseError):
        verify_embedded(token(good, {}), typ="dpop+jwt", shape=Proof)
