"""Workloads at a cloud or build provider, by the OpenID Connect token that it gives them.

Anybody can be a customer of these providers and get tokens of the same issuer, for any audience.
So what tells one customer's workload from all others' has to be demanded, and is here either a fact
of the token or absent.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, cast

from safeconduct.config import providers
from safeconduct.config.schema import Config
from safeconduct.config.workloads import Pool
from safeconduct.identity.attestors.attested import Attested, NotAttested, Workloads
from safeconduct.identity.attestors.tokens import Issuer, Issuers, TokenClaims
from safeconduct.identity.keys import SIGNING, reader, source
from safeconduct.kit import jose

KIND: Final = "workload-identity-pool"


class PoolTokens:
    """Attests workloads of the configured pools."""

    def __init__(self, config: Config) -> None:
        """Raises UnusableKeys for a file of keys."""
        directory = Path(config.directory)
        self._pools = config.root.attestors.workload_identity_pool
        self._issuers = Issuers(
            {
                name: Issuer(
                    names=frozenset(providers.issuers(pool)),
                    audience=pool.audience or config.root.gateway.issuer,
                    keys=source(
                        directory,
                        pool,
                        where := providers.jwks(pool) or "",
                        reader(pool, where, SIGNING),
                    ),
                )
                for name, pool in self._pools.items()
            }
        )
        self._workloads = Workloads(config, KIND)

    async def attest(self, evidence: object, key: str, now_ms: int) -> Attested:
        del key
        name, signed = await self._issuers.verified(evidence, TokenClaims, now_ms)
        # The signature holds, so these are the same claims; each provider has others.
        _, claims = jose.peek(str(evidence))
        facts = {"pool": name, **told(self._pools[name], claims)}
        return Attested(agent=self._workloads.only(facts), evidence=signed.digest)

    async def keep_up(self) -> None:
        """Until cancelled: follows the keys of the providers."""
        await self._issuers.keep_up()


def told(pool: Pool, claims: Mapping[str, Any]) -> dict[str, str]:
    """What the claims of a token say of its workload, by the names of demands.

    Raises NotAttested for a token that is not a workload's.
    """
    if pool.provider == "azure":
        _of_an_application(pool, claims)
    facts: dict[str, str] = {}
    for name, path in providers.PROVIDERS[pool.provider].claims.items():
        value: object = claims
        for step in path:
            value = (
                cast("Mapping[str, object]", value).get(step) if isinstance(value, dict) else None
            )
        if isinstance(value, str):
            facts[f"claims {name}"] = value
    if pool.provider == "google" and claims.get("email_verified") is not True:
        facts.pop("claims email", None)
    return facts


def _of_an_application(pool: Pool, claims: Mapping[str, Any]) -> None:
    """An application's own token has itself as its subject, and no scopes: those are for what it
    does in the name of a signed-in user, who may be anybody in the directory.
    """
    if claims.get("tid") != pool.tenant:
        raise NotAttested("the token is of another directory")
    if (
        "scp" in claims
        or claims.get("idtyp", "app") != "app"
        or claims.get("oid") != claims.get("sub")
    ):
        raise NotAttested("the token is of a user, not of an application itself")
