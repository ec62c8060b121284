"""Agents: JWT-SVIDs (SPIFFE JWT-SVID specification).

Narrower than the specification where it leaves a choice: one audience alone, so that nobody else
who may receive this SVID can use it here, and ES256 or Ed25519 signatures only.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from safeconduct.config.schema import Config
from safeconduct.identity.accepted import Acceptance, ForeignClaims, load_keys
from safeconduct.kit.jwk import KeySet
from safeconduct.ports import Workload

TYPES: Final[frozenset[str | None]] = frozenset({"JWT", "JOSE", None})

_USES: Final[frozenset[str | None]] = frozenset({"jwt-svid"})
# SPIFFE-ID section 2; the last group keeps out the segments `.` and `..`.
_ID: Final = re.compile(r"spiffe://([a-z0-9._-]{1,255})(?:/(?!\.{1,2}(?:/|$))[a-zA-Z0-9._-]+)+")


class _SvidClaims(ForeignClaims, frozen=True, kw_only=True):
    sub: Annotated[str, msgspec.Meta(max_length=2048)]


class Svids:
    """Verifies SVIDs against the keys of their own trust domain."""

    def __init__(self, config: Config) -> None:
        """Reads the bundles. Raises UnusableKeys."""
        self._bundles = {
            domain: load_keys(config, reference.jwks, _USES)
            for domain, reference in config.root.trust.items()
        }
        self._audience = config.root.gateway.issuer
        self._accepted = Acceptance(
            "actor token",
            self._bundle,
            types=TYPES,
            dev=config.root.gateway.unsafe_dev_identity,
        )

    def verify(self, token: str, now_ms: int) -> Workload:
        """The agent that this SVID was issued to. Raises Unauthenticated."""
        signed = self._accepted.verify(token, _SvidClaims, now_ms)
        claims = signed.claims
        if claims.audiences != (self._audience,):
            raise self._accepted.invalid()
        return Workload(
            id=claims.sub, attested_ms=int((claims.iat or 0) * 1000), digest=signed.digest
        )

    def _bundle(self, claims: Mapping[str, Any]) -> KeySet | None:
        subject = claims.get("sub")
        match = _ID.fullmatch(subject) if isinstance(subject, str) else None
        return None if match is None else self._bundles.get(match[1])
