"""Keys of authenticators and TPMs: WebAuthn attestation statements, by Yubico's `fido2`.

The library checks what a statement says against its own certificate. Whom that certificate leads
to, which algorithms are taken, whom the key was made for and whether the assertion is of now, is
checked here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP256R1,
    SECP384R1,
    EllipticCurvePublicKey,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicNumbers
from fido2.attestation.base import (
    Attestation,
    AttestationResult,
    AttestationType,
    InvalidAttestation,
)
from fido2.attestation.packed import PackedAttestation
from fido2.attestation.tpm import ATTRIBUTES, TpmAttestation, TpmPublicFormat
from fido2.cose import CoseKey
from fido2.webauthn import AttestationObject, AuthenticatorData

from safeconduct.identity.attestors.attested import NotAttested
from safeconduct.identity.attestors.chains import Roots
from safeconduct.identity.attestors.shown import MAX_BYTES, Authenticated, HardwareKey, octets
from safeconduct.kit import strictjson
from safeconduct.kit.jwk import encode

_STATEMENTS: Final[dict[str, type[Attestation]]] = {
    "packed": PackedAttestation,
    "tpm": TpmAttestation,
}
# COSE names of ES256, EdDSA, ES384, PS256 and RS256; what is built on SHA-1 is not among them.
_ALGORITHMS: Final = frozenset({-7, -8, -35, -37, -257})
# A key that was made in this TPM, and that may be moved to no other.
_STAYS: Final = ATTRIBUTES.FIXED_TPM | ATTRIBUTES.FIXED_PARENT | ATTRIBUTES.SENSITIVE_DATA_ORIGIN
_BY_OTHERS: Final = frozenset({AttestationType.BASIC, AttestationType.ATT_CA})


class _ClientData(msgspec.Struct, frozen=True):
    type: str
    challenge: str
    origin: str
    crossOrigin: bool = False  # noqa: N815 its name in WebAuthn section 5.8.1


class Authenticators:
    """Verifies what authenticators show to one gateway."""

    def __init__(self, issuer: str) -> None:
        """`issuer` is the gateway's; its host is the relying party id."""
        parts = urlsplit(issuer)
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self._party = hashlib.sha256((parts.hostname or "").encode()).digest()

    def key(self, shown: Authenticated, roots: Roots, wanted: bytes, now_ms: int) -> HardwareKey:
        """The key that was attested, and that signed this challenge now. Raises NotAttested."""
        cose, result = self._attested(shown)
        if result.attestation_type not in _BY_OTHERS:
            raise NotAttested("the key vouches for itself")
        roots.verify(result.trust_path, now_ms)
        client_data = octets(shown.client_data)
        self._asked(client_data, wanted)
        try:
            data = AuthenticatorData(octets(shown.authenticator_data))
            self._ours(data)
            cose.verify(data + hashlib.sha256(client_data).digest(), octets(shown.signature))
            return _public(cose)
        except (InvalidSignature, ValueError, KeyError, TypeError):
            raise NotAttested("the key did not sign the challenge") from None

    def _attested(self, shown: Authenticated) -> tuple[CoseKey, AttestationResult]:
        """The key that an authenticator attested, and who says so, by what certificates."""
        client_hash = hashlib.sha256(octets(shown.attestation_client_data)).digest()
        statement = octets(shown.attestation_object)
        try:
            made = AttestationObject(statement)
            cose = self._known(made)
            verifier = _STATEMENTS[made.fmt]()
            return cose, verifier.verify(made.att_stmt, made.auth_data, client_hash)
        except NotAttested:
            raise
        except InvalidAttestation as error:
            raise NotAttested(f"the attestation does not hold: {type(error).__name__}") from None
        except Exception as error:  # noqa: BLE001 whatever a parser of foreign bytes raises
            raise NotAttested(f"the attestation makes no sense: {type(error).__name__}") from None

    def _known(self, made: AttestationObject) -> CoseKey:
        attested = made.auth_data.credential_data
        if made.fmt not in _STATEMENTS or attested is None:
            raise NotAttested("the attestation is of a format that is not taken here")
        cose = CoseKey.parse(attested.public_key)
        if made.att_stmt["alg"] not in _ALGORITHMS or cose[3] not in _ALGORITHMS:
            raise NotAttested("the attestation is by an algorithm that is not taken here")
        if made.fmt == "tpm":
            attributes = TpmPublicFormat.parse(made.att_stmt["pubArea"]).attributes
            if attributes & _STAYS != _STAYS:
                raise NotAttested("the key may be moved to another TPM, or came from elsewhere")
        self._ours(made.auth_data)
        return cose

    def _ours(self, data: AuthenticatorData) -> None:
        """Made for this gateway, and not to be copied to other devices."""
        if data.rp_id_hash != self._party:
            raise NotAttested("the key was made for somebody else")
        if data.is_backup_eligible():
            raise NotAttested("the key may be copied to other devices")

    def _asked(self, client_data: bytes, wanted: bytes) -> None:
        try:
            said = msgspec.convert(
                strictjson.loads(client_data, max_depth=8, max_bytes=MAX_BYTES), _ClientData
            )
        except (strictjson.StrictJSONError, msgspec.ValidationError):
            raise NotAttested("the client data makes no sense") from None
        if said.type != "webauthn.get" or said.crossOrigin or said.origin != self._origin:
            raise NotAttested("the assertion was made for something else")
        if said.challenge != encode(wanted):
            raise NotAttested("the assertion is for another challenge")


def _public(cose: Mapping[int, Any]) -> HardwareKey:
    """The key of a COSE_Key (RFC 9053 section 7, RFC 8230). Raises ValueError, KeyError."""
    match cose[1]:
        case 1:
            return Ed25519PublicKey.from_public_bytes(cose[-2])
        case 2:
            curve = {1: SECP256R1(), 2: SECP384R1()}[cose[-1]]
            return EllipticCurvePublicKey.from_encoded_point(curve, b"\4" + cose[-2] + cose[-3])
        case 3:
            modulus, exponent = int.from_bytes(cose[-1]), int.from_bytes(cose[-2])
            return RSAPublicNumbers(exponent, modulus).public_key()
        case _:
            raise ValueError("another kind of key")
