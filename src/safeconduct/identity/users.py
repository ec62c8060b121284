"""Users: ID tokens (OpenID Connect Core) or access tokens (RFC 9068) of the configured issuer."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from safeconduct.config.schema import Config
from safeconduct.identity.accepted import Acceptance, ForeignClaims, load_keys
from safeconduct.kit import jose
from safeconduct.ports import Person

TYPES: Final[frozenset[str | None]] = frozenset({"JWT", "at+jwt"})


class _UserClaims(ForeignClaims, frozen=True, kw_only=True):
    iss: jose.Text
    sub: jose.Text
    jti: jose.Text
    tenant: jose.Text | None = None
    groups: tuple[jose.Text, ...] = ()
    acr: jose.Text | None = None
    auth_time: Annotated[int, msgspec.Meta(ge=0, lt=2**40)] = 0


class UserTokens:
    """Verifies tokens of the user issuer."""

    def __init__(self, config: Config) -> None:
        """Reads the issuer's keys. Raises UnusableKeys."""
        users = config.root.users
        keys = load_keys(config, users.jwks)
        self._issuer, self._audience = users.issuer, users.audience
        self._accepted = Acceptance(
            "subject token",
            lambda _: keys,
            types=TYPES,
            dev=config.root.gateway.unsafe_dev_identity,
        )

    def verify(self, token: str, now_ms: int) -> Person:
        """The user whom this token is about. Raises Unauthenticated."""
        claims = self._accepted.verify(token, _UserClaims, now_ms).claims
        if (
            claims.iat is None
            or claims.iss != self._issuer
            or self._audience not in claims.audiences
        ):
            raise self._accepted.invalid()
        return Person(
            id=claims.sub,
            issuer=claims.iss,
            jti=claims.jti,
            tenant=claims.tenant,
            groups=claims.groups,
            acr=claims.acr,
            auth_time_s=claims.auth_time,
        )
