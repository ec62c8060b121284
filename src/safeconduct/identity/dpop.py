"""Proof of possession (RFC 9449): every request is signed by the key its token is bound to.

A proof works once. Uses are remembered in this process, so a proof that is older than the process
is refused: a restart opens no window. The memory runs on the highest time it has seen; when the
clock steps back, proofs are refused until it has caught up, and nothing is accepted twice.

A proof may name the digest of the body it was made for (`bd`, SHA-256 in base64url): it is then
good for that body alone.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Annotated, Final
from urllib.parse import urlsplit

import msgspec

from safeconduct.identity.nonces import Nonces
from safeconduct.identity.replay import Full, Replays
from safeconduct.kit import jose
from safeconduct.kit.jwk import JoseError, encode
from safeconduct.ports import Caller, Unauthenticated

TYPE: Final = "dpop+jwt"
PAST_MS: Final = 60_000
FUTURE_MS: Final = 5_000
NONCE_MS: Final = 300_000
"""How long a nonce lasts, and so for how long proofs can be stored up by who holds the key."""

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


class _ProofClaims(msgspec.Struct, frozen=True, kw_only=True):
    jti: Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
    htm: str
    htu: str
    iat: jose.NumericDate
    ath: str | None = None
    nonce: str | None = None
    bd: str | None = None


class Proofs:
    """Verifies proofs and remembers those that were used."""

    def __init__(
        self, *, since_ms: int, capacity: int = 500_000, nonces: Nonces | None = None
    ) -> None:
        """`since_ms` is when this process began to be the only one that accepts proofs for these
        URLs: when it locked the state, or 0 if the state is new. `capacity` counts proofs within
        65 s; at that many, further ones are refused. With `nonces`, proofs must carry one.
        """
        self._nonces = nonces
        self._since_ms = since_ms
        self._latest_ms = 0
        # A proof is acceptable for at most this long after it was first seen.
        self._replays = Replays(keep_ms=PAST_MS + FUTURE_MS, capacity=capacity)

    def not_before(self, latest_ms: int) -> None:
        """The clock was there once: until it is there again, proofs are refused, so that a clock
        that steps back across a restart extends no token.
        """
        self._latest_ms = max(self._latest_ms, latest_ms)

    def verify(self, caller: Caller, now_ms: int, *, token: str | None, key: str | None) -> str:
        """The thumbprint of the key; see `safeconduct.ports.Evidence.possession`.

        Raises Unauthenticated.
        """
        if len(caller.dpop) != 1:
            raise _refused("Exactly one DPoP proof is needed.")
        try:
            proof, thumbprint = jose.verify_embedded(caller.dpop[0], typ=TYPE, shape=_ProofClaims)
        except JoseError:
            raise _refused("The DPoP proof is not valid.") from None
        if key is not None and thumbprint != key:
            raise _refused("The DPoP proof is by another key than the token's.")
        if proof.htm != caller.http_method or not _same_url(proof.htu, caller.url):
            raise _refused("The DPoP proof is for another method or URL.")
        if token is not None and proof.ath != _digest(token):
            raise _refused("The DPoP proof is for another token.")
        issued_ms = int(proof.iat * 1000)
        self._latest_ms = max(self._latest_ms, now_ms)
        if (
            issued_ms < max(self._latest_ms - PAST_MS, self._since_ms)
            or issued_ms > now_ms + FUTURE_MS
            or now_ms < self._latest_ms - FUTURE_MS
        ):
            raise _refused("The DPoP proof is too old, or from the future.")
        if proof.bd is not None and proof.bd != encode(hashlib.sha256(caller.body).digest()):
            raise _refused("The DPoP proof is for another body.")
        if self._nonces is not None and not self._nonces.holds(proof.nonce or "", self._latest_ms):
            raise Unauthenticated(
                "use_dpop_nonce",
                "The DPoP proof needs the nonce that comes with this answer.",
                nonce=self._nonces.issue(self._latest_ms),
            )
        self._spend(thumbprint, proof.jti)
        return thumbprint

    def _spend(self, thumbprint: str, jti: str) -> None:
        try:
            first = self._replays.spend(f"{thumbprint} {jti}", self._latest_ms)
        except Full:
            raise _refused("Too many requests: the DPoP proof cannot be taken now.") from None
        if not first:
            raise _refused("The DPoP proof was used before.")


def _refused(sentence: str) -> Unauthenticated:
    return Unauthenticated("invalid_dpop_proof", sentence)


# The same token comes with every proof.
@lru_cache(maxsize=1024)
def _digest(token: str) -> str:
    return encode(hashlib.sha256(token.encode("ascii")).digest())


def _same_url(claimed: str, own: str) -> bool:
    """RFC 9449 section 4.3: without query and fragment, after normalisation (RFC 3986 section 6.2:
    case of scheme and host, default port, empty path).
    """
    if claimed == own:
        return True
    normal = _normal(claimed)
    return normal is not None and normal == _normal(own)


def _normal(url: str) -> tuple[str, str | None, int | None, str] | None:
    try:
        parts = urlsplit(url)
        port = _DEFAULT_PORTS.get(parts.scheme) if parts.port is None else parts.port
    except ValueError:
        return None
    if "@" in parts.netloc:
        return None
    return parts.scheme, parts.hostname, port, parts.path or "/"
