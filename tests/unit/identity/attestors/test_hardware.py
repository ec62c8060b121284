"""Keys in hardware: certificates, authenticators and TPMs, genuine and otherwise."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding

from safeconduct.identity.attestors.chains import Roots
from safeconduct.identity.keys import UnusableKeys
from safeconduct.kit.jwk import PrivateKey, encode
from safeconduct.ports import TokenRefused
from tests.support.attesting import CLERK, Attesting, configured
from tests.support.hardware import (
    BACKUP,
    DAY,
    UP,
    Authenticator,
    DeviceKey,
    Maker,
    certified,
    ec_key,
    pin,
    weak_key,
)
from tests.support.worlds import AGENT

KIND = "hardware"


def world(directory: Path, maker: Maker, key: DeviceKey) -> Attesting:
    config = configured(
        directory,
        {KIND: {"maker": {"roots": maker.write(directory)}}},
        {AGENT: {KIND: {"maker": "maker", "key": pin(key)}}},
    )
    return Attesting(config)


def fresh(attesting: Attesting) -> tuple[str, str]:
    """A nonce, and the thumbprint of the key that the SVID will be for."""
    return attesting.page.nonce(), attesting.key.public.thumbprint


async def refused(world: Attesting, evidence: object, why: str, **more: Any) -> None:
    with pytest.raises(TokenRefused) as raised:
        await world.show(KIND, evidence, **more)
    assert raised.value.error == "invalid_grant"
    assert why in world.why


# --- certified keys -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        ec_key,
        Ed25519PrivateKey.generate,
        lambda: rsa.generate_private_key(65537, 2048),
        lambda: ec.generate_private_key(ec.SECP384R1()),
    ],
    ids=["p256", "ed25519", "rsa", "p384"],
)
async def test_a_key_that_its_maker_certified(
    tmp_path: Path, make: Callable[[], DeviceKey]
) -> None:
    maker, key = Maker(), make()
    attesting = world(tmp_path, maker, key)
    shown = certified(maker.chain(key), key, *fresh(attesting))
    assert (await attesting.show(KIND, shown))["spiffe_id"] == AGENT


async def test_another_genuine_key_of_the_maker(tmp_path: Path) -> None:
    maker, key = Maker(), ec_key()
    attesting = world(tmp_path, maker, ec_key())
    shown = certified(maker.chain(key), key, *fresh(attesting))
    await refused(attesting, shown, "stands for no workload")


async def test_a_chain_to_another_root(tmp_path: Path) -> None:
    maker, key = Maker(), ec_key()
    attesting = world(tmp_path, maker, key)
    for chain in (Maker().chain(key), maker.chain(key)[:1]):
        shown = certified(chain, key, *fresh(attesting))
        await refused(attesting, shown, "lead to no root")


async def test_the_own_root_of_the_sender_in_the_chain(tmp_path: Path) -> None:
    other, key = Maker(), ec_key()
    attesting = world(tmp_path, Maker(), key)
    chain = [*other.chain(key), other.root.public_bytes(Encoding.DER)]
    await refused(attesting, certified(chain, key, *fresh(attesting)), "lead to no root")


NO_SIGNING = x509.KeyUsage(
    digital_signature=True,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=False,
    crl_sign=False,
    encipher_only=False,
    decipher_only=False,
)
CA = x509.BasicConstraints(ca=True, path_length=None)
NO_CA = x509.BasicConstraints(ca=False, path_length=None)


@pytest.mark.parametrize(
    "maker",
    [
        {"authority": [NO_CA]},
        {"authority": []},
        {"authority": [CA, NO_SIGNING]},
        {"ends": -DAY},
        {"root_ends": -DAY},
        {"root": [x509.BasicConstraints(ca=True, path_length=0)]},
    ],
    ids=["ca-false", "no-constraints", "no-signing", "expired", "root-expired", "too-long"],
)
async def test_an_authority_that_is_none(tmp_path: Path, maker: dict[str, Any]) -> None:
    made, key = Maker(**maker), ec_key()
    attesting = world(tmp_path, made, key)
    shown = certified(made.chain(key), key, *fresh(attesting))
    await refused(attesting, shown, "lead to no root")


@pytest.mark.parametrize(
    "device",
    [{"ends": -DAY}, {"extensions": [CA]}],
    ids=["expired", "authority"],
)
async def test_a_device_that_is_none(tmp_path: Path, device: dict[str, Any]) -> None:
    maker, key = Maker(), ec_key()
    attesting = world(tmp_path, maker, key)
    shown = certified(maker.chain(key, **device), key, *fresh(attesting))
    await refused(attesting, shown, "lead to no root")
    assert "Device 1" not in attesting.why, "it quotes nothing that was sent"


async def test_a_device_whose_certificate_says_nothing_of_authorities(tmp_path: Path) -> None:
    maker, key = Maker(), ec_key()
    attesting = world(tmp_path, maker, key)
    shown = certified(maker.chain(key, extensions=[]), key, *fresh(attesting))
    await attesting.show(KIND, shown)


async def test_a_stolen_certificate_without_its_key(tmp_path: Path) -> None:
    maker, key = Maker(), ec_key()
    attesting = world(tmp_path, maker, key)
    shown = certified(maker.chain(key), ec_key(), *fresh(attesting))
    await refused(attesting, shown, "did not sign")


async def test_a_signature_for_another_key(tmp_path: Path) -> None:
    """Whoever sits on the way cannot get an SVID for a key of their own."""
    maker, key = Maker(), ec_key()
    attesting = world(tmp_path, maker, key)
    shown = certified(maker.chain(key), key, *fresh(attesting))
    await refused(attesting, shown, "did not sign", key=PrivateKey.generate())


async def test_a_weak_key(tmp_path: Path) -> None:
    maker, key = Maker(), weak_key()
    attesting = world(tmp_path, maker, key)
    shown = certified(maker.chain(key), key, *fresh(attesting))
    await refused(attesting, shown, "fewer than 2048 bits")
    device = Authenticator(maker, key=key)
    await refused(attesting, device.show(*fresh(attesting)), "fewer than 2048 bits")


async def test_a_key_that_cannot_sign(tmp_path: Path) -> None:
    maker, key = Maker(), ec_key()
    attesting = world(tmp_path, maker, key)
    chain = maker.chain(X25519PrivateKey.generate())  # type: ignore[arg-type]  # a key that cannot sign
    await refused(attesting, certified(chain, key, *fresh(attesting)), "a kind that is not taken")


# --- nonces ---------------------------------------------------------------------------------------


async def test_a_nonce_is_used_once(tmp_path: Path) -> None:
    maker, key = Maker(), ec_key()
    attesting = world(tmp_path, maker, key)
    shown = certified(maker.chain(key), key, *fresh(attesting))
    await attesting.show(KIND, shown)
    await refused(attesting, shown, "used before")


async def test_a_nonce_lasts_two_minutes(tmp_path: Path) -> None:
    maker, key = Maker(), ec_key()
    attesting = world(tmp_path, maker, key)
    shown = certified(maker.chain(key), key, *fresh(attesting))
    attesting.now_ms += 120_000
    await refused(attesting, shown, "too old")


@pytest.mark.parametrize("nonce", ["", "x", "A" * 54, encode(bytes(40))])
async def test_a_nonce_that_is_not_ours(tmp_path: Path, nonce: str) -> None:
    maker, key = Maker(), ec_key()
    attesting = world(tmp_path, maker, key)
    shown = certified(maker.chain(key), key, nonce, attesting.key.public.thumbprint)
    await refused(attesting, shown, "not one of ours")


# --- authenticators and TPMs ----------------------------------------------------------------------


@pytest.mark.parametrize("tpm", [False, True])
async def test_a_key_of_an_authenticator(tmp_path: Path, *, tpm: bool) -> None:
    maker = Maker()
    device = Authenticator(maker, tpm=tpm)
    attesting = world(tmp_path, maker, device.key)
    for _ in range(2):
        issued = await attesting.show(KIND, device.show(*fresh(attesting)))
        assert issued["spiffe_id"] == AGENT


@pytest.mark.parametrize(
    "make", [Ed25519PrivateKey.generate, lambda: rsa.generate_private_key(65537, 2048)]
)
async def test_other_kinds_of_keys(tmp_path: Path, make: Callable[[], DeviceKey]) -> None:
    maker = Maker()
    device = Authenticator(maker, key=make())
    attesting = world(tmp_path, maker, device.key)
    await attesting.show(KIND, device.show(*fresh(attesting)))


@pytest.mark.parametrize("tpm", [False, True])
async def test_an_authenticator_of_another_maker(tmp_path: Path, *, tpm: bool) -> None:
    device = Authenticator(Maker(), tpm=tpm)
    attesting = world(tmp_path, Maker(), device.key)
    await refused(attesting, device.show(*fresh(attesting)), "lead to no root")


@pytest.mark.parametrize(
    ("device", "why"),
    [
        ({"chain": []}, "vouches for itself"),
        ({"fmt": "none"}, "a format that is not taken"),
        ({"fmt": "fido-u2f"}, "a format that is not taken"),
        ({"fmt": "android-key"}, "a format that is not taken"),
        ({"fmt": "tpm"}, "makes no sense"),
        ({"party": bytes(32)}, "made for somebody else"),
        ({"flags": UP | BACKUP}, "copied to other devices"),
        ({"algorithm": -65535}, "an algorithm that is not taken"),
        ({"statement": lambda given: given | {"alg": -65535}}, "an algorithm that is not taken"),
        ({"statement": lambda given: given | {"sig": b"x"}}, "does not hold"),
        ({"statement": lambda given: {"alg": -7}}, "does not hold"),
        ({"statement": lambda given: {}}, "makes no sense"),
        ({"statement": lambda given: given | {"x5c": [b"x"]}}, "does not hold"),
        ({"statement": lambda given: given | {"ecdaaKeyId": b"x"}}, "makes no sense"),
        ({"tpm": True, "attributes": 0x0004_0040}, "moved to another TPM"),
        ({"tpm": True, "attributes": 0x0004_0052}, "came from elsewhere"),
        ({"tpm": True, "statement": lambda given: given | {"certInfo": b"x"}}, "does not hold"),
    ],
)
async def test_attestations_that_are_none(tmp_path: Path, device: dict[str, Any], why: str) -> None:
    maker = Maker()
    made = Authenticator(maker, **device)
    attesting = world(tmp_path, maker, made.key)
    await refused(attesting, made.show(*fresh(attesting)), why)


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"client_data": {"type": "webauthn.create"}}, "something else"),
        ({"client_data": {"origin": "https://evil.example"}}, "something else"),
        ({"client_data": {"crossOrigin": True}}, "something else"),
        ({"client_data": {"challenge": "AAAA"}}, "another challenge"),
        ({"client_data": {"challenge": None}}, "makes no sense"),
        ({"party": bytes(32)}, "made for somebody else"),
        ({"flags": UP | BACKUP}, "copied to other devices"),
        ({"signature": "AAAA"}, "did not sign"),
        ({"authenticator_data": "AAAA"}, "did not sign"),
        ({"attestation_object": "AAAA"}, "makes no sense"),
        ({"attestation_client_data": "AAAA"}, "does not hold"),
        ({"signature": "="}, "not base64url"),
        ({"signature": "A" * 40_000}, "too long"),
        ({"maker": "other"}, "by somebody else"),
        ({"more": 1}, "neither of the two forms"),
        ({"format": "u2f"}, "neither of the two forms"),
    ],
)
async def test_assertions_that_are_none(tmp_path: Path, change: dict[str, Any], why: str) -> None:
    maker = Maker()
    device = Authenticator(maker)
    attesting = world(tmp_path, maker, device.key)
    await refused(attesting, device.show(*fresh(attesting), **change), why)


async def test_an_assertion_for_another_key(tmp_path: Path) -> None:
    maker = Maker()
    device = Authenticator(maker)
    attesting = world(tmp_path, maker, device.key)
    shown = device.show(*fresh(attesting))
    await refused(attesting, shown, "another challenge", key=PrivateKey.generate())


async def test_one_key_s_attestation_with_another_s_assertion(tmp_path: Path) -> None:
    maker = Maker()
    good, bad = Authenticator(maker), Authenticator(maker)
    attesting = world(tmp_path, maker, good.key)
    nonce, thumbprint = fresh(attesting)
    theirs = good.show(nonce, thumbprint)
    shown = bad.show(
        nonce,
        thumbprint,
        attestation_object=theirs["attestation_object"],
        attestation_client_data=theirs["attestation_client_data"],
    )
    await refused(attesting, shown, "did not sign")


@pytest.mark.parametrize("evidence", ["x", {}, {"format": "x509"}])
async def test_what_has_no_form(tmp_path: Path, evidence: object) -> None:
    attesting = world(tmp_path, Maker(), ec_key())
    await refused(attesting, evidence, "neither of the two forms")


async def test_too_many_certificates(tmp_path: Path) -> None:
    maker, key = Maker(), ec_key()
    attesting = world(tmp_path, maker, key)
    for chain in ([], maker.chain(key) * 4):
        shown = certified(chain, key, *fresh(attesting))
        await refused(attesting, shown, f"a chain of {len(chain)} certificates")
    leaf, between = maker.chain(key)
    for strange in (b"x", leaf.replace(b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x0d", 1)):
        shown = certified([strange, between], key, *fresh(attesting))
        await refused(attesting, shown, "lead to no root")


async def test_makers_are_told_apart(tmp_path: Path) -> None:
    """A genuine key of one maker is not the same key by another's word."""
    one, two, key = Maker(), Maker(), ec_key()
    makers = {
        name: {"roots": maker.write(tmp_path, f"{name}.pem")}
        for name, maker in (("one", one), ("two", two))
    }
    workloads = {
        AGENT: {KIND: {"maker": "one", "key": pin(key)}},
        CLERK: {KIND: {"maker": "two", "key": pin(key)}},
    }
    attesting = Attesting(configured(tmp_path, {KIND: makers}, workloads))
    for maker, name, agent in ((one, "one", AGENT), (two, "two", CLERK)):
        shown = certified(maker.chain(key), key, *fresh(attesting), maker=name)
        assert (await attesting.show(KIND, shown))["spiffe_id"] == agent
        wrong = certified(
            maker.chain(key), key, *fresh(attesting), maker="one" if agent == CLERK else "two"
        )
        await refused(attesting, wrong, "lead to no root")


# --- roots ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "why"),
    [(b"", "Unable|no PEM|load"), (b"x", "Unable|no PEM|load")],
)
def test_a_file_of_roots_has_some(tmp_path: Path, content: bytes, why: str) -> None:
    path = tmp_path / "roots.pem"
    path.write_bytes(content)
    with pytest.raises(UnusableKeys, match=why):
        Roots(path)


def test_a_file_of_roots_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UnusableKeys, match="No such file"):
        Roots(tmp_path / "roots.pem")


@pytest.mark.parametrize("extensions", [[NO_CA], []])
def test_a_root_is_an_authority(tmp_path: Path, extensions: list[x509.ExtensionType]) -> None:
    """A device's own certificate as a root would let its key vouch for itself."""
    path = tmp_path / Maker(root=extensions).write(tmp_path)
    with pytest.raises(UnusableKeys, match="not that of an authority"):
        Roots(path)
