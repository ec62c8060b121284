"""Targets that read what others publish of their keys: JWK Sets, SPIFFE bundles, and what a
Workload API says of them.
"""

from __future__ import annotations

import json
from importlib import import_module
from typing import Any, Final

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from joserfc.jwk import JWKRegistry

from safeconduct.identity.bundles import read_bundle
from safeconduct.identity.issuer import messages
from safeconduct.kit.jwk import OWN, Algorithm, JoseError, KeySet, PublicKey

USES: Final[frozenset[str | None]] = frozenset({"sig", None})
FOREIGN: Final = OWN | frozenset[Algorithm]({"RS256", "PS256"})

MAKE: Final = ("kty", "crv", "x", "y", "n", "e")
PRIVATE: Final = {"d", "p", "q", "dp", "dq", "qi", "oth", "k"}

# Neither package has types.
_OFFICIAL: Final[Any] = import_module("spiffe._proto.workload_pb2").JWTBundlesResponse
_Unknown: Final[Any] = import_module("google.protobuf.unknown_fields").UnknownFieldSet
_DECODE_ERROR: Final[type[Exception]] = import_module("google.protobuf.message").DecodeError


def keys(data: bytes) -> None:
    """What is left of a set is keys as another reader has them, public ones, of one name each; and
    nothing is lost of a set that can be used whole.
    """
    try:
        found = KeySet.published(data, uses=USES, algorithms=FOREIGN)
    except JoseError:
        return
    said: list[Any] = json.loads(data)["keys"]
    ours = [jwk for jwk in said if isinstance(jwk, dict) and jwk.get("use") in ("sig", None)]
    for kid, key in found.keys.items():
        named = [jwk for jwk in ours if jwk.get("kid") == kid]
        _as_another_has_it(key, named or [jwk for jwk in ours if _unnamed(jwk) == kid])
    try:
        whole = KeySet.parse(data, uses=USES, algorithms=FOREIGN)
    except JoseError:
        return
    assert whole == found


def _as_another_has_it(key: PublicKey, named: list[dict[str, Any]]) -> None:
    assert {_thumbprint(jwk) for jwk in named} == {key.thumbprint}
    assert all(PRIVATE.isdisjoint(jwk) for jwk in named)
    if isinstance(key.key, RSAPublicKey):
        assert 2048 <= key.key.key_size <= 8192
        assert key.algorithm in {"RS256", "PS256"}


def _unnamed(jwk: dict[str, Any]) -> str | None:
    """What names a key that has no name of its own, if it is a key."""
    try:
        return _thumbprint(jwk) if jwk.get("kid") in ("", None) else None
    except Exception:  # noqa: BLE001  the other reader raises what comes
        return None


def _thumbprint(jwk: dict[str, Any]) -> str:
    return JWKRegistry.import_key({name: jwk[name] for name in MAKE if name in jwk}).thumbprint()


def bundle(data: bytes) -> None:
    """A bundle is read, or refused in one way; its JWT keys are those of a set."""

    def jwts(document: bytes) -> KeySet:
        return KeySet.published(document, uses=frozenset({"jwt-svid"}))

    try:
        found = read_bundle(jwts)(data)
    except JoseError:
        return
    assert found.keys == jwts(data).keys
    said: list[Any] = json.loads(data)["keys"]
    authorities = [one for one in said if isinstance(one, dict) and one.get("use") == "x509-svid"]
    assert len(found.x509) == len(authorities)


def workload_bundles(data: bytes) -> None:
    """What is understood of an answer is what Protocol Buffers' own reader understands."""
    try:
        ours = messages.bundles(data, 1)
    except messages.Malformed:
        return
    try:
        theirs = _OFFICIAL.FromString(data)
    except _DECODE_ERROR:
        return  # of what is passed over here something is wrong
    if len(_Unknown(theirs)):
        return  # an entry with a field that it does not know is none to the other
    assert ours == dict(theirs.bundles)
