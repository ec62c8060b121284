"""X.509 authorities and what they sign, good or bad as a test asks for it."""

from __future__ import annotations

import base64
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import orjson
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID, ObjectIdentifier

from safeconduct.kit.certificate import Certificate

NOW = datetime.now(UTC).replace(microsecond=0)
HOUR = timedelta(hours=1)
BOTH = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)


def usage(*, signs: bool = False, certifies: bool = False, revokes: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=signs,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=certifies,
        crl_sign=revokes,
        encipher_only=False,
        decipher_only=False,
    )


class Held:
    """A certificate with its key, and those between it and its authority."""

    def __init__(
        self, x509: x509.Certificate, key: EllipticCurvePrivateKey, between: Sequence[bytes] = ()
    ) -> None:
        self.x509 = x509
        self.key = key
        self.der = x509.public_bytes(Encoding.DER)
        self.between: tuple[bytes, ...] = tuple(between)

    @property
    def shown(self) -> Certificate:
        """As a gateway has it from a handshake."""
        return Certificate.read((self.der, *self.between))

    @property
    def pem(self) -> bytes:
        """The chain."""
        chain = (self.der, *self.between)
        return b"".join(ssl.DER_cert_to_PEM_cert(one).encode() for one in chain)

    @property
    def key_pem(self) -> bytes:
        return self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())

    def write(self, directory: Path, name: str) -> tuple[Path, Path]:
        """The files of certificate and key."""
        certificate, key = directory / f"{name}.pem", directory / f"{name}.key"
        certificate.write_bytes(self.pem)
        key.touch(mode=0o600)
        key.write_bytes(self.key_pem)
        return certificate, key

    def client(self, directory: Path, *trusted: Held) -> ssl.SSLContext:
        """How a client that has this certificate connects."""
        context = anonymous(*trusted)
        context.load_cert_chain(*self.write(directory, "client"))
        return context


class Authority(Held):
    """Signs for a trust domain, from an hour before `now` on; `by` makes it one below another."""

    def __init__(
        self,
        domain: str,
        *,
        by: Authority | None = None,
        now: datetime = NOW,
        name: x509.Name | None = None,
        use: x509.KeyUsage | None = None,
    ) -> None:
        self.domain = domain
        self.now = now
        key = generate_private_key(SECP256R1())
        named = name or x509.Name(
            [
                x509.NameAttribute(NameOID.ORGANIZATION_NAME, "SPIFFE"),
                x509.NameAttribute(NameOID.SERIAL_NUMBER, f"{x509.random_serial_number():x}"),
            ]
        )
        builder = _builder(key, now - HOUR, now + 24 * HOUR)
        builder = builder.subject_name(named).issuer_name(by.x509.subject if by else named)
        builder = _extended(
            builder,
            (x509.SubjectAlternativeName([uri(f"spiffe://{domain}")]), False),
            (x509.BasicConstraints(ca=True, path_length=None), True),
            (use or usage(certifies=True, revokes=True), True),
            (x509.SubjectKeyIdentifier.from_public_key(key.public_key()), False),
            *([] if by is None else [(_signer(by), False)]),
        )
        signed = builder.sign(by.key if by else key, SHA256())
        super().__init__(signed, key)
        self.between = () if by is None else (self.der, *by.between)

    def bundle(self, *others: Authority) -> bytes:
        """A SPIFFE bundle with this and other authorities."""
        keys = [
            {"kty": "EC", "use": "x509-svid", "x5c": [base64.b64encode(one.der).decode()]}
            for one in (self, *others)
        ]
        return orjson.dumps({"keys": keys, "spiffe_sequence": 1})

    def svid(
        self,
        *ids: str,
        begins: timedelta = -HOUR,
        ends: timedelta = HOUR,
        ca: bool | None = False,
        use: x509.KeyUsage | None = None,
        extended: Sequence[ObjectIdentifier] | None = BOTH,
        names: Sequence[x509.GeneralName] = (),
        key: EllipticCurvePrivateKey | None = None,
    ) -> Held:
        """An X.509-SVID; times count from `now`, and None leaves an extension out."""
        key = key or generate_private_key(SECP256R1())
        found = [*(uri(one) for one in ids), *names]
        builder = _builder(key, self.now + begins, self.now + ends)
        builder = builder.subject_name(x509.Name([])).issuer_name(self.x509.subject)
        extensions: list[tuple[x509.ExtensionType, bool]] = [
            (use or usage(signs=True), True),
            (_signer(self), False),
        ]
        if found:
            extensions.append((x509.SubjectAlternativeName(found), True))
        if ca is not None:
            extensions.append((x509.BasicConstraints(ca=ca, path_length=None), True))
        if extended is not None:
            extensions.append((x509.ExtendedKeyUsage(extended), False))
        signed = _extended(builder, *extensions).sign(self.key, SHA256())
        return Held(signed, key, self.between)

    def server(self) -> Held:
        """What a gateway on this machine shows."""
        names = (x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1")))
        return self.svid(f"spiffe://{self.domain}/gateway", names=names)


def anonymous(*trusted: Held) -> ssl.SSLContext:
    """How a client that has no certificate connects, and whom it takes for a gateway."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    for one in trusted:
        context.load_verify_locations(cadata=one.der)
    return context


def uri(text: str) -> x509.UniformResourceIdentifier:
    return x509.UniformResourceIdentifier(text)


def _builder(
    key: EllipticCurvePrivateKey, begins: datetime, ends: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(begins)
        .not_valid_after(ends)
    )


def _extended(
    builder: x509.CertificateBuilder, *extensions: tuple[x509.ExtensionType, bool]
) -> x509.CertificateBuilder:
    for extension, critical in extensions:
        builder = builder.add_extension(extension, critical=critical)
    return builder


def _signer(by: Authority) -> x509.AuthorityKeyIdentifier:
    held = by.x509.extensions.get_extension_for_class(x509.SubjectKeyIdentifier)
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(held.value)
