"""X.509 certificates as SPIFFE has them (X509-SVID specification, RFC 5280)."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from safeconduct.kit.jwk import PrivateKey

SKEW_MS: Final = 60_000
"""Certificates are good from so long before they were made, for clocks that are behind."""

_EXTENDED: Final = x509.ExtendedKeyUsage(
    [ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH]
)


def signer(key: PrivateKey) -> EllipticCurvePrivateKey:
    """The key as certificates are signed with it. Raises ValueError: it is not on a curve."""
    inner = key.key.private_key
    if not isinstance(inner, EllipticCurvePrivateKey):
        raise ValueError("not an EC key")  # noqa: TRY004  it is in a file
    return inner


def authority(domain: str, key: EllipticCurvePrivateKey, now_ms: int, end_ms: int) -> bytes:
    """A self-signed certificate of a trust domain, good until `end_ms`, in DER."""
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SPIFFE"),
            # Two keys of one trust domain must not look like one authority.
            x509.NameAttribute(NameOID.SERIAL_NUMBER, f"{x509.random_serial_number():x}"),
        ]
    )
    public = key.public_key()
    return (
        _builder(public, f"spiffe://{domain}", now_ms, end_ms, critical=False)
        .subject_name(name)
        .issuer_name(name)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(signs_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(public), critical=False)
        .sign(key, SHA256())
        .public_bytes(Encoding.DER)
    )


def svid(
    spiffe_id: str,
    public: CertificatePublicKeyTypes,
    *,
    authority: x509.Certificate,
    key: EllipticCurvePrivateKey,
    now_ms: int,
    end_ms: int,
) -> bytes:
    """An X.509-SVID for this key, signed by the authority, in DER. It names nobody but the ID."""
    identifier = authority.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return (
        _builder(public, spiffe_id, now_ms, end_ms, critical=True)
        .subject_name(x509.Name([]))
        .issuer_name(authority.subject)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(signs_certificates=False), critical=True)
        .add_extension(_EXTENDED, critical=False)
        .add_extension(
            x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(identifier),
            critical=False,
        )
        .sign(key, SHA256())
        .public_bytes(Encoding.DER)
    )


def _builder(
    public: CertificatePublicKeyTypes, uri: str, now_ms: int, end_ms: int, *, critical: bool
) -> x509.CertificateBuilder:
    names = x509.SubjectAlternativeName([x509.UniformResourceIdentifier(uri)])
    return (
        x509.CertificateBuilder()
        .public_key(public)
        .serial_number(x509.random_serial_number())
        .not_valid_before(_time(now_ms - SKEW_MS))
        .not_valid_after(_time(end_ms))
        .add_extension(names, critical=critical)  # where nothing else names the subject
    )


def _usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        encipher_only=False,
        decipher_only=False,
    )


def _time(ms: int) -> datetime:
    return datetime.fromtimestamp(ms // 1000, UTC)
