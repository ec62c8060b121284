"""The target that reads evidence of hardware: JSON, certificates, and what authenticators and TPMs
write.
"""

from __future__ import annotations

import base64
import hashlib
import re
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import ECDSA, EllipticCurvePublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from safeconduct.identity.attestors.attested import NotAttested
from safeconduct.identity.attestors.chains import Roots
from safeconduct.identity.attestors.hardware import certified
from safeconduct.identity.attestors.shown import Authenticated, Certified, challenge
from safeconduct.identity.attestors.webauthn import Authenticators
from safeconduct.kit import strictjson

HERE: Final = Path(__file__).parent
NOW_MS: Final = 1_795_260_231_000
"""When the certificates of the inputs were good."""

WANTED: Final = challenge("bm9uY2U", "thumbprint")

_ROOTS: Final = Roots(HERE / "evidence.pem")
_AUTHENTICATORS: Final = Authenticators("http://127.0.0.1:8700")
_GENUINE: Final = [
    load_pem_public_key(pem)
    for pem in re.findall(
        rb"-----BEGIN.*?-----END PUBLIC KEY-----", (HERE / "evidence.pub").read_bytes(), re.DOTALL
    )
]


def evidence(data: bytes) -> None:
    """What is accepted was signed for this challenge by one of the keys that the maker knows."""
    try:
        shown: Certified | Authenticated = msgspec.convert(
            strictjson.loads(data), Certified | Authenticated
        )
    except (strictjson.StrictJSONError, msgspec.ValidationError):
        return
    try:
        if isinstance(shown, Certified):
            key = certified(shown, _ROOTS, WANTED, NOW_MS)
        else:
            key = _AUTHENTICATORS.key(shown, _ROOTS, WANTED, NOW_MS)
    except NotAttested:
        return
    assert key in _GENUINE
    assert isinstance(key, EllipticCurvePublicKey)
    key.verify(_octets(shown.signature), _signed(shown), ECDSA(SHA256()))


def _signed(shown: Certified | Authenticated) -> bytes:
    """What the key has to have signed, by another reader than ours."""
    if isinstance(shown, Certified):
        return WANTED
    client_data = _octets(shown.client_data)
    said: Any = orjson.loads(client_data)
    assert _octets(said["challenge"]) == WANTED
    return _octets(shown.authenticator_data) + hashlib.sha256(client_data).digest()


def _octets(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
