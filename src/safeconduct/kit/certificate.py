"""The certificate that a TLS client showed, before anybody has looked at whom it names."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import datetime

import msgspec
from cryptography import x509

from safeconduct.kit.jwk import encode, thumbprint_of


class UnusableCertificate(ValueError):
    """A certificate of our own that cannot be shown; the message says why."""


class Certificate(msgspec.Struct, frozen=True, kw_only=True):
    """A certificate whose key its sender has, as a TLS handshake proved.

    `chain` is in DER, the certificate itself first. `thumbprint` is what tokens are bound to (RFC
    8705 section 3.1, `x5t#S256`). It is good from `from_ms` to `until_ms`, if it is good at all.
    """

    chain: tuple[bytes, ...]
    thumbprint: str
    from_ms: int
    until_ms: int

    @classmethod
    def read(cls, chain: Sequence[bytes]) -> Certificate:
        """The first of a chain. Raises ValueError: there is none, or one that is no certificate."""
        if not chain:
            raise ValueError("an empty chain")
        leaf, *_ = [parse(one) for one in chain]
        return cls(
            chain=tuple(chain),
            thumbprint=encode(hashlib.sha256(chain[0]).digest()),
            from_ms=_ms(leaf.not_valid_before_utc),
            until_ms=_ms(leaf.not_valid_after_utc),
        )

    @property
    def key(self) -> str | None:
        """The thumbprint of its key, if proofs may be by such a one: it may be known by both."""
        return thumbprint_of(parse(self.chain[0]).public_key())


def parse(der: bytes) -> x509.Certificate:
    """A certificate in DER. Raises ValueError, also for a version that does not exist."""
    try:
        return x509.load_der_x509_certificate(der)
    except x509.InvalidVersion as error:
        raise ValueError(str(error)) from None


def _ms(time: datetime) -> int:
    return int(time.timestamp()) * 1000
