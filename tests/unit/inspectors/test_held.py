from __future__ import annotations

import base64

import pytest

from safeconduct.core.model import KEY, Finding
from safeconduct.inspectors.held import KIND, MAX_HELD, HeldSecrets

SECRET = 'pass"word\\no shape'.replace(" ", "_")


def holding(*values: str) -> HeldSecrets:
    held = HeldSecrets()
    for value in values:
        held.note(value)
    return held


def test_a_credential_is_found_wherever_it_stands() -> None:
    held = holding(f"Bearer {SECRET}")
    end = len(SECRET)
    value = {"a": [f"x {SECRET} {SECRET}"], SECRET: 1, "b": "Bearer"}
    assert held.inspect(value) == (
        Finding(KIND, ("a", 0), 2, 2 + end),
        Finding(KIND, ("a", 0), 3 + end, 3 + 2 * end),
        Finding(KIND, (SECRET, KEY), 0, end),
    )
    assert held.inspect({"b": SECRET[:-1]}) == ()
    assert HeldSecrets().inspect(value) == ()


@pytest.mark.parametrize(
    "form",
    [
        base64.b64encode(SECRET.encode()).decode(),
        base64.urlsafe_b64encode(SECRET.encode()).decode().rstrip("="),
        SECRET.encode().hex(),
    ],
)
def test_it_is_found_in_other_forms(form: str) -> None:
    assert holding(SECRET).inspect([form])


def test_of_basic_authentication_the_password_is_known() -> None:
    pair = base64.b64encode(f"gateway:{SECRET}".encode()).decode()
    held = holding(
        f"Basic {pair}", "Basic !!!", "Basic " + base64.b64encode(b"\xff\xfe" * 9).decode()
    )
    assert held.inspect([SECRET])
    assert held.inspect([pair])
    assert not held.inspect(["gateway"])


def test_what_is_short_is_not_looked_for() -> None:
    assert holding("Bearer 1234567", "").inspect(["1234567 Bearer"]) == ()


def test_the_last_used_are_known() -> None:
    secrets = [f"secret-number-{number}" for number in range(MAX_HELD + 1)]
    held = holding(*secrets[:MAX_HELD])
    held.note(secrets[0])
    held.note(secrets[MAX_HELD])
    assert [bool(held.inspect([secret])) for secret in secrets[:3]] == [True, False, True]
    assert held.inspect([secrets[MAX_HELD]])


@pytest.mark.parametrize("length", [8, 15, 16, 22, 23, 24, 64])
def test_it_is_found_at_every_offset_and_only_whole(length: int) -> None:
    secret = "".join(chr(ord("A") + number % 57) for number in range(length))
    held = holding(secret)
    for before in range(17):
        for after in range(17):
            assert len(held.inspect("-" * before + secret + "-" * after)) == 1
            assert not held.inspect("-" * before + secret[1:] + "-" * after)
            assert not held.inspect("-" * before + secret[:-1] + "-" * after)


def test_what_cannot_be_written_is_searched_all_the_same() -> None:
    assert holding(SECRET).inspect([f"\ud800 {SECRET}"])
