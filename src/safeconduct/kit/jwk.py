"""JSON Web Keys (RFC 7517) of the two kinds that are used here: EC P-256 and Ed25519.

A key fits exactly one algorithm, so a token's header never chooses how a key is used. Symmetric and
RSA keys do not exist here, which makes `alg=none` and HMAC with a public key impossible rather than
refused.
"""

from __future__ import annotations

import binascii
from collections.abc import Mapping
from typing import Any, Final, Literal, Self, TypeGuard, cast

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from joserfc.errors import JoseError as JoserfcError
from joserfc.jwk import ECKey, OKPKey, thumbprint
from joserfc.jws import JWSRegistry

from safeconduct.kit import strictjson

Algorithm = Literal["ES256", "Ed25519"]

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


class PublicKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key that verifies.

    `thumbprint` is RFC 7638 with SHA-256, and the `kid` if none is given; `members` are those that
    make the key, `use` is the `use` member of the JWK.
    """

    algorithm: Algorithm
    thumbprint: str
    kid: str
    members: dict[str, str]
    key: EllipticCurvePublicKey | Ed25519PublicKey
    use: str | None = None

    @classmethod
    def parse(cls, jwk: object) -> Self:
        """Read a public JWK.

        Raises:
            JoseError: private members, another kind of key, a point not on the curve.
        """
        if not _is_object(jwk):
            raise JoseError("a key that is not an object")
        if not _PRIVATE.isdisjoint(jwk):
            raise JoseError("a private key where a public one belongs")
        kid, use = jwk.get("kid"), jwk.get("use")
        if not isinstance(kid, str | None) or not isinstance(use, str | None):
            raise JoseError("a key whose kid or use is not a string")
        algorithm, members, key = _import(jwk, ())
        named = thumbprint(members)
        return cls(
            algorithm=algorithm,
            thumbprint=named,
            kid=kid or named,
            members=members,
            key=cast("EllipticCurvePublicKey | Ed25519PublicKey", key.public_key),
            use=use,
        )

    def verify(self, message: bytes, signature: bytes) -> bool:
        """Whether this key signed the message (RFC 7518 section 3.4, RFC 8037 section 3.1)."""
        if len(signature) != 2 * _SCALAR_BYTES:
            return False
        try:
            if isinstance(self.key, Ed25519PublicKey):
                self.key.verify(signature, message)
            else:
                self.key.verify(_der(signature), message, _ECDSA)
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

    def __repr__(self) -> str:
        return f"PrivateKey(kid={self.public.kid!r})"


class KeySet(msgspec.Struct, frozen=True):
    """Public keys by `kid`."""

    keys: dict[str, PublicKey]

    @classmethod
    def parse(cls, data: bytes, *, uses: frozenset[str | None]) -> Self:
        """Read a JWK Set. Keys for another `use` are left out, everything else must be usable.

        Raises:
            JoseError: not a JWK Set, a key that cannot be used, a `kid` twice, no key left.
        """
        try:
            document = strictjson.loads(data, max_depth=8, max_bytes=_MAX_SET_BYTES)
        except strictjson.StrictJSONError as error:
            raise JoseError(str(error)) from None
        jwks = document.get("keys") if _is_object(document) else None
        if not _is_array(jwks):
            raise JoseError("not a JWK Set")
        keys: dict[str, PublicKey] = {}
        for jwk in jwks:
            use = jwk.get("use") if _is_object(jwk) else None
            if isinstance(use, str | None) and use not in uses:
                continue
            key = PublicKey.parse(jwk)
            if key.kid in keys:
                raise JoseError("a kid that two keys share")
            keys[key.kid] = key
        if not keys:
            raise JoseError("a JWK Set without a key for this use")
        return cls(keys)

    def find(self, kid: str | None) -> PublicKey | None:
        """The key of this name; without a name, the only one there is."""
        if kid is not None:
            return self.keys.get(kid)
        return next(iter(self.keys.values())) if len(self.keys) == 1 else None


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
