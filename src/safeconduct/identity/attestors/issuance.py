"""How a workload gets its SVIDs from the gateway: evidence in, SVIDs out, on one page.

```
 1 request   form of the request
 2 key       a proof of possession (RFC 9449): the SVID is for its key, and the request works once
 3 evidence  judged by its attestor: exactly one agent whose demands it meets, registered for this
             kind of attestation
 4 record    evidence, key and agent, in one durable step: evidence is worth nothing with another
             key any more, and nothing is issued to who or what was revoked
 5 issue     only now is there an SVID
```

Evidence is spent on the key that it is first shown with. A token of a platform lives for minutes or
hours and cannot be had anew at will, so the workload may show it again, with that key; whoever else
got hold of it, in a log or on the way, comes too late. The JWT-SVID is bound to the key, too: with
another one it starts no task.
"""

from __future__ import annotations

import asyncio
import base64
import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import msgspec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes

from safeconduct.config.schema import Config
from safeconduct.identity import dpop
from safeconduct.identity.attestors.attested import Attested, Attestor, NotAttested, Unjudged
from safeconduct.identity.issuer.authority import AuthorityFault, domain_of
from safeconduct.identity.nonces import Nonces
from safeconduct.kit import jose
from safeconduct.ports import (
    JSON,
    Caller,
    Ledger,
    LedgerConflict,
    LedgerFault,
    RecordTooLarge,
    TokenRefused,
    Unauthenticated,
)

_log = logging.getLogger(__name__)


class Signer(Protocol):
    """Signs SVIDs of one trust domain. Every method raises AuthorityFault."""

    def x509_svid(
        self, spiffe_id: str, key: CertificatePublicKeyTypes, now_ms: int
    ) -> tuple[bytes, ...]: ...

    def jwt_svid(
        self, spiffe_id: str, audiences: Sequence[str], now_ms: int, *, key: str | None = None
    ) -> str: ...


class _Request(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    attestor: str
    evidence: str | JSON
    audience: jose.Text | None = None


class Issuance:
    """Issues SVIDs to workloads that show evidence."""

    def __init__(
        self,
        config: Config,
        *,
        attestors: Mapping[str, Attestor],
        nonces: Nonces,
        signers: Mapping[str, Signer],
        proofs: dpop.Proofs,
        ledger: Ledger,
        clock_ms: Callable[[], int],
    ) -> None:
        """`attestors` are by kind, `signers` by trust domain."""
        self._config = config
        self.attestors = attestors
        self._nonces = nonces
        self._signers = signers
        self._proofs = proofs
        self._ledger = ledger
        self._clock_ms = clock_ms

    async def issue(self, asked: object, caller: Caller) -> JSON:
        """An X.509-SVID for the caller's key, and a JWT-SVID for one audience.

        Raises TokenRefused; which check failed is told to the operator.
        """
        now_ms = self._clock_ms()
        # 1 request
        try:
            request = msgspec.convert(asked, _Request)
        except msgspec.ValidationError:
            raise TokenRefused("invalid_request", "Not a request for an SVID.") from None
        # 2 key
        try:
            thumbprint = self._proofs.verify(caller, now_ms, token=None, key=None)
        except Unauthenticated as fault:
            raise TokenRefused(
                fault.error, fault.sentence, nonce=fault.nonce, why=fault.why
            ) from None
        # 3 evidence
        attested = await self._attested(request, thumbprint, now_ms)
        # 4 record
        audience = request.audience or self._config.root.gateway.issuer
        await self._record(request.attestor, attested, thumbprint, audience, now_ms)
        # 5 issue
        try:
            signer = self._signers[domain_of(attested.agent)]
            key = jose.embedded(caller.dpop[0], dpop.TYPE).key
            chain = signer.x509_svid(attested.agent, key, now_ms)
            token = signer.jwt_svid(attested.agent, (audience,), now_ms, key=thumbprint)
        except AuthorityFault as fault:
            raise _later(f"nothing can be signed: {fault}") from None
        return {
            "spiffe_id": attested.agent,
            "x509_svid": [base64.b64encode(one).decode() for one in chain],
            "jwt_svid": token,
        }

    def nonce(self) -> str:
        """A value for evidence that has to be fresh."""
        return self._nonces.issue(self._clock_ms())

    async def keep_up(self) -> None:
        """Until cancelled: follows the keys of those who sign evidence."""
        await asyncio.gather(*(one.keep_up() for one in self.attestors.values()))

    async def _attested(self, request: _Request, key: str, now_ms: int) -> Attested:
        attestor = self.attestors.get(request.attestor)
        if attestor is None:
            raise _refused("there is no attestor of that kind here")
        try:
            attested = await attestor.attest(request.evidence, key, now_ms)
        except NotAttested as fault:
            raise _refused(str(fault)) from None
        except Unjudged as fault:
            raise _later(str(fault)) from None
        registered = self._config.agents.get(attested.agent)
        if registered is None or registered.attestation != request.attestor:
            why = f"{attested.agent} is not registered for this kind of attestation"
            raise _refused(why)
        return attested

    async def _record(
        self, attestor: str, attested: Attested, key: str, audience: str, now_ms: int
    ) -> None:
        record = {
            "kind": "svid",
            "phase": "issued",
            "at_ms": now_ms,
            "tenant": self._config.root.gateway.tenant,
            "agent": attested.agent,
            "attestor": attestor,
            "evidence": attested.evidence,
            "jkt": key,
            "audience": audience,
        }
        try:
            await self._ledger.append(record)
        except LedgerConflict as conflict:
            why = {
                "consumed": "the evidence was shown with another key before",
                "revoked": f"{attested.agent} or its key was revoked",
            }.get(conflict.reason, conflict.reason)
            raise _refused(why) from None
        except (LedgerFault, RecordTooLarge) as fault:
            why = f"nothing can be recorded: {type(fault).__name__}"
            raise _later(why) from None


def _refused(why: str) -> TokenRefused:
    return TokenRefused("invalid_grant", "This evidence is not accepted here.", why=why)


def _later(why: str) -> TokenRefused:
    _log.warning("no SVID is issued: %s", why)
    return TokenRefused(
        "temporarily_unavailable", "No evidence can be judged now; try again.", status=503, why=why
    )
