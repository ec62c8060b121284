"""Makers of hardware, and what their devices show: certificates, authenticators and TPMs, made with
`cryptography` and with the library's CBOR alone.
"""

from __future__ import annotations

import hashlib
import json
import struct
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import (
    ECDSA,
    SECP256R1,
    EllipticCurvePrivateKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key as generate_rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from cryptography.x509.oid import NameOID
from fido2 import cbor

from safeconduct.identity.attestors.shown import challenge
from safeconduct.kit.jwk import encode

DeviceKey = EllipticCurvePrivateKey | Ed25519PrivateKey | RSAPrivateKey

ORIGIN: Final = "http://127.0.0.1:8700"
PARTY: Final = hashlib.sha256(b"127.0.0.1").digest()
NOW: Final = datetime.now(UTC).replace(microsecond=0)
DAY: Final = timedelta(days=1)
AIK: Final = x509.ObjectIdentifier("2.23.133.8.3")
UP: Final = 0x01
BACKUP: Final = 0x08
ATTESTED: Final = 0x40
AUTHENTICATOR: Final = x509.Name(
    [
        x509.NameAttribute(NameOID.COUNTRY_NAME, "SE"),
        x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Maker"),
        x509.NameAttribute(NameOID.ORGANIZATIONAL_UNIT_NAME, "Authenticator Attestation"),
        x509.NameAttribute(NameOID.COMMON_NAME, "Batch 1"),
    ]
)


def ec_key() -> EllipticCurvePrivateKey:
    return generate_private_key(SECP256R1())


def weak_key() -> RSAPrivateKey:
    return generate_rsa(65537, 1024)  # noqa: S505  to be refused


def named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])


def pin(key: DeviceKey) -> str:
    """How a workload names a key."""
    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(public).hexdigest()


def sign(key: DeviceKey, message: bytes) -> bytes:
    match key:
        case EllipticCurvePrivateKey():
            return key.sign(message, ECDSA(SHA256()))
        case Ed25519PrivateKey():
            return key.sign(message)
        case _:
            return key.sign(message, PKCS1v15(), SHA256())


class Maker:
    """Certifies devices by an authority below its root. `root_ends` and the like count from now;
    `authority` changes what the authority's certificate says.
    """

    def __init__(
        self,
        *,
        root_ends: timedelta = 9 * DAY,
        ends: timedelta = 9 * DAY,
        authority: Sequence[x509.ExtensionType] | None = None,
        root: Sequence[x509.ExtensionType] | None = None,
    ) -> None:
        is_authority = [x509.BasicConstraints(ca=True, path_length=None)]
        self.root_key, self.key = ec_key(), ec_key()
        self.root = self._certificate(
            named("Root"),
            self.root_key.public_key(),
            by=(named("Root"), self.root_key),
            ends=root_ends,
            extensions=is_authority if root is None else root,
        )
        self.between = self._certificate(
            named("Authority"),
            self.key.public_key(),
            by=(named("Root"), self.root_key),
            ends=ends,
            extensions=is_authority if authority is None else authority,
        )

    def write(self, directory: Path, name: str = "maker.pem") -> str:
        """The file of roots, as the configuration names it."""
        directory.mkdir(parents=True, exist_ok=True)
        (directory / name).write_bytes(self.root.public_bytes(Encoding.PEM))
        return name

    def chain(
        self,
        key: DeviceKey,
        *,
        subject: x509.Name | None = None,
        ends: timedelta = DAY,
        extensions: Sequence[x509.ExtensionType] | None = None,
    ) -> list[bytes]:
        """The certificates of a device with this key, in DER."""
        plain = [x509.BasicConstraints(ca=False, path_length=None)]
        leaf = self._certificate(
            named("Device 1") if subject is None else subject,
            key.public_key(),
            by=(named("Authority"), self.key),
            ends=ends,
            extensions=plain if extensions is None else extensions,
        )
        return [leaf.public_bytes(Encoding.DER), self.between.public_bytes(Encoding.DER)]

    def _certificate(
        self,
        subject: x509.Name,
        public: Any,
        *,
        by: tuple[x509.Name, EllipticCurvePrivateKey],
        ends: timedelta,
        extensions: Sequence[x509.ExtensionType],
    ) -> x509.Certificate:
        issuer, key = by
        builder = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(issuer)
            .public_key(public)
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - 10 * DAY)
            .not_valid_after(NOW + ends)
        )
        for one in extensions:
            builder = builder.add_extension(one, critical=False)
        return builder.sign(key, SHA256())


def certified(
    chain: Sequence[bytes], key: DeviceKey, nonce: str, thumbprint: str, **changed: Any
) -> dict[str, Any]:
    """What a device with a certified key shows."""
    return {
        "format": "x509",
        "maker": "maker",
        "nonce": nonce,
        "chain": [encode(one) for one in chain],
        "signature": encode(sign(key, challenge(nonce, thumbprint))),
        **changed,
    }


class Authenticator:
    """A security key or, with `tpm`, the TPM of a machine. It has one credential.

    `flags` are those of the assertion and the attestation, `party` whom the credential is for.
    """

    def __init__(
        self,
        maker: Maker,
        *,
        tpm: bool = False,
        party: bytes = PARTY,
        flags: int = UP,
        attributes: int = 0x0004_0072,
        statement: Callable[[dict[str, Any]], dict[str, Any]] = lambda given: given,
        fmt: str | None = None,
        key: DeviceKey | None = None,
        algorithm: int | None = None,
        chain: Sequence[bytes] | None = None,
    ) -> None:
        self.key = key or ec_key()
        self._party = party
        self._flags = flags
        attester = ec_key()
        self.made_for = json.dumps(
            {"type": "webauthn.create", "challenge": "AAAA", "origin": ORIGIN}
        ).encode()
        data = self._data(ATTESTED | flags) + bytes(16) + struct.pack("!H", 4) + b"cred"
        data += cbor.encode(cose(self.key, algorithm))
        attested = data + hashlib.sha256(self.made_for).digest()
        if tpm:
            given = self._tpm(maker, attester, attested, attributes)
        else:
            certificates = maker.chain(attester, subject=AUTHENTICATOR) if chain is None else chain
            given = {"alg": -7, "sig": sign(attester, attested), "x5c": list(certificates)}
        if chain == []:
            given = {"alg": -7, "sig": sign(self.key, attested)}
        self.attestation = cbor.encode(
            {
                "fmt": fmt or ("tpm" if tpm else "packed"),
                "authData": data,
                "attStmt": statement(given),
            }
        )

    def show(self, nonce: str, thumbprint: str, **changed: Any) -> dict[str, Any]:
        """An assertion over the challenge; `client_data` and the like change what it says."""
        said = {
            "type": "webauthn.get",
            "challenge": encode(challenge(nonce, thumbprint)),
            "origin": ORIGIN,
            "crossOrigin": False,
            **changed.pop("client_data", {}),
        }
        client_data = json.dumps(said).encode()
        data = self._data(changed.pop("flags", self._flags), changed.pop("party", None))
        signature = sign(self.key, data + hashlib.sha256(client_data).digest())
        return {
            "format": "webauthn",
            "maker": "maker",
            "nonce": nonce,
            "attestation_object": encode(self.attestation),
            "attestation_client_data": encode(self.made_for),
            "authenticator_data": encode(data),
            "client_data": encode(client_data),
            "signature": encode(signature),
            **changed,
        }

    def _data(self, flags: int, party: bytes | None = None) -> bytes:
        return (party or self._party) + struct.pack("!BI", flags, 7)

    def _tpm(
        self, maker: Maker, attester: EllipticCurvePrivateKey, attested: bytes, attributes: int
    ) -> dict[str, Any]:
        """TPMT_PUBLIC and TPMS_ATTEST of the credential, certified by an attestation key."""
        assert isinstance(self.key, EllipticCurvePrivateKey)
        numbers = self.key.public_key().public_numbers()
        area = struct.pack("!HHLHHHHH", 0x23, 0x0B, attributes, 0, 0x10, 0x10, 0x03, 0x10)
        area += _sized(numbers.x.to_bytes(32)) + _sized(numbers.y.to_bytes(32))
        name = struct.pack("!H", 0x0B) + hashlib.sha256(area).digest()
        info = struct.pack("!LH", 0xFF544347, 0x8017) + _sized(b"")
        info += _sized(hashlib.sha256(attested).digest())
        info += struct.pack("!QLLBQ", 1, 2, 3, 1, 4) + _sized(name) + _sized(b"")
        chain = maker.chain(
            attester,
            subject=x509.Name([]),
            extensions=[
                x509.BasicConstraints(ca=False, path_length=None),
                x509.SubjectAlternativeName([x509.DirectoryName(named("id:414D4400"))]),
                x509.ExtendedKeyUsage([AIK]),
            ],
        )
        return {
            "ver": "2.0",
            "alg": -7,
            "x5c": chain,
            "sig": sign(attester, info),
            "certInfo": info,
            "pubArea": area,
        }


def cose(key: DeviceKey, algorithm: int | None = None) -> dict[int, Any]:
    """The public half as authenticators write it (RFC 9052, RFC 8230)."""
    match key:
        case EllipticCurvePrivateKey():
            numbers = key.public_key().public_numbers()
            size = (key.curve.key_size + 7) // 8
            x, y = numbers.x.to_bytes(size), numbers.y.to_bytes(size)
            return {1: 2, 3: algorithm or -7, -1: 1, -2: x, -3: y}
        case Ed25519PrivateKey():
            return {1: 1, 3: algorithm or -8, -1: 6, -2: key.public_key().public_bytes_raw()}
        case _:
            public = key.public_key().public_numbers()
            modulus = public.n.to_bytes(key.key_size // 8)
            return {1: 3, 3: algorithm or -257, -1: modulus, -2: public.e.to_bytes(3)}


def _sized(data: bytes) -> bytes:
    return struct.pack("!H", len(data)) + data
