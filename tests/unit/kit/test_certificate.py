import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ec import (
    SECP384R1,
    EllipticCurvePublicKey,
    generate_private_key,
)
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from joserfc.jwk import ECKey, OKPKey

from safeconduct.kit.certificate import Certificate
from safeconduct.kit.jwk import PublicKey, encode, thumbprint_of
from tests.support.certificates import NOW, Authority

NOW_MS = int(NOW.timestamp()) * 1000

GOOD = Authority("crm.example").der


def test_a_certificate_is_known_by_its_thumbprint_and_lasts_as_long_as_it_says() -> None:
    authority = Authority("crm.example")
    held = authority.svid("spiffe://crm.example/agents/copilot")
    shown = Certificate.read([held.der, authority.der])
    assert shown == Certificate(
        chain=(held.der, authority.der),
        thumbprint=encode(hashlib.sha256(held.der).digest()),
        from_ms=NOW_MS - 3_600_000,
        until_ms=NOW_MS + 3_600_000,
    )


# Version 6, where there are three.
UNKNOWN = GOOD.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", 1)


@pytest.mark.parametrize("chain", [[], [b""], [b"junk"], [GOOD, b"junk"], [GOOD, UNKNOWN]])
def test_what_is_no_certificate_is_not_read(chain: list[bytes]) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Certificate.read(chain)


def test_a_key_is_known_by_the_thumbprint_that_proofs_by_it_have() -> None:
    held = Authority("crm.example").svid("spiffe://crm.example/agents/copilot")
    key = held.key.public_key()
    public = PublicKey.parse(ECKey.import_key(pem(key)).as_dict(private=False))
    assert held.shown.key == thumbprint_of(key) == public.thumbprint
    edwards = Ed25519PrivateKey.generate().public_key()
    public = PublicKey.parse(OKPKey.import_key(pem(edwards)).as_dict(private=False))
    assert thumbprint_of(edwards) == public.thumbprint
    for other in (generate_private_key(SECP384R1()).public_key(), "no key"):
        assert thumbprint_of(other) is None


def pem(key: EllipticCurvePublicKey | Ed25519PublicKey) -> bytes:
    return key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
