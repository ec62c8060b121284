"""The issuer's keys change, and the gateway that reads them refuses no valid SVID for it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from safeconduct.identity.bundles import open_bundles
from safeconduct.identity.issuer.authority import own_authorities
from safeconduct.identity.svid import Svids
from safeconduct.identity.x509 import Certificates
from safeconduct.kit.certificate import Certificate
from safeconduct.ports import Unauthenticated
from tests.support.svids import COPILOT, DOMAIN, HOUR_MS, ISSUER, MINUTE_MS, NOW_MS, config

KEY = ec.generate_private_key(ec.SECP256R1()).public_key()


@settings(max_examples=10)
@given(steps=st.lists(st.integers(1, 15 * HOUR_MS), min_size=1, max_size=15))
async def test_through_every_change_of_keys_svids_hold_until_their_end(steps: list[int]) -> None:
    with tempfile.TemporaryDirectory() as directory:
        loaded = config(Path(directory) / "gateway")
        strict = replace(
            loaded,
            root=replace(
                loaded.root, gateway=replace(loaded.root.gateway, unsafe_dev_identity=False)
            ),
        )
        authority = own_authorities(strict)[DOMAIN]
        now_ms = NOW_MS
        authority.bundle(now_ms)
        bundles = open_bundles(strict)
        by_token, by_certificate = Svids(strict, bundles), Certificates(bundles)
        for step in steps:
            now_ms += step
            token = authority.jwt_svid(COPILOT, [ISSUER], now_ms)
            chain = Certificate.read(authority.x509_svid(COPILOT, KEY, now_ms))
            assert (await by_token.verify(token, now_ms)).id == COPILOT
            assert (await by_certificate.verify(chain, now_ms)).id == COPILOT
            # Somebody makes the keys that are due meanwhile.
            authority.bundle(now_ms + 5 * MINUTE_MS - 1000)
            assert (await by_token.verify(token, now_ms + 5 * MINUTE_MS - 1000)).id == COPILOT
            authority.bundle(now_ms + HOUR_MS - 1000)
            assert (await by_certificate.verify(chain, now_ms + HOUR_MS - 1000)).id == COPILOT
            with pytest.raises(Unauthenticated):
                await by_token.verify(token, now_ms + 5 * MINUTE_MS)
            with pytest.raises(Unauthenticated):
                await by_certificate.verify(chain, now_ms + HOUR_MS + 1000)
            now_ms += HOUR_MS


@given(step_ms=st.integers(6_001, 25 * HOUR_MS))
@settings(max_examples=10)
async def test_a_clock_that_was_ahead_extends_nothing(step_ms: int) -> None:
    with tempfile.TemporaryDirectory() as directory:
        loaded = config(Path(directory) / "gateway")
        authority = own_authorities(loaded)[DOMAIN]
        authority.bundle(NOW_MS)
        bundles = open_bundles(loaded)
        token = authority.jwt_svid(COPILOT, [ISSUER], NOW_MS + step_ms)
        chain = Certificate.read(authority.x509_svid(COPILOT, KEY, NOW_MS + step_ms))
        # Back in time, what was made ahead of it is not good yet.
        with pytest.raises(Unauthenticated):
            await Svids(loaded, bundles).verify(token, NOW_MS)
        if step_ms > MINUTE_MS + 1000:
            with pytest.raises(Unauthenticated):
                await Certificates(bundles).verify(chain, NOW_MS)
