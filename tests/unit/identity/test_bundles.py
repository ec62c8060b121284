from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding
from msgspec.structs import replace

from safeconduct.config.schema import Config
from safeconduct.config.trust import Trust
from safeconduct.identity.bundles import Bundle, open_bundles
from safeconduct.identity.keys import UnusableKeys
from safeconduct.kit.jwk import PrivateKey
from tests.support.parties import configuration
from tests.support.publishers import KEYS, publishing

JWT: Final = PrivateKey.generate().public
DOMAIN: Final = "crm.example"


def authority() -> x509.Certificate:
    """A certificate that signs itself, as an authority of a trust domain does."""
    key = generate_private_key(SECP256R1())
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(days=1))
        .sign(key, SHA256())
    )


AUTHORITY: Final = authority()


def entry(*certificates: x509.Certificate, **members: object) -> dict[str, Any]:
    chain = [base64.b64encode(one.public_bytes(Encoding.DER)).decode() for one in certificates]
    return {"kty": "EC", "crv": "P-384", "use": "x509-svid", "x5c": chain, **members}


def document(*entries: object) -> bytes:
    return orjson.dumps({"spiffe_sequence": 3, "spiffe_refresh_hint": 60, "keys": entries})


def believing(tmp_path: Path, trust: Trust) -> Config:
    config = configuration(tmp_path)
    return replace(config, root=replace(config.root, trust={DOMAIN: trust}))


async def opened(tmp_path: Path, data: bytes, *, bundle: bool = True) -> Bundle | None:
    (tmp_path / "b.json").write_bytes(data)
    trust = Trust(bundle="b.json") if bundle else Trust(jwks="b.json")
    return await open_bundles(believing(tmp_path, trust))[DOMAIN].current(None)


async def test_a_bundle_has_keys_and_authorities(tmp_path: Path) -> None:
    found = await opened(tmp_path, document(JWT.jwk(use="jwt-svid"), entry(AUTHORITY)))
    assert found is not None
    assert list(found.keys) == [JWT.kid]
    assert found.x509 == (AUTHORITY,)


async def test_a_bundle_may_have_either(tmp_path: Path) -> None:
    keys = await opened(tmp_path, document(JWT.jwk(use="jwt-svid")))
    authorities = await opened(tmp_path, document(entry(AUTHORITY)))
    assert keys is not None
    assert authorities is not None
    assert (list(keys.keys), keys.x509) == ([JWT.kid], ())
    assert (list(authorities.keys), authorities.x509) == ([], (AUTHORITY,))
    with pytest.raises(UnusableKeys):
        await opened(tmp_path, document(entry(AUTHORITY)), bundle=False)


async def test_a_key_without_use_is_for_nothing(tmp_path: Path) -> None:
    found = await opened(tmp_path, document(JWT.jwk(), JWT.jwk(use="sig")))
    assert found == Bundle({}, refresh_s=60)


# Version 6, where there are three.
UNKNOWN = AUTHORITY.public_bytes(Encoding.DER).replace(
    b"\xa0\x03\x02\x01\x02", b"\xa0\x03\x02\x01\x05", 1
)


@pytest.mark.parametrize(
    "bad",
    [
        entry(AUTHORITY, x5c=[base64.b64encode(UNKNOWN).decode()]),
        entry(),
        entry(AUTHORITY, AUTHORITY),
        entry(AUTHORITY, x5c=None),
        entry(AUTHORITY, x5c="AAAA"),
        entry(AUTHORITY, x5c=["AAAA"]),
        entry(AUTHORITY, x5c=["not base64"]),
        entry(AUTHORITY, x5c=[7]),
    ],
)
async def test_an_authority_is_one_certificate(tmp_path: Path, bad: dict[str, Any]) -> None:
    with pytest.raises(UnusableKeys, match="exactly one certificate"):
        await opened(tmp_path, document(JWT.jwk(use="jwt-svid"), bad))


@pytest.mark.parametrize("data", [b"", b"[]", b"{}", b'{"keys": null}', b'{"keys": {}}'])
async def test_what_is_no_bundle(tmp_path: Path, data: bytes) -> None:
    with pytest.raises(UnusableKeys):
        await opened(tmp_path, data)


async def test_entries_that_are_no_objects_are_none(tmp_path: Path) -> None:
    found = await opened(tmp_path, document("key", 7, JWT.jwk(use="jwt-svid")))
    assert found == Bundle({JWT.kid: replace(JWT, use="jwt-svid")}, refresh_s=60)


async def test_a_federated_bundle_is_fetched(tmp_path: Path) -> None:
    async with publishing() as partner:
        partner.documents[KEYS] = document(JWT.jwk(use="jwt-svid"), entry(AUTHORITY))
        trust = Trust(bundle=partner.url + KEYS)
        found = await open_bundles(believing(tmp_path, trust))[DOMAIN].current(JWT.kid)
        assert found is not None
        assert (list(found.keys), found.x509) == ([JWT.kid], (AUTHORITY,))


@pytest.mark.parametrize(("hint", "kept"), [(90, 90), (0, None), (-5, None), ("90", None)])
async def test_a_bundle_says_how_often_to_ask(tmp_path: Path, hint: object, kept: int) -> None:
    found = await opened(tmp_path, orjson.dumps({"keys": [], "spiffe_refresh_hint": hint}))
    assert found == Bundle({}, refresh_s=kept)
