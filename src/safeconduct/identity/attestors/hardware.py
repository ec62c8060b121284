"""Keys that cannot leave their hardware, because its maker says so in a certificate.

Two forms of evidence. `x509`: the maker certified the key itself, as it is done for device
identities (IEEE 802.1AR) and for slots of smart cards; the key signs our challenge. `webauthn`: an
authenticator or a TPM attested the key when it was made (WebAuthn section 8.2 `packed`, 8.3 `tpm`);
that statement, which stays as it is, comes along with an assertion over our challenge.

The challenge is a nonce of ours together with the key that the SVID will be for, so neither can be
exchanged on the way. Which very key a workload has is demanded in the configuration: the makers'
other customers have genuine hardware, too.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Final

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from safeconduct.config.schema import Config
from safeconduct.identity.attestors.attested import Attested, NotAttested, Workloads
from safeconduct.identity.attestors.chains import Roots
from safeconduct.identity.attestors.shown import (
    Authenticated,
    Certified,
    HardwareKey,
    challenge,
    octets,
)
from safeconduct.identity.attestors.webauthn import Authenticators
from safeconduct.identity.nonces import Nonces
from safeconduct.identity.replay import Full, Replays

KIND: Final = "hardware"
_CAPACITY: Final = 100_000
_MIN_RSA_BITS: Final = 2048


class HardwareKeys:
    """Attests keys of the configured makers."""

    def __init__(self, config: Config, nonces: Nonces) -> None:
        """Reads the roots. Raises UnusableKeys."""
        directory = Path(config.directory)
        self._authenticators = Authenticators(config.root.gateway.issuer)
        self._roots = {
            name: Roots(directory / maker.roots)
            for name, maker in config.root.attestors.hardware.items()
        }
        self._workloads = Workloads(config, KIND)
        self._nonces = nonces
        self._spent = Replays(keep_ms=nonces.lifetime_ms, capacity=_CAPACITY)
        self._latest_ms = 0

    async def attest(self, evidence: object, key: str, now_ms: int) -> Attested:
        try:
            shown: Certified | Authenticated = msgspec.convert(evidence, Certified | Authenticated)
        except msgspec.ValidationError:
            raise NotAttested("the evidence has neither of the two forms") from None
        roots = self._roots.get(shown.maker)
        if roots is None:
            raise NotAttested("the evidence is of hardware by somebody else")
        if not self._nonces.holds(shown.nonce, now_ms):
            raise NotAttested("the nonce is not one of ours, or is too old")
        wanted = challenge(shown.nonce, key)
        if isinstance(shown, Certified):
            held = certified(shown, roots, wanted, now_ms)
        else:
            held = self._authenticators.key(shown, roots, wanted, now_ms)
        facts = {"maker": shown.maker, "key": hashlib.sha256(_spki(held)).hexdigest()}
        agent = self._workloads.only(facts)
        self._spend(shown.nonce, now_ms)
        return Attested(agent=agent, evidence=hashlib.sha256(shown.nonce.encode()).hexdigest())

    async def keep_up(self) -> None:
        """Nothing is to be done: roots are read at the start."""

    def _spend(self, nonce: str, now_ms: int) -> None:
        self._latest_ms = max(self._latest_ms, now_ms)
        try:
            first = self._spent.spend(nonce, self._latest_ms)
        except Full:
            raise NotAttested("too much evidence at once") from None
        if not first:
            raise NotAttested("the nonce was used before")


def certified(shown: Certified, roots: Roots, wanted: bytes, now_ms: int) -> HardwareKey:
    """The key that a maker certified, and that signed this challenge now. Raises NotAttested."""
    key = roots.verify([octets(one) for one in shown.chain], now_ms)
    if not isinstance(key, HardwareKey):
        raise NotAttested("a key of a kind that is not taken here")
    if not _signed(key, wanted, octets(shown.signature)):
        raise NotAttested("the key did not sign the challenge")
    return key


def _signed(key: HardwareKey, message: bytes, signature: bytes) -> bool:
    try:
        if isinstance(key, EllipticCurvePublicKey):
            key.verify(signature, message, ECDSA(SHA256()))
        elif isinstance(key, Ed25519PublicKey):
            key.verify(signature, message)
        else:
            key.verify(signature, message, PKCS1v15(), SHA256())
    except InvalidSignature:
        return False
    return True


def _spki(key: HardwareKey) -> bytes:
    if isinstance(key, RSAPublicKey) and key.key_size < _MIN_RSA_BITS:
        raise NotAttested("an RSA key of fewer than 2048 bits")
    return key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
