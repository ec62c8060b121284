from __future__ import annotations

import pytest

from safeconduct.identity.nonces import Nonces
from safeconduct.kit.jwk import decode, encode

NOW = 1_790_000_000_000


def test_a_nonce_holds_for_its_lifetime() -> None:
    nonces = Nonces(lifetime_ms=1000)
    nonce = nonces.issue(NOW)
    assert [nonces.holds(nonce, NOW + ms) for ms in (-1, 0, 999, 1000)] == [
        False, True, True, False,
    ]  # fmt: skip


def test_no_two_are_alike() -> None:
    nonces = Nonces()
    assert len({nonces.issue(NOW) for _ in range(100)}) == 100


def test_it_may_stand_in_a_header() -> None:
    nonce = Nonces().issue(NOW)
    assert nonce.isascii()
    assert nonce.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("place", [0, 20, 39])
def test_a_changed_one_is_not_ours(place: int) -> None:
    nonces = Nonces()
    data = bytearray(decode(nonces.issue(NOW)))
    data[place] ^= 1
    assert not nonces.holds(encode(bytes(data)), NOW)


@pytest.mark.parametrize("text", ["", "A", "AAAA", "=", "ä", "A" * 200])
def test_what_is_no_nonce(text: str) -> None:
    assert not Nonces().holds(text, NOW)


def test_another_process_does_not_know_it() -> None:
    assert not Nonces().holds(Nonces().issue(NOW), NOW)
