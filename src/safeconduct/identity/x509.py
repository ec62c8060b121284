"""Agents: X.509-SVIDs (SPIFFE X509-SVID specification), and who signs them.

A certificate counts by the authorities of its own trust domain alone. That a trust domain is
believed says nothing about what it may sign: its authority makes nobody of another domain.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import hashlib
import logging
from collections.abc import Mapping
from typing import Final, NoReturn

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from safeconduct.identity.bundles import Bundle
from safeconduct.identity.keys import Source
from safeconduct.identity.svid import MAX_ID, SPIFFE_ID
from safeconduct.kit.certificate import Certificate, parse
from safeconduct.ports import Unauthenticated, Workload

_log = logging.getLogger(__name__)

MAX_CERTIFICATES: Final = 4
"""How many a chain may have, the authority not counted."""

LOOK_S: Final = 1.0
"""How often the authorities for handshakes are looked at again, in seconds."""


class Authorities:
    """The X.509 authorities of all trust domains, as they are published now.

    TLS wants them before it is known whose certificate comes. It is no more than a sieve: whose
    word counts for whom, `Certificates` says.
    """

    def __init__(self, bundles: Mapping[str, Source[Bundle]]) -> None:
        """`bundles` by the name of their trust domain."""
        self._bundles = bundles
        self._held: dict[str, frozenset[bytes]] = {}

    def current(self) -> frozenset[bytes]:
        """All of them, in DER."""
        return frozenset[bytes]().union(*self._held.values())

    async def keep_up(self) -> None:
        """Until cancelled: follows each domain, so that none waits for another's server."""
        await asyncio.gather(*(self._follow(domain) for domain in self._bundles))

    async def _follow(self, domain: str) -> None:
        while True:
            bundle = await self._bundles[domain].current(None)
            known = () if bundle is None else bundle.x509
            self._held[domain] = frozenset(one.public_bytes(Encoding.DER) for one in known)
            await asyncio.sleep(LOOK_S)


class Certificates:
    """Verifies X.509-SVIDs that clients showed."""

    def __init__(self, bundles: Mapping[str, Source[Bundle]]) -> None:
        """`bundles` by the name of their trust domain."""
        self._bundles = bundles

    async def verify(self, certificate: Certificate, now_ms: int) -> Workload:
        """The agent that this SVID was issued to. Raises Unauthenticated."""
        if len(certificate.chain) > MAX_CERTIFICATES:
            _refuse("a chain of too many certificates")
        try:
            leaf, *others = [parse(one) for one in certificate.chain]
            name = _named(leaf)
        except (
            ValueError,
            x509.ExtensionNotFound,
            x509.DuplicateExtension,
            x509.UnsupportedGeneralNameType,
        ) as error:
            _refuse(str(error))
        match = SPIFFE_ID.fullmatch(name) if len(name) <= MAX_ID else None
        source = None if match is None else self._bundles.get(match[1])
        bundle = None if source is None else await source.current(None)
        if bundle is None or not bundle.x509:
            _refuse("no authority is known that could have signed for this trust domain")
        verifier = (
            PolicyBuilder()
            .store(Store(list(bundle.x509)))
            .time(dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC))
            .max_chain_depth(MAX_CERTIFICATES)
            .extension_policies(ca_policy=_AUTHORITY, ee_policy=_WORKLOAD)
            .build_client_verifier()
        )
        try:
            verifier.verify(leaf, others)
        except (ValueError, VerificationError) as error:
            _refuse(str(error))
        return Workload(
            id=name,
            attested_ms=certificate.from_ms,
            digest=hashlib.sha256(certificate.chain[0]).hexdigest(),
        )


def _refuse(why: str) -> NoReturn:
    _log.info("refused a client certificate: %s", why)
    raise Unauthenticated("invalid_token", "The client certificate is not valid here.", why=why)


def _named(leaf: x509.Certificate) -> str:
    """Section 2: exactly one URI, whatever other names there are. Raises ValueError."""
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    uris = names.get_values_for_type(x509.UniformResourceIdentifier)
    if len(uris) != 1:
        raise ValueError(f"{len(uris)} URIs where one names the workload")
    return uris[0]


def _is_workload(policy: Policy, certificate: x509.Certificate, held: object) -> None:
    """Section 4.1: who signs for others is no workload."""
    del policy, certificate
    if isinstance(held, x509.BasicConstraints) and held.ca:
        raise ValueError("an authority where a workload should be")


def _signs_itself(policy: Policy, certificate: x509.Certificate, held: object) -> None:
    """Section 4.3."""
    del policy, certificate
    if not isinstance(held, x509.KeyUsage) or not held.digital_signature:
        raise ValueError("a key that is not for signatures")
    if held.key_cert_sign or held.crl_sign:
        raise ValueError("a workload whose key is for signing certificates")


def _is_client(policy: Policy, certificate: x509.Certificate, held: object) -> None:
    """Section 4.4: where it is said what a certificate is for, it is for clients."""
    del policy, certificate
    if isinstance(held, x509.ExtendedKeyUsage) and ExtendedKeyUsageOID.CLIENT_AUTH not in held:
        raise ValueError("a certificate that is not for clients")


def _signs_others(policy: Policy, certificate: x509.Certificate, held: object) -> None:
    del policy, certificate
    if not isinstance(held, x509.KeyUsage) or not held.key_cert_sign:
        raise ValueError("an authority whose key is not for signing certificates")


_WORKLOAD: Final = (
    ExtensionPolicy.permit_all()
    .may_be_present(x509.BasicConstraints, Criticality.AGNOSTIC, _is_workload)
    .require_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_itself)
    .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, _is_client)
    .require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
)
_AUTHORITY: Final = (
    ExtensionPolicy.webpki_defaults_ca()
    .require_present(x509.BasicConstraints, Criticality.CRITICAL, None)
    .require_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs_others)
)
