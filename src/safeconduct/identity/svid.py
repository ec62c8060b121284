"""Agents: JWT-SVIDs (SPIFFE JWT-SVID specification).

Narrower than the specification where it leaves a choice: one audience alone, so that nobody else
who may receive this SVID can use it here, and signatures of the algorithms that the configuration
names for the trust domain, ES256 and Ed25519 if it names none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Final

import msgspec

from safeconduct.config.schema import Config
from safeconduct.identity.accepted import Acceptance, ForeignClaims
from safeconduct.identity.bundles import Bundle
from safeconduct.identity.keys import Source
from safeconduct.ports import Workload

TYPES: Final[frozenset[str | None]] = frozenset({"JWT", "JOSE", None})

MAX_ID: Final = 2048

# SPIFFE-ID section 2; the last group keeps out the segments `.` and `..`.
SPIFFE_ID: Final = re.compile(
    r"spiffe://([a-z0-9._-]{1,255})(?:/(?!\.{1,2}(?:/|$))[a-zA-Z0-9._-]+)+"
)


class _SvidClaims(ForeignClaims, frozen=True, kw_only=True):
    sub: Annotated[str, msgspec.Meta(max_length=MAX_ID)]


class Svids:
    """Verifies SVIDs against the keys of their own trust domain."""

    def __init__(self, config: Config, bundles: Mapping[str, Source[Bundle]]) -> None:
        """`bundles` by the name of their trust domain."""
        self._bundles = bundles
        self._audience = config.root.gateway.issuer
        self._accepted = Acceptance(
            "actor token",
            self._bundle,
            types=TYPES,
            dev=config.root.gateway.unsafe_dev_identity,
        )

    async def verify(self, token: str, now_ms: int) -> Workload:
        """The agent that this SVID was issued to. Raises Unauthenticated."""
        accepted = await self._accepted.verify(token, _SvidClaims, now_ms)
        claims = accepted.claims
        if claims.audiences != (self._audience,):
            raise self._accepted.invalid("not for this gateway alone")
        return Workload(
            id=claims.sub,
            attested_ms=int((claims.iat or 0) * 1000),
            digest=accepted.digest,
            key=claims.key,
        )

    def _bundle(self, claims: Mapping[str, Any]) -> Source[Bundle] | None:
        subject = claims.get("sub")
        match = SPIFFE_ID.fullmatch(subject) if isinstance(subject, str) else None
        return None if match is None else self._bundles.get(match[1])
