from __future__ import annotations

from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from safeconduct.identity.issuer.authority import Authority
from safeconduct.identity.issuer.own import own_svid
from safeconduct.identity.issuer.rotation import Times
from safeconduct.kit.certificate import UnusableCertificate

NOW_MS = 1_790_000_000_000
GATEWAY = "spiffe://crm.example/gateway"
HOUR_MS = 3_600_000


class Clock:
    now_ms = NOW_MS

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    times = Times(x509_ms=HOUR_MS, jwt_ms=300_000, key_ms=24 * HOUR_MS)
    return Authority("crm.example", tmp_path / "keys", tmp_path / "bundle.json", times)


def test_a_gateway_has_a_name_of_its_own_and_a_key_for_it(authority: Authority) -> None:
    pem = own_svid(authority, GATEWAY, Clock())()
    leaf, key = x509.load_pem_x509_certificate(pem), load_pem_private_key(pem, None)
    names = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert names.get_values_for_type(x509.UniformResourceIdentifier) == [GATEWAY]
    assert isinstance(key, EllipticCurvePrivateKey)
    assert key.public_key() == leaf.public_key()


def test_it_is_made_anew_when_half_of_its_time_is_over(authority: Authority) -> None:
    clock = Clock()
    svid = own_svid(authority, GATEWAY, clock)
    first = svid()
    clock.now_ms += HOUR_MS // 2 - 1
    assert svid() == first
    clock.now_ms += 1
    second = svid()
    assert second != first
    assert second == svid()
    # By a clock that went back a little it was not made yet.
    clock.now_ms -= 1000
    assert svid() not in {first, second}


def test_what_cannot_be_made_is_said_until_it_can(authority: Authority) -> None:
    clock = Clock()
    svid = own_svid(authority, GATEWAY, clock)
    first = svid()
    clock.now_ms -= HOUR_MS
    for _ in range(2):
        with pytest.raises(UnusableCertificate, match=r"gateway\.tls\.svid: the clock went back"):
            svid()
    clock.now_ms += HOUR_MS
    assert svid() == first
