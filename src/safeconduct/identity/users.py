"""Users: ID tokens (OpenID Connect Core) or access tokens (RFC 9068) of the configured issuers.

A user is who an issuer says, at that issuer alone (OpenID Connect Core section 5.7): the entry of a
user names the issuer that vouches for them, and what anybody else says of that name is nobody's.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec
from msgspec.structs import replace

from safeconduct.config.schema import Config
from safeconduct.config.users import UserEntry, UserIssuer
from safeconduct.identity.accepted import Acceptance, Accepted, ForeignClaims, invalid
from safeconduct.identity.keys import (
    SIGNING,
    Source,
    WebKeys,
    authorities,
    discovered,
    reader,
    source,
)
from safeconduct.kit import jose
from safeconduct.kit.jwk import JoseError, KeySet
from safeconduct.kit.resources import ours
from safeconduct.ports import Person

TYPES: Final[frozenset[str | None]] = frozenset({"JWT", "at+jwt"})
GRANT_TYPE: Final = "oauth-id-jag+jwt"


class _Actor(msgspec.Struct, frozen=True):
    sub: jose.Text


class _Signed(ForeignClaims, frozen=True, kw_only=True):
    iss: str
    may_act: _Actor | None = None


class _Grant(_Signed, frozen=True, kw_only=True):
    client_id: jose.Text
    resource: jose.Text | None = None
    scope: str | None = None


class _Described(msgspec.Struct, frozen=True, kw_only=True):
    """What the issuer says, by our names for it."""

    user: jose.Text
    jti: jose.Text | None = None
    tenant: jose.Text | None = None
    groups: tuple[jose.Text, ...] = ()
    acr: jose.Text | tuple[jose.Text, ...] = ()
    amr: tuple[jose.Text, ...] = ()
    auth_time: Annotated[int, msgspec.Meta(ge=0, lt=2**40)] = 0
    device: bool | jose.Text | tuple[jose.Text, ...] = False


class UserTokens:
    """Verifies tokens of all user issuers, each by its own keys and rules."""

    def __init__(self, config: Config) -> None:
        """Reads keys that are in files. Raises UnusableKeys."""
        users = config.root.users
        self._issuers = {issuer.issuer: _Issuer(config, issuer) for issuer in users.issuers}
        self.sources = tuple(issuer.keys for issuer in self._issuers.values())

    async def verify(self, token: str, now_ms: int) -> Person:
        """The user whom this token is about. Raises Unauthenticated."""
        return await self._issuer(token, "subject token").verify(token, now_ms)

    async def grant(self, token: str, now_ms: int) -> Person:
        """The user for whom an identity provider lets one agent act (ID-JAG). Raises
        Unauthenticated.
        """
        return await self._issuer(token, "assertion").grant(token, now_ms)

    def _issuer(self, token: str, what: str) -> _Issuer:
        """Who must have signed a token. For one of nobody's, nobody is asked for keys."""
        try:
            _, claims = jose.peek(token)
        except JoseError as fault:
            raise invalid(what, str(fault)) from None
        named = claims.get("iss")
        issuer = self._issuers.get(named) if isinstance(named, str) else None
        if issuer is None:
            raise invalid(what, "of an issuer that is not configured")
        return issuer


class _Issuer:
    def __init__(self, config: Config, issuer: UserIssuer) -> None:
        self.keys = _keys(Path(config.directory), issuer)
        self._issuer = issuer
        self._entries = config.users
        self._known = _known(config.users, config.root.users.issuer, issuer.issuer)
        untyped: frozenset[str | None] = frozenset({None}) if issuer.untyped else frozenset()
        self._accepted = Acceptance(
            "subject token",
            lambda _: self.keys,
            types=TYPES | untyped,
            dev=config.root.gateway.unsafe_dev_identity,
        )
        self._gateway = config.root.gateway.issuer
        self._grants = Acceptance(
            "assertion",
            lambda _: self.keys,
            types=frozenset({GRANT_TYPE}),
            dev=config.root.gateway.unsafe_dev_identity,
        )

    async def verify(self, token: str, now_ms: int) -> Person:
        accepted = await self._accepted.verify(token, _Signed, now_ms)
        if accepted.claims.audiences != (self._issuer.audience,):
            raise self._accepted.invalid("not for this audience alone")
        return self._person(accepted)

    async def grant(self, token: str, now_ms: int) -> Person:
        """An identity assertion grant (draft-ietf-oauth-identity-assertion-authz-grant): for this
        gateway as the authorization server, and for one agent.
        """
        accepted = await self._grants.verify(token, _Grant, now_ms)
        claims = accepted.claims
        if not self._issuer.id_jag:
            raise self._grants.invalid("of an issuer whose grants are not taken")
        names = frozenset({self._gateway, f"{self._gateway}/mcp"})
        if claims.audiences != (self._gateway,) or not ours(
            claims.resource or self._gateway, names
        ):
            raise self._grants.invalid("for another audience or resource")
        scopes = None if claims.scope is None else frozenset(claims.scope.split())
        return replace(self._person(accepted), may_act=claims.client_id, scopes=scopes)

    def _person(self, accepted: Accepted[Any]) -> Person:
        self._check(accepted.claims, accepted.every)
        said = self._described(accepted.every)
        device = (self._issuer.claims.device,) if said.device is True else _words(said.device)
        return Person(
            id=self._user(said.user),
            issuer=self._issuer.issuer,
            # Without a name of its own, a token is known by what was signed.
            jti=said.jti or f"sha256:{accepted.digest}",
            tenant=said.tenant,
            groups=said.groups,
            acr=" ".join(_words(said.acr)) or None,
            auth_time_s=said.auth_time,
            amr=said.amr,
            device=device,
            key=accepted.claims.key,
            may_act=None if accepted.claims.may_act is None else accepted.claims.may_act.sub,
            issued_ms=int((accepted.claims.iat or 0) * 1000),
        )

    def _check(self, signed: _Signed, claims: Mapping[str, Any]) -> None:
        issuer, names = self._issuer, self._issuer.claims
        if signed.iat is None:
            raise self._accepted.invalid("without a time of issue")
        if "events" in claims:
            # RFC 8417, such as a logout token: for the same audience, and about the same user.
            raise self._accepted.invalid("a security event, which says nothing for its subject")
        if any(claims.get(name) != value for name, value in issuer.required.items()):
            raise self._accepted.invalid("without one of the required claims")
        if names.user == "email" and claims.get("email_verified") is not True:
            raise self._accepted.invalid("with an address that nobody verified")

    def _described(self, claims: Mapping[str, Any]) -> _Described:
        names = msgspec.structs.asdict(self._issuer.claims)
        given = {our: claims[their] for our, their in names.items() if their in claims}
        try:
            return msgspec.convert(given, _Described)
        except msgspec.ValidationError:
            raise self._accepted.invalid("claims that are missing or of the wrong type") from None

    def _user(self, subject: str) -> str:
        """Our id of whom the issuer calls so."""
        known = self._known.get(subject)
        if known is None and subject in self._entries:
            raise self._accepted.invalid("about a user for whom another issuer vouches")
        return known or subject


def _known(entries: Mapping[str, UserEntry], main: str, issuer: str) -> dict[str, str]:
    """Our ids of an issuer's users, by what it calls them."""
    return {
        entry.subject or user: user
        for user, entry in entries.items()
        if (entry.issuer or main) == issuer
    }


def _keys(directory: Path, issuer: UserIssuer) -> Source[KeySet]:
    if issuer.jwks is not None:
        read = reader(issuer, issuer.jwks, SIGNING)
        return source(directory, issuer, issuer.jwks, read)
    return WebKeys(
        issuer.issuer,
        discovered(issuer.issuer, authorities(directory, issuer)),
        reader(issuer, None, SIGNING),
        max_stale_s=issuer.max_stale_s,
    )


def _words(given: bool | str | tuple[str, ...]) -> tuple[str, ...]:  # noqa: FBT001  a claim's value
    if isinstance(given, tuple):
        return given
    return (given,) if isinstance(given, str) else ()
