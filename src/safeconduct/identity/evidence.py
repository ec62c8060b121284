"""All verifiers behind one face."""

from __future__ import annotations

from safeconduct.config.schema import Config
from safeconduct.identity.dpop import Proofs
from safeconduct.identity.front_end import Purposes
from safeconduct.identity.svid import Svids
from safeconduct.identity.users import UserTokens
from safeconduct.ports import Attestation, Caller, Person, Workload


class ConfiguredEvidence:
    """`safeconduct.ports.Evidence`, by the keys that the configuration names."""

    def __init__(self, config: Config, proofs: Proofs) -> None:
        """Reads all keys. Raises UnusableKeys."""
        self._svids = Svids(config)
        self._users = UserTokens(config)
        self._purposes = Purposes(config)
        self._proofs = proofs

    def workload(self, token: str, now_ms: int) -> Workload:
        return self._svids.verify(token, now_ms)

    def person(self, token: str, now_ms: int) -> Person:
        return self._users.verify(token, now_ms)

    def attestation(self, token: str, now_ms: int) -> Attestation:
        return self._purposes.verify(token, now_ms)

    def possession(self, caller: Caller, now_ms: int, *, token: str | None, key: str | None) -> str:
        return self._proofs.verify(caller, now_ms, token=token, key=key)
