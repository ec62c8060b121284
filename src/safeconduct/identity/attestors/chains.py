"""Certificates of hardware, up to a root that the operator named (RFC 5280 section 6).

Path building is `cryptography`'s. What the web asks of certificates besides (names, usages) is left
out, as makers of hardware do not follow it; dates, signatures, constraints of length and who may
sign for others are not.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.verification import (
    Criticality,
    ExtensionPolicy,
    Policy,
    PolicyBuilder,
    Store,
    VerificationError,
)

from safeconduct.identity.attestors.attested import NotAttested
from safeconduct.identity.keys import UnusableKeys

MAX_CERTIFICATES: Final = 6
"""How many a chain may have, the root not counted."""


def _device(policy: Policy, certificate: x509.Certificate, held: object) -> None:
    del policy, certificate
    if isinstance(held, x509.BasicConstraints) and held.ca:
        raise ValueError("an authority where a device should be")


def _signs(policy: Policy, certificate: x509.Certificate, held: object) -> None:
    del policy, certificate
    if isinstance(held, x509.KeyUsage) and not held.key_cert_sign:
        raise ValueError("an authority whose key is not for signing certificates")


_AUTHORITY: Final = (
    ExtensionPolicy.permit_all()
    .require_present(x509.BasicConstraints, Criticality.AGNOSTIC, None)
    .may_be_present(x509.KeyUsage, Criticality.AGNOSTIC, _signs)
)
_DEVICE: Final = ExtensionPolicy.permit_all().may_be_present(
    x509.BasicConstraints, Criticality.AGNOSTIC, _device
)


class Roots:
    """The roots of one maker."""

    def __init__(self, path: Path) -> None:
        """Reads the file. Raises UnusableKeys."""
        try:
            roots = x509.load_pem_x509_certificates(path.read_bytes())
        except (OSError, ValueError) as error:
            raise UnusableKeys(f"{path}: {error}") from None
        if not all(_is_authority(root) for root in roots):
            raise UnusableKeys(f"{path}: a certificate in it is not that of an authority")
        self._store = Store(roots)

    def verify(self, chain: Sequence[bytes], now_ms: int) -> CertificatePublicKeyTypes:
        """The key of the first certificate (DER) of a chain that leads to a root.

        Raises NotAttested.
        """
        if not 1 <= len(chain) <= MAX_CERTIFICATES:
            raise NotAttested(f"a chain of {len(chain)} certificates")
        now = dt.datetime.fromtimestamp(now_ms / 1000, dt.UTC)
        try:
            leaf, *others = [x509.load_der_x509_certificate(one) for one in chain]
            verifier = (
                PolicyBuilder()
                .store(self._store)
                .time(now)
                .max_chain_depth(MAX_CERTIFICATES)
                .extension_policies(ca_policy=_AUTHORITY, ee_policy=_DEVICE)
                .build_client_verifier()
            )
            verifier.verify(leaf, others)
            return leaf.public_key()
        except VerificationError as error:
            # What follows quotes a certificate.
            why, _, _ = str(error).partition(" (encountered")
            raise NotAttested(f"the certificates lead to no root: {why}") from None
        except Exception as error:  # noqa: BLE001 whatever a parser of foreign bytes raises
            why = type(error).__name__
            raise NotAttested(f"the certificates lead to no root: {why}") from None


def _is_authority(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
