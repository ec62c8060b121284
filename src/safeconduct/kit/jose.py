"""Signed JSON Web Tokens (RFC 7515, RFC 7519), narrowed as RFC 8725 advises.

One compact form, one algorithm chosen by the key, the header's `typ` demanded exactly, no
extension that must be understood (`crit`) and no key that the token brings along, except where a
DPoP proof must. Size is bounded before anything is parsed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Annotated, Any, Final, Generic, TypeVar, cast

import msgspec
import orjson

from safeconduct.kit import strictjson
from safeconduct.kit.jwk import JoseError, KeySet, PrivateKey, PublicKey, decode, encode

MAX_BYTES: Final = 8 * 1024
_MAX_DEPTH: Final = 8
_LEEWAY_MS: Final = 5_000
_SINGLE_NAME: Final[dict[object, str]] = {
    "ES256": "ES256",
    "Ed25519": "Ed25519",
    # The older name (RFC 9864). We sign with the others.
    "EdDSA": "Ed25519",
    # Of foreign issuers alone: no key of ours, and none that a token brings along, is for these.
    "RS256": "RS256",
    "PS256": "PS256",
}
# `b64` changes what was signed (RFC 7797); the others name or bring a key of the sender's choice.
_REFUSED: Final = frozenset({"crit", "b64", "jku", "x5u", "x5c", "jwk"})

NumericDate = Annotated[float, msgspec.Meta(ge=0, lt=2**40)]
"""Seconds since the epoch, possibly with a fraction (RFC 7519 section 2)."""

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]


class Expired(JoseError):
    """The token was good once."""


class Claims(msgspec.Struct, frozen=True, kw_only=True):
    """The claims that every token must have or may have; shapes of tokens derive from it."""

    aud: Text | tuple[Text, ...]
    exp: NumericDate
    iat: NumericDate | None = None
    nbf: NumericDate | None = None

    @property
    def audiences(self) -> tuple[str, ...]:
        """`aud` as a tuple (RFC 7519 section 4.1.3)."""
        return (self.aud,) if isinstance(self.aud, str) else self.aud


Shape = TypeVar("Shape", bound=msgspec.Struct)
TimedShape = TypeVar("TimedShape", bound=Claims)


class Signed(msgspec.Struct, Generic[Shape], frozen=True):
    """A token whose signature holds; `kid` names the key that made it.

    `digest` is the SHA-256 of what was signed. Unlike a digest of the whole token it cannot be
    changed without the key: an ECDSA signature has a second spelling that anybody can compute.
    """

    claims: Shape
    digest: str
    kid: str


def sign(claims: Mapping[str, Any], key: PrivateKey, typ: str, *, embed: bool = False) -> str:
    """A compact JWS. `embed` puts the public key into the header, as DPoP proofs need it."""
    public = key.public
    header: dict[str, Any] = {"typ": typ, "alg": public.algorithm}
    if embed:
        header["jwk"] = public.members
    else:
        header["kid"] = public.kid
    message = f"{encode(orjson.dumps(header))}.{encode(orjson.dumps(claims))}"
    return f"{message}.{encode(key.sign(message.encode('ascii')))}"


def verify(
    token: str,
    select: Callable[[Mapping[str, Any]], KeySet | None],
    *,
    types: frozenset[str | None],
    shape: type[Shape],
    max_bytes: int = MAX_BYTES,
) -> Signed[Shape]:
    """Check form, header, key and signature, and read the claims as `shape`; no times are checked.

    `select` gets the claims before they are verified, only to choose whose keys to try; None
    refuses. `types` lists the acceptable `typ` headers, None among them if it may be absent.
    `max_bytes` bounds the token.

    Raises:
        JoseError: anything is wrong with the token.
    """
    segment, payload, message, signature = _split(token, max_bytes)
    header = _object(segment)
    if not _REFUSED.isdisjoint(header):
        raise JoseError("a header that is not supported")
    algorithm = _check_header(header, types)
    kid = header.get("kid")
    if not isinstance(kid, str | None):
        raise JoseError("a kid that is not a string")
    claims = _object(payload)
    keys = select(claims)
    key = None if keys is None else keys.find(kid)
    if key is None or key.algorithm != algorithm or not key.verify(message, signature):
        raise JoseError("not signed by a key that is trusted for it")
    return Signed(_read(claims, shape), hashlib.sha256(message).hexdigest(), key.kid)


def peek(token: str) -> tuple[str | None, dict[str, Any]]:
    """The `kid` and the claims of a token that nobody has verified: to find whose keys to try.

    Raises:
        JoseError: not of a form that `verify` would read.
    """
    segment, payload, _, _ = _split(token)
    kid = _object(segment).get("kid")
    if not isinstance(kid, str | None):
        raise JoseError("a kid that is not a string")
    return kid, _object(payload)


def verify_embedded(token: str, *, typ: str, shape: type[Shape]) -> tuple[Shape, str]:
    """Check a token that brings its own key, and return its claims and the key's thumbprint.

    The signature proves possession of that key and nothing about whose it is.

    Raises:
        JoseError: anything is wrong with the token.
    """
    segment, payload, message, signature = _split(token)
    key = _embedded_key(segment, typ)
    if not key.verify(message, signature):
        raise JoseError("not signed by the key in its header")
    return _read(_object(payload), shape), key.thumbprint


def embedded(token: str, typ: str) -> PublicKey:
    """The key that a token brings along, which proves nothing until `verify_embedded` has.

    Raises:
        JoseError: there is none that could be used.
    """
    return _embedded_key(_split(token)[0], typ)


def check_times(claims: Claims, now_ms: int) -> None:
    """Check `exp` without leeway, `nbf` and `iat` with 5 s for clocks that differ.

    Raises:
        Expired: `exp` is not in the future.
        JoseError: issued or valid only in the future.
    """
    if claims.exp * 1000 <= now_ms:
        raise Expired("expired")
    latest = now_ms + _LEEWAY_MS
    if max(claims.iat or 0, claims.nbf or 0) * 1000 > latest:
        raise JoseError("not valid yet")


# The same sender sends the same header with every proof: read and import its key once.
@lru_cache(maxsize=1024)
def _embedded_key(segment: str, typ: str) -> PublicKey:
    header = _object(segment)
    if not (_REFUSED - {"jwk"}).isdisjoint(header):
        raise JoseError("a header that is not supported")
    algorithm = _check_header(header, frozenset({typ}))
    key = PublicKey.parse(header.get("jwk"))
    if key.algorithm != algorithm:
        raise JoseError("an algorithm that does not fit the key")
    return key


def _check_header(header: Mapping[str, Any], types: frozenset[str | None]) -> str:
    typ, alg = header.get("typ"), header.get("alg")
    if not isinstance(typ, str | None) or typ not in types:
        raise JoseError("a token of another type")
    if not isinstance(alg, str) or alg not in _SINGLE_NAME:
        raise JoseError("an algorithm that is not supported")
    return _SINGLE_NAME[alg]


def _split(token: str, max_bytes: int = MAX_BYTES) -> tuple[str, str, bytes, bytes]:
    if len(token) > max_bytes:
        raise JoseError(f"longer than {max_bytes // 1024} KiB")
    segments = token.split(".")
    if len(segments) != 3 or not token.isascii():
        raise JoseError("not a compact JWS")
    header, payload, signature = segments
    return header, payload, token[: -len(signature) - 1].encode(), decode(signature)


def _object(segment: str) -> dict[str, Any]:
    try:
        value = strictjson.loads(decode(segment), max_depth=_MAX_DEPTH, max_bytes=len(segment))
    except strictjson.StrictJSONError as error:
        raise JoseError(str(error)) from None
    if not isinstance(value, dict):
        raise JoseError("not a JSON object")
    return cast("dict[str, Any]", value)


def _read(claims: Mapping[str, Any], shape: type[Shape]) -> Shape:
    try:
        return msgspec.convert(claims, shape)
    except msgspec.ValidationError:
        raise JoseError("claims that are missing or of the wrong type") from None
