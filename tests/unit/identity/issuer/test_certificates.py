"""X.509 as the X509-SVID specification demands it, held against a verifier and a TLS stack."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import ExtendedKeyUsageOID
from cryptography.x509.verification import PolicyBuilder, Store, VerificationError

from safeconduct.identity.issuer import certificates
from safeconduct.kit.jwk import PrivateKey
from tests.support.svids import COPILOT, DOMAIN, HOUR_MS, NOW_MS

DAY_MS = 24 * HOUR_MS


class Authority:
    def __init__(self, now_ms: int = NOW_MS) -> None:
        self.key = certificates.signer(PrivateKey.generate())
        self.certificate = x509.load_der_x509_certificate(
            certificates.authority(DOMAIN, self.key, now_ms, now_ms + DAY_MS)
        )

    def svid(
        self, key: EllipticCurvePrivateKey, now_ms: int = NOW_MS, spiffe_id: str = COPILOT
    ) -> x509.Certificate:
        return x509.load_der_x509_certificate(
            certificates.svid(
                spiffe_id,
                key.public_key(),
                authority=self.certificate,
                key=self.key,
                now_ms=now_ms,
                end_ms=now_ms + HOUR_MS,
            )
        )


@pytest.fixture
def authority() -> Authority:
    return Authority()


@pytest.fixture
def key() -> EllipticCurvePrivateKey:
    return ec.generate_private_key(ec.SECP256R1())


def ids(certificate: x509.Certificate) -> list[str]:
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName)
    assert len(list(names.value)) == 1
    return names.value.get_values_for_type(x509.UniformResourceIdentifier)


def test_an_authority_signs_certificates_and_nothing_else(authority: Authority) -> None:
    assert ids(authority.certificate) == [f"spiffe://{DOMAIN}"]
    constraints = authority.certificate.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value) == (True, x509.BasicConstraints(True, 0))
    usage = authority.certificate.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.key_cert_sign
    assert not usage.value.digital_signature


def test_an_svid_names_its_agent_and_nobody_else(
    authority: Authority, key: EllipticCurvePrivateKey
) -> None:
    svid = authority.svid(key)
    assert ids(svid) == [COPILOT]
    assert svid.subject == x509.Name([])
    constraints = svid.extensions.get_extension_for_class(x509.BasicConstraints)
    assert (constraints.critical, constraints.value.ca) == (True, False)
    usage = svid.extensions.get_extension_for_class(x509.KeyUsage)
    assert usage.critical
    assert usage.value.digital_signature
    assert not usage.value.key_cert_sign
    assert not usage.value.crl_sign
    extended = svid.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value
    assert set(extended) == {ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH}


def test_it_is_good_from_a_little_before_to_its_end(
    authority: Authority, key: EllipticCurvePrivateKey
) -> None:
    svid = authority.svid(key)
    made = datetime.fromtimestamp(NOW_MS // 1000, UTC)
    assert (made - svid.not_valid_before_utc).total_seconds() == 60
    assert (svid.not_valid_after_utc - made).total_seconds() == 3600


def test_an_agent_brings_whatever_key_it_has(authority: Authority) -> None:
    key = ed25519.Ed25519PrivateKey.generate().public_key()
    made = certificates.svid(
        COPILOT,
        key,
        authority=authority.certificate,
        key=authority.key,
        now_ms=NOW_MS,
        end_ms=NOW_MS + HOUR_MS,
    )
    assert x509.load_der_x509_certificate(made).public_key() == key


def test_only_a_key_on_a_curve_signs() -> None:
    key = PrivateKey.parse(
        {
            "kty": "OKP",
            "crv": "Ed25519",
            "d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo",
        }
    )
    with pytest.raises(ValueError, match="not an EC key"):
        certificates.signer(key)


@pytest.mark.parametrize("other", [False, True])
def test_a_strict_verifier_follows_it_to_its_own_authority(
    authority: Authority, key: EllipticCurvePrivateKey, other: bool
) -> None:
    trusted = Authority().certificate if other else authority.certificate
    verifier = (
        PolicyBuilder()
        .store(Store([trusted]))
        .time(datetime.fromtimestamp(NOW_MS // 1000, UTC))
        .build_client_verifier()
    )
    if other:
        with pytest.raises(VerificationError):
            verifier.verify(authority.svid(key), [])
        return
    verified = verifier.verify(authority.svid(key), [])
    assert verified.subjects is not None
    assert [one.value for one in verified.subjects] == [COPILOT]


def test_tls_accepts_it_on_both_sides(key: EllipticCurvePrivateKey, tmp_path: Path) -> None:
    now_ms = int(datetime.now(UTC).timestamp() * 1000)
    authority = Authority(now_ms)
    chain = tmp_path / "svid.pem"
    chain.write_bytes(
        authority.svid(key, now_ms).public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    bundle = authority.certificate.public_bytes(Encoding.PEM).decode()

    def context(protocol: int) -> ssl.SSLContext:
        made = ssl.SSLContext(protocol)
        made.check_hostname = False  # SPIFFE names are compared after the handshake
        made.verify_mode = ssl.CERT_REQUIRED
        made.verify_flags |= ssl.VERIFY_X509_STRICT
        made.load_verify_locations(cadata=bundle)
        made.load_cert_chain(chain)
        return made

    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = context(ssl.PROTOCOL_TLS_CLIENT).wrap_bio(to_client, to_server)
    server = context(ssl.PROTOCOL_TLS_SERVER).wrap_bio(to_server, to_client, server_side=True)
    shaken = set[ssl.SSLObject]()
    while len(shaken) < 2:
        for side in (client, server):
            try:
                side.do_handshake()
                shaken.add(side)
            except ssl.SSLWantReadError:
                continue
    for side in (client, server):
        peer = side.getpeercert()
        assert peer is not None
        assert peer["subjectAltName"] == (("URI", COPILOT),)
