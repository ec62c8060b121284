"""Task tokens: RFC 9068 access tokens that carry one task, for this gateway alone."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, Literal

import msgspec

from safeconduct.config.schema import GatewayBlock
from safeconduct.core.provenance import PurposeSource
from safeconduct.delegation.signing import SigningKeys
from safeconduct.kit import jose
from safeconduct.kit.certificate import Certificate
from safeconduct.kit.jwk import JoseError
from safeconduct.ports import JSON, Bearer, Caller, Evidence, Unauthenticated

TYPE: Final = "at+jwt"
MAX_TTL_S: Final = 900
CLOCK_SLACK_MS: Final = 5_000
"""How far the clock may go back, as clocks are set by a little."""

_CACHE_SIZE: Final = 4096


class _Actor(msgspec.Struct, frozen=True):
    sub: str


class _Confirmation(msgspec.Struct, frozen=True):
    jkt: jose.Text | None = None
    x5t: jose.Text | None = msgspec.field(default=None, name="x5t#S256")

    def __post_init__(self) -> None:
        if self.jkt is None and self.x5t is None:
            raise ValueError("bound to what nobody here can prove")


class _TaskClaims(jose.Claims, frozen=True, kw_only=True):
    iss: str
    jti: str
    client_id: str
    sub: str
    act: _Actor
    txn: str
    tenant: str
    scope: str
    purpose_source: PurposeSource
    cnf: _Confirmation | None = None
    unsafe: tuple[str, ...] = ()


class TaskTokens:
    """Mints and verifies task tokens (`safeconduct.ports.Identity`)."""

    def __init__(self, gateway: GatewayBlock, keys: SigningKeys, evidence: Evidence) -> None:
        self._gateway = gateway
        self._keys = keys
        self._evidence = evidence
        self._verified: dict[str, Bearer] = {}
        self._latest_ms = 0

    def not_before(self, latest_ms: int) -> None:
        """The clock was there once: a token that comes without a proof, which has a time of its
        own, is refused until it is there again, as what has ended would live again.
        """
        self._latest_ms = max(self._latest_ms, latest_ms)

    def mint(
        self,
        bearer: Bearer,
        purpose_source: PurposeSource,
        now_ms: int,
        *,
        actors: Sequence[str] = (),
    ) -> str:
        """Sign a token that says what `bearer` says. `actors` are the agents of the tasks above,
        nearest first; they inform and decide nothing (RFC 8693 section 4.1).

        Raises ValueError when it would last longer than 15 minutes.
        """
        if bearer.expires_ms - now_ms > MAX_TTL_S * 1000:
            raise ValueError("a task token lasts at most 15 minutes")
        claims: dict[str, Any] = {
            "iss": self._gateway.issuer,
            "aud": self._gateway.issuer,
            "iat": now_ms // 1000,
            "exp": bearer.expires_ms // 1000,
            "jti": bearer.jti,
            "client_id": bearer.agent,
            "sub": bearer.user,
            "act": _chain((bearer.agent, *actors)),
            "txn": bearer.task,
            "tenant": bearer.tenant,
            "scope": " ".join(sorted(bearer.scopes)),
            "purpose_source": purpose_source,
        }
        if bound := confirmation(bearer):
            claims["cnf"] = bound
        if bearer.unsafe:
            claims["unsafe"] = list(bearer.unsafe)
        return self._keys.sign(claims, TYPE)

    def verify(self, caller: Caller, now_ms: int) -> Bearer:
        """Whose task the caller acts in.

        A token that is bound to a key is worth nothing without a proof by that key, and one that is
        bound to a certificate nothing without that one; both, where it is bound to both. One that
        is not bound is accepted only where the configuration says so, and says so itself.

        Raises Unauthenticated.
        """
        scheme, token = _credentials(caller)
        bearer = self._verified.get(token)
        if bearer is None:
            bearer = self.read(token, now_ms)
            self._remember(token, bearer)
        self.not_before(now_ms)
        if bearer.expires_ms <= now_ms:
            raise Unauthenticated("invalid_token", "The task token has expired.")
        if bearer.certificate:
            _require(caller.certificate, bearer.certificate, now_ms)
        if scheme == "dpop" and bearer.key:
            self._evidence.possession(caller, now_ms, token=token, key=bearer.key)
            return bearer
        free = bearer.certificate or self._gateway.unsafe_bearer_tokens
        if scheme == "bearer" and not bearer.key and free:
            if now_ms < self._latest_ms - CLOCK_SLACK_MS:
                raise _invalid("the clock went back: no bearer tokens until it has caught up")
            return bearer
        raise Unauthenticated("invalid_token", "The task token must be sent with a DPoP proof.")

    def read(self, token: str, now_ms: int) -> Bearer:
        """What a token says; who shows it has proven nothing yet. Raises Unauthenticated."""
        try:
            claims = jose.verify(
                token,
                lambda _: self._keys.accepted(now_ms),
                types=frozenset({TYPE}),
                shape=_TaskClaims,
            ).claims
            jose.check_times(claims, now_ms)
        except jose.Expired:
            raise Unauthenticated("invalid_token", "The task token has expired.") from None
        except JoseError as fault:
            raise _invalid(str(fault)) from None
        gateway, bound = self._gateway, claims.cnf
        if (
            claims.iss != gateway.issuer
            or claims.audiences != (gateway.issuer,)
            or claims.tenant != gateway.tenant
            or claims.act.sub != claims.client_id
        ):
            raise _invalid("for another gateway or tenant")
        return Bearer(
            task=claims.txn,
            tenant=claims.tenant,
            agent=claims.client_id,
            user=claims.sub,
            scopes=frozenset(claims.scope.split()),
            expires_ms=int(claims.exp * 1000),
            jti=claims.jti,
            key="" if bound is None else bound.jkt or "",
            certificate="" if bound is None else bound.x5t or "",
            unsafe=claims.unsafe,
        )

    def _remember(self, token: str, bearer: Bearer) -> None:
        # Only what was verified is kept; the oldest entry makes room.
        if len(self._verified) >= _CACHE_SIZE:
            del self._verified[next(iter(self._verified))]
        self._verified[token] = bearer


def confirmation(bearer: Bearer) -> JSON:
    """What a token is bound to, as it says it (RFC 7800 section 3.1)."""
    bound = {"jkt": bearer.key, "x5t#S256": bearer.certificate}
    return {name: thumbprint for name, thumbprint in bound.items() if thumbprint}


def _require(shown: Certificate | None, thumbprint: str, now_ms: int) -> None:
    """RFC 8705 section 3. Raises Unauthenticated."""
    if shown is None or shown.thumbprint != thumbprint:
        raise Unauthenticated(
            "invalid_token", "The task token must be sent with the certificate it is bound to."
        )
    if not shown.from_ms <= now_ms < shown.until_ms:
        raise Unauthenticated("invalid_token", "The client certificate has expired.")


def _credentials(caller: Caller) -> tuple[Literal["dpop", "bearer"], str]:
    scheme, _, token = (caller.authorization or "").partition(" ")
    match scheme.lower():
        case "dpop" | "bearer" as known if token:
            return known, token
        case _:
            raise Unauthenticated("invalid_token", "A task token is needed.")


def _chain(agents: Sequence[str]) -> dict[str, Any]:
    """Nested actors, the one that acts outermost."""
    first, *before = agents
    return {"sub": first, "act": _chain(before)} if before else {"sub": first}


def _invalid(why: str) -> Unauthenticated:
    return Unauthenticated("invalid_token", "The task token is not valid here.", why=why)
