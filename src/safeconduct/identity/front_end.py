"""Purposes: what a user asked for, attested by somebody other than the agent.

A registered front end speaks for any of its users (`app`). A user's device speaks for that user
alone (`user`): `user_devices` in the configuration is keyed by user id, and such an attestation's
issuer and subject are that same user. What names a task (`txn`) is said in that task alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec import Meta

from safeconduct.config.schema import Config
from safeconduct.core.subgrants import MAX_SUBGRANTS, SubGrant
from safeconduct.identity.accepted import Acceptance, ForeignClaims
from safeconduct.identity.keys import Source, signing_keys
from safeconduct.kit import jose
from safeconduct.kit.jwk import KeySet
from safeconduct.ports import Attestation

TYPE: Final = "safeconduct-purpose+jwt"
MAX_LIFETIME_S: Final = 300


class _Actor(msgspec.Struct, frozen=True):
    sub: jose.Text


class _PurposeClaims(ForeignClaims, frozen=True, kw_only=True):
    iss: jose.Text
    sub: jose.Text
    jti: jose.Text
    purpose: jose.Text
    act: _Actor | None = None
    txn: jose.Text | None = None
    follow: Annotated[tuple[SubGrant, ...], Meta(max_length=MAX_SUBGRANTS)] = ()


class Purposes:
    """Verifies purpose attestations."""

    def __init__(self, config: Config) -> None:
        """Reads the keys of front ends and devices. Raises UnusableKeys."""
        root, directory = config.root, Path(config.directory)
        self._front_ends = {
            name: signing_keys(directory, reference) for name, reference in root.front_ends.items()
        }
        self._devices = {
            user: signing_keys(directory, reference)
            for user, reference in root.user_devices.items()
        }
        self.sources = (*self._front_ends.values(), *self._devices.values())
        self._audience = root.gateway.issuer
        self._accepted = Acceptance(
            "purpose attestation",
            self._keys,
            types=frozenset({TYPE}),
            dev=root.gateway.unsafe_dev_identity,
        )

    async def verify(self, token: str, now_ms: int) -> Attestation:
        """What was attested, and by whom. Raises Unauthenticated."""
        claims = (await self._accepted.verify(token, _PurposeClaims, now_ms)).claims
        by_app = claims.iss in self._front_ends
        if (
            claims.audiences != (self._audience,)
            or claims.iat is None
            or claims.exp - claims.iat > MAX_LIFETIME_S
            or not (by_app or claims.iss == claims.sub)
        ):
            raise self._accepted.invalid("of another audience or lifetime, or for another user")
        return Attestation(
            source="app" if by_app else "user",
            issuer=claims.iss,
            jti=claims.jti,
            user=claims.sub,
            agent=None if claims.act is None else claims.act.sub,
            purpose=claims.purpose,
            task=claims.txn,
            follow=claims.follow,
        )

    def _keys(self, claims: Mapping[str, Any]) -> Source[KeySet] | None:
        issuer = claims.get("iss")
        if not isinstance(issuer, str):
            return None
        return self._front_ends.get(issuer) or self._devices.get(issuer)
