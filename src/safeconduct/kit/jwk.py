"""JSON Web Keys (RFC 7517): EC P-256 and Ed25519, and RSA where a foreign issuer signs with it.

A key fits exactly one algorithm, so a token's header never chooses how a key is used. Symmetric
keys do not exist here, which makes `alg=none` and HMAC with a public key impossible rather than
refused. RSA keys only verify, and only where the reader of a key or set of keys names the
algorithm; nothing of ours is signed with one.
"""

from __future__ import annotations

import binascii
from collections.abc import Iterator, Mapping
from typing import Any, Final, Literal, Self, TypeGuard, cast

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import padding
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey, RSAPublicNumbers
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.errors import JoseError as JoserfcError
from joserfc.jwk import ECKey, OKPKey, thumbprint
from joserfc.jws import JWSRegistry

from safeconduct.kit import strictjson

Algorithm = Literal["ES256", "Ed25519", "RS256", "PS256"]

OWN: Final[frozenset[Algorithm]] = frozenset({"ES256", "Ed25519"})
"""What we sign with, and what keys are accepted for where nothing else is said."""

_SIGNED_BY: Final[tuple[Algorithm, ...]] = ("ES256", "Ed25519", "RS256", "PS256")
_SIGNATURES: Final = {name: JWSRegistry.algorithms[name] for name in ("ES256", "Ed25519")}
_ECDSA: Final = ECDSA(SHA256())
_COORDINATES: Final[dict[object, tuple[str, ...]]] = {
    ("EC", "P-256"): ("x", "y"),
    ("OKP", "Ed25519"): ("x",),
}
_ALGORITHM_NAMES: Final[dict[Algorithm, frozenset[str]]] = {
    "ES256": frozenset({"ES256"}),
    "Ed25519": frozenset({"Ed25519", "EdDSA"}),
}
_SCALAR_BYTES: Final = 32
# RFC 7518 section 3.3 wants 2048 bits; above 8192 a signature costs more than it should.
_RSA_BITS: Final = range(2048, 8193)
_MAX_EXPONENT_BYTES: Final = 8
_RSA_ALGORITHMS: Final[dict[str, Algorithm]] = {"RS256": "RS256", "PS256": "PS256"}
# RFC 7518 section 3.5: a salt as long as the digest, and the same digest in MGF1.
_RSA_PADDING: Final[dict[str, padding.AsymmetricPadding]] = {
    "RS256": padding.PKCS1v15(),
    "PS256": padding.PSS(padding.MGF1(SHA256()), padding.PSS.DIGEST_LENGTH),
}
_PRIVATE: Final = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})
_MAX_SET_BYTES: Final = 1024 * 1024
_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
# What belongs to the other alphabet, and padding, becomes a character of neither.
_FROM_URL: Final = bytes.maketrans(b"-_+/=", b"+/***")
# By what the length leaves over four: the characters that end a text with no spare bit set.
_LAST: Final = ("", "", "AQgw", "AEIMQUYcgkosw048")


class JoseError(ValueError):
    """A key or token that is not acceptable. The message repeats nothing of it."""


def encode(data: bytes) -> str:
    """Base64url without padding (RFC 7515 section 2)."""
    return binascii.b2a_base64(data, newline=False).translate(_TO_URL, b"=").decode("ascii")


def decode(text: str) -> bytes:
    """The only bytes that encode to exactly this text.

    Lenient decoders skip foreign characters and ignore spare bits, so that one value has many
    spellings; here it has one.

    Raises:
        JoseError: for any other spelling.
    """
    over = len(text) % 4
    try:
        data = binascii.a2b_base64(
            text.encode("ascii").translate(_FROM_URL) + b"==="[: -over % 4], strict_mode=True
        )
    except ValueError:
        raise JoseError("not base64url") from None
    if over and text[-1] not in _LAST[over]:
        raise JoseError("not base64url in its one spelling")
    return data


def thumbprint_of(key: object) -> str | None:
    """The thumbprint (RFC 7638) of a key that proofs may be by; None for any other kind."""
    match key:
        case EllipticCurvePublicKey(curve=SECP256R1()):
            numbers = key.public_numbers()
            x, y = (encode(one.to_bytes(_SCALAR_BYTES)) for one in (numbers.x, numbers.y))
            return thumbprint({"kty": "EC", "crv": "P-256", "x": x, "y": y})
        case Ed25519PublicKey():
            x = encode(key.public_bytes_raw())
            return thumbprint({"kty": "OKP", "crv": "Ed25519", "x": x})
        case _:
            return None


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that verifies.

    `thumbprint` is RFC 7638 with SHA-256, and the `kid` if none is given; `members` are those that
    make the key, `use` is the `use` member of the JWK.
    """

    algorithm: Algorithm
    thumbprint: str
    kid: str
    members: dict[str, str]
    key: EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey
    use: str | None = None

    @classmethod
    def parse(cls, jwk: object, *, algorithms: frozenset[Algorithm] = OWN) -> Self:
        """Read a public JWK. An RSA key that names no algorithm is one for RS256, or for PS256
        where only that is accepted.

        Raises:
            JoseError: private members, a key for none of these algorithms, a point not on the
                curve, an RSA key that is weak or of more than 8192 bits.
        """
        if not _is_object(jwk):
            raise JoseError("a key that is not an object")
        if not _PRIVATE.isdisjoint(jwk):
            raise JoseError("a private key where a public one belongs")
        kid, use = jwk.get("kid"), jwk.get("use")
        if not isinstance(kid, str | None) or not isinstance(use, str | None):
            raise JoseError("a key whose kid or use is not a string")
        key: EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey
        if jwk.get("kty") == "RSA":
            otherwise = "PS256" if "RS256" not in algorithms else "RS256"
            algorithm, members, key = _import_rsa({"alg": otherwise, **jwk})
        else:
            algorithm, members, pair = _import(jwk, ())
            key = cast("EllipticCurvePublicKey | Ed25519PublicKey", pair.public_key)
        if algorithm not in algorithms:
            raise JoseError("a key for an algorithm that is not accepted here")
        named = thumbprint(members)
        return cls(
            algorithm=algorithm,
            thumbprint=named,
            kid=kid or named,
            members=members,
            key=key,
            use=use,
        )

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key signed the message (RFC 7518 section 3, RFC 8037 section 3.1)."""
        key = self.key
        try:
            if isinstance(key, EllipticCurvePublicKey):
                if len(signature) != 2 * _SCALAR_BYTES:
                    return False
                key.verify(_der(signature), message, _ECDSA)
            elif isinstance(key, Ed25519PublicKey):
                key.verify(signature, message)
            else:
                key.verify(signature, message, _RSA_PADDING[self.algorithm], SHA256())
        except InvalidSignature:
            return False
        return True

    def jwk(self, use: str | None = None) -> dict[str, Any]:
        """The key as a JWK with `kid` and `alg`, and `use` if given."""
        members: dict[str, Any] = {
            **self.members,
            "kid": self.kid,
            "alg": self.algorithm,
        }
        return members if use is None else {**members, "use": use}


class PrivateKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that signs. Its representation shows the public half alone."""

    public: PublicKey
    key: ECKey | OKPKey

    @classmethod
    def generate(cls) -> Self:
        """A new P-256 key."""
        return cls._of(ECKey.generate_key("P-256"))

    @classmethod
    def parse(cls, jwk: Mapping[str, Any]) -> Self:
        """Read a private JWK.

        Raises:
            JoseError: the private member is missing, or another kind of key.
        """
        return cls._of(_import(jwk, ("d",))[2])

    @classmethod
    def _of(cls, key: ECKey | OKPKey) -> Self:
        return cls(public=PublicKey.parse(key.as_dict(private=False)), key=key)

    def sign(self, message: bytes) -> bytes:
        """The signature as it stands in a JWS."""
        return _SIGNATURES[self.public.algorithm].sign(message, self.key)

    def jwk(self) -> dict[str, Any]:
        """The private JWK."""
        return {**self.key.as_dict(private=True), "kid": self.public.kid}

    def pem(self) -> bytes:
        """The private key in PEM (PKCS #8), without a password."""
        return self.key.as_pem(private=True)

    def __repr__(self) -> str:
        return f"PrivateKey(kid={self.public.kid!r})"


class KeySet(msgspec.Struct, frozen=True):
    """Public keys by `kid`. `refresh_s` is after how long whoever publishes them wants to be asked
    again, if they say so with the keys.
    """

    keys: dict[str, PublicKey]
    refresh_s: float | None = None

    @classmethod
    def parse(
        cls,
        data: bytes,
        *,
        uses: frozenset[str | None],
        algorithms: frozenset[Algorithm] = OWN,
    ) -> Self:
        """Read a JWK Set. Keys for another `use` are left out, everything else must be usable.

        Raises:
            JoseError: not a JWK Set, a key that cannot be used, a `kid` twice, no key left.
        """
        keys: dict[str, PublicKey] = {}
        for jwk in _jwks(data, uses):
            key = PublicKey.parse(jwk, algorithms=algorithms)
            if key.kid in keys:
                raise JoseError("a kid that two keys share")
            keys[key.kid] = key
        if not keys:
            raise JoseError("a JWK Set without a key for this use")
        return cls(keys)

    @classmethod
    def published(
        cls,
        data: bytes,
        *,
        uses: frozenset[str | None],
        algorithms: frozenset[Algorithm] = OWN,
    ) -> Self:
        """Read what somebody else publishes, who may have keys that are none of our business.

        Whatever cannot be used is left out: keys of other kinds (RFC 7517 section 5), weak ones,
        those whose private half was published too, and all keys that share a `kid`. None may be
        left.

        Raises:
            JoseError: not a JWK Set.
        """
        keys: dict[str, PublicKey] = {}
        shared, spoilt = set[str](), set[str]()
        for jwk in _jwks(data, uses):
            try:
                key = PublicKey.parse(jwk, algorithms=algorithms)
            except JoseError:
                # The name alone does not say which of two keys is meant, so neither is trusted.
                if _is_object(jwk) and isinstance(kid := jwk.get("kid"), str):
                    shared.add(kid)
                spoilt |= _halves(jwk)
                continue
            if key.kid in keys:
                shared.add(key.kid)
            keys[key.kid] = key
        return cls(
            {
                kid: key
                for kid, key in keys.items()
                if kid not in shared and key.thumbprint not in spoilt
            }
        )

    def find(self, kid: str | None) -> PublicKey | None:
        """The key of this name; without a name, the only one there is."""
        if kid is not None:
            return self.keys.get(kid)
        return next(iter(self.keys.values())) if len(self.keys) == 1 else None


def _jwks(data: bytes, uses: frozenset[str | None]) -> Iterator[object]:
    """The keys of a JWK Set that are for these uses, or malformed. Raises JoseError."""
    try:
        document = strictjson.loads(data, max_depth=8, max_bytes=_MAX_SET_BYTES)
    except strictjson.StrictJSONError as error:
        raise JoseError(str(error)) from None
    jwks = document.get("keys") if _is_object(document) else None
    if not _is_array(jwks):
        raise JoseError("not a JWK Set")
    for jwk in jwks:
        use = jwk.get("use") if _is_object(jwk) else None
        if not isinstance(use, str | None) or use in uses:
            yield jwk


def _halves(jwk: object) -> set[str]:
    """The thumbprint of a key whose private half stands there too, which is nobody's any longer."""
    if not _is_object(jwk) or _PRIVATE.isdisjoint(jwk):
        return set()
    public = {name: jwk[name] for name in jwk.keys() - _PRIVATE - {"alg", "kid", "use"}}
    try:
        return {PublicKey.parse(public, algorithms=frozenset(_SIGNED_BY)).thumbprint}
    except JoseError:
        return set()


def _der(signature: bytes) -> bytes:
    """R and S as X.690 writes two integers that are not negative; less than 128 bytes in all."""
    r = signature[:_SCALAR_BYTES].lstrip(b"\0")
    s = signature[_SCALAR_BYTES:].lstrip(b"\0")
    if not r or r[0] > 0x7F:
        r = b"\0" + r
    if not s or s[0] > 0x7F:
        s = b"\0" + s
    return b"0%c\2%c%b\2%c%b" % (4 + len(r) + len(s), len(r), r, len(s), s)


def _is_object(value: object) -> TypeGuard[dict[str, Any]]:
    return isinstance(value, dict)


def _is_array(value: object) -> TypeGuard[list[Any]]:
    return isinstance(value, list)


def _import(
    jwk: Mapping[str, Any], private: tuple[str, ...]
) -> tuple[Algorithm, dict[str, str], ECKey | OKPKey]:
    kind = (jwk.get("kty"), jwk.get("crv"))
    coordinates = _COORDINATES.get(kind) if all(isinstance(part, str) for part in kind) else None
    if coordinates is None:
        raise JoseError("a key that is neither EC P-256 nor Ed25519")
    algorithm: Algorithm = "ES256" if kind[0] == "EC" else "Ed25519"
    alg = jwk.get("alg", algorithm)
    if not isinstance(alg, str) or alg not in _ALGORITHM_NAMES[algorithm]:
        raise JoseError("a key for another algorithm")
    members: dict[str, str] = {"kty": str(kind[0]), "crv": str(kind[1])}
    for name in (*coordinates, *private):
        value = jwk.get(name)
        if not isinstance(value, str) or len(decode(value)) != _SCALAR_BYTES:
            raise JoseError("a key with a member that is missing or of the wrong length")
        members[name] = value
    try:
        if algorithm == "ES256":
            return algorithm, members, ECKey.import_key(dict(members))
        return algorithm, members, OKPKey.import_key(dict(members))
    except (JoserfcError, ValueError):
        raise JoseError("a key that is not a point on its curve") from None


def _import_rsa(jwk: Mapping[str, Any]) -> tuple[Algorithm, dict[str, str], RSAPublicKey]:
    alg = jwk.get("alg")
    algorithm = _RSA_ALGORITHMS.get(alg) if isinstance(alg, str) else None
    if algorithm is None:
        raise JoseError("a key for another algorithm")
    n, e = jwk.get("n"), jwk.get("e")
    if not isinstance(n, str) or not isinstance(e, str):
        raise JoseError("a key with a member that is missing")
    modulus, exponent = decode(n), decode(e)
    # RFC 7518 section 2: as few bytes as there can be, so that a key has one spelling.
    if modulus[:1] in (b"", b"\0") or exponent[:1] in (b"", b"\0"):
        raise JoseError("a key with a number that is not in its one spelling")
    numbers = RSAPublicNumbers(int.from_bytes(exponent), int.from_bytes(modulus))
    if numbers.n.bit_length() not in _RSA_BITS or not numbers.n & 1:
        raise JoseError("an RSA key of fewer than 2048 bits, or of more than 8192, or even")
    if len(exponent) > _MAX_EXPONENT_BYTES or numbers.e < 3 or not numbers.e & 1:
        raise JoseError("an RSA key whose exponent is not odd, below 3, or over 64 bits")
    return algorithm, {"kty": "RSA", "n": n, "e": e}, numbers.public_key()
