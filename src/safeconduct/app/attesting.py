"""Who issues SVIDs for evidence: an attestor for each kind of it that is configured."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path

from safeconduct.config.schema import Config
from safeconduct.identity.attestors.attested import Attestor
from safeconduct.identity.attestors.issuance import Issuance, Signer
from safeconduct.identity.attestors.kubernetes import Pods
from safeconduct.identity.attestors.pools import PoolTokens
from safeconduct.identity.dpop import Proofs
from safeconduct.identity.nonces import Nonces
from safeconduct.ports import Ledger
from safeconduct.rooms import clock_ms
from safeconduct.secrets import references


def issuance(
    config: Config, signers: Mapping[str, Signer], proofs: Proofs, ledger: Ledger
) -> Issuance:
    """Who issues SVIDs for evidence, with an attestor for each kind that is configured."""
    directory = Path(config.directory)
    configured, nonces = config.root.attestors, Nonces()
    attestors: dict[str, Attestor] = {}
    if configured.kubernetes_sa:
        attestors["kubernetes-sa"] = Pods(config, partial(references.read, directory))
    if configured.workload_identity_pool:
        attestors["workload-identity-pool"] = PoolTokens(config)
    if configured.hardware:
        from safeconduct.identity.attestors.hardware import HardwareKeys

        attestors["hardware"] = HardwareKeys(config, nonces)
    return Issuance(
        config,
        attestors=attestors,
        nonces=nonces,
        signers=signers,
        proofs=proofs,
        ledger=ledger,
        clock_ms=clock_ms,
    )
