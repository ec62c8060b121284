"""The two forms in which a key of hardware is shown, and what both have in common."""

from __future__ import annotations

import hashlib
from typing import Final

import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from safeconduct.identity.attestors.attested import NotAttested
from safeconduct.kit.jwk import JoseError, decode

MAX_BYTES: Final = 32 * 1024

HardwareKey = EllipticCurvePublicKey | Ed25519PublicKey | RSAPublicKey


class Certified(
    msgspec.Struct, frozen=True, tag_field="format", tag="x509", forbid_unknown_fields=True
):
    """A chain of certificates (DER, the key's own first) and a signature over the challenge."""

    maker: str
    nonce: str
    chain: tuple[str, ...]
    signature: str


class Authenticated(
    msgspec.Struct, frozen=True, tag_field="format", tag="webauthn", forbid_unknown_fields=True
):
    """An attestation object with the client data of then, and an assertion of now."""

    maker: str
    nonce: str
    attestation_object: str
    attestation_client_data: str
    authenticator_data: str
    client_data: str
    signature: str


def challenge(nonce: str, key: str) -> bytes:
    """What the hardware signs: `nonce` of ours, `key` the thumbprint of the key to be certified."""
    return hashlib.sha256(f"safeconduct-svid {nonce} {key}".encode()).digest()


def octets(text: str) -> bytes:
    """A member of the evidence that is base64url. Raises NotAttested."""
    if len(text) > MAX_BYTES:
        raise NotAttested("evidence that is too long")
    try:
        return decode(text)
    except JoseError:
        raise NotAttested("evidence that is not base64url") from None
