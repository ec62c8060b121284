"""A gateway that issues SVIDs for evidence, and workloads that show it."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from safeconduct.config import schema
from safeconduct.config.trust import Trust
from safeconduct.config.workloads import Attestors, Workload
from safeconduct.identity.attestors.attested import Attestor
from safeconduct.identity.attestors.hardware import HardwareKeys
from safeconduct.identity.attestors.issuance import Issuance
from safeconduct.identity.attestors.kubernetes import Pods
from safeconduct.identity.attestors.pools import PoolTokens
from safeconduct.identity.dpop import Proofs
from safeconduct.identity.issuer.authority import own_authorities
from safeconduct.identity.nonces import Nonces
from safeconduct.kit import jose
from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import JSON, Caller, CredentialUnavailable, TokenRefused
from tests.support import worlds
from tests.support.parties import MemoryLedger
from tests.support.worlds import AGENT

CLERK: Final = "spiffe://crm.example/agents/clerk"
ISSUER: Final = "http://127.0.0.1:8700"
SVID_URL: Final = f"{ISSUER}/identity/svid"


def configured(
    directory: Path,
    attestors: Mapping[str, Any],
    workloads: Mapping[str, Mapping[str, Any]],
    tiers: Mapping[str, int] | None = None,
) -> schema.Config:
    """The company of `worlds`, with these agents, each attested as its workload says."""
    config = worlds.config(directory)
    root = config.root
    assigned = root.assignments[AGENT]
    return replace(
        config,
        root=replace(
            root,
            trust={"crm.example": Trust(jwks="state/trust.json")},
            assignments={
                agent: replace(assigned, tier=(tiers or {}).get(agent, 2)) for agent in workloads
            },
            attestors=msgspec.convert(attestors, Attestors),
            workloads=msgspec.convert(workloads, dict[str, Workload]),
        ),
        agents={
            agent: replace(
                config.agents[AGENT], spiffe_id=agent, attestation=next(iter(workload), "unix")
            )
            for agent, workload in workloads.items()
        },
    )


class Attesting:
    """The page, the real authority and state behind it, and a clock that stands."""

    def __init__(self, config: schema.Config, secret: str | None = None) -> None:
        self.config = config
        self.now_ms = time.time_ns() // 1_000_000
        self.ledger = MemoryLedger()
        self.key = PrivateKey.generate()
        self.why = ""
        """What the operator is told about the last refusal."""
        self.nonces = Nonces()
        self.secret = secret
        self._numbers = itertools.count()
        configured = config.root.attestors
        makers: dict[str, tuple[object, Callable[[], Attestor]]] = {
            "kubernetes-sa": (configured.kubernetes_sa, lambda: Pods(config, self._read)),
            "workload-identity-pool": (
                configured.workload_identity_pool,
                lambda: PoolTokens(config),
            ),
            "hardware": (configured.hardware, lambda: HardwareKeys(config, self.nonces)),
        }
        self.signers = own_authorities(config)
        self.page = Issuance(
            config,
            attestors={kind: make() for kind, (wanted, make) in makers.items() if wanted},
            nonces=self.nonces,
            signers=self.signers,
            proofs=Proofs(since_ms=0),
            ledger=self.ledger,
            clock_ms=lambda: self.now_ms,
        )

    def _read(self, reference: str | None) -> str:
        if self.secret is None:
            raise CredentialUnavailable("FileNotFoundError")
        return self.secret

    def caller(self, key: PrivateKey | None = None) -> Caller:
        """Who asks for an SVID, with a fresh proof."""
        claims = {
            "jti": f"proof-{next(self._numbers)}",
            "htm": "POST",
            "htu": SVID_URL,
            "iat": self.now_ms // 1000,
        }
        proof = jose.sign(claims, key or self.key, "dpop+jwt", embed=True)
        return Caller(http_method="POST", url=SVID_URL, authorization=None, dpop=(proof,))

    async def show(
        self, attestor: str, evidence: object, *, key: PrivateKey | None = None, **more: Any
    ) -> JSON:
        """What comes of showing evidence. Raises TokenRefused."""
        asked = {"attestor": attestor, "evidence": evidence, **more}
        try:
            return await self.page.issue(asked, self.caller(key))
        except TokenRefused as fault:
            self.why = fault.why
            raise
