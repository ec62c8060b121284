"""All verifiers behind one face."""

from __future__ import annotations

import asyncio

from safeconduct.config.schema import Config
from safeconduct.identity.bundles import open_bundles
from safeconduct.identity.dpop import Proofs
from safeconduct.identity.front_end import Purposes
from safeconduct.identity.svid import Svids
from safeconduct.identity.users import UserTokens
from safeconduct.identity.x509 import Certificates
from safeconduct.kit.certificate import Certificate
from safeconduct.ports import Attestation, Caller, Person, Workload


class ConfiguredEvidence:
    """`safeconduct.ports.Evidence`, by the keys that the configuration names."""

    def __init__(self, config: Config, proofs: Proofs) -> None:
        """Reads all keys that are in files. Raises UnusableKeys."""
        self.bundles = open_bundles(config)
        self._svids = Svids(config, self.bundles)
        self._certificates = Certificates(self.bundles)
        self._users = UserTokens(config)
        self._purposes = Purposes(config)
        self._proofs = proofs

    async def workload(self, token: str, now_ms: int) -> Workload:
        return await self._svids.verify(token, now_ms)

    async def certified(self, certificate: Certificate, now_ms: int) -> Workload:
        return await self._certificates.verify(certificate, now_ms)

    async def person(self, token: str, now_ms: int) -> Person:
        return await self._users.verify(token, now_ms)

    async def grant(self, token: str, now_ms: int) -> Person:
        return await self._users.grant(token, now_ms)

    async def attestation(self, token: str, now_ms: int) -> Attestation:
        return await self._purposes.verify(token, now_ms)

    def possession(self, caller: Caller, now_ms: int, *, token: str | None, key: str | None) -> str:
        return self._proofs.verify(caller, now_ms, token=token, key=key)

    async def keep_up(self) -> None:
        """Until cancelled: follows the keys that others publish."""
        sources = (*self.bundles.values(), *self._users.sources, *self._purposes.sources)
        await asyncio.gather(*(source.keep_up() for source in sources))
