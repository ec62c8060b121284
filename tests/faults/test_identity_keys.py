"""Issuers die, talk nonsense, are slow, or change keys under way; files are replaced. The gate
refuses what nobody vouches for any longer, and nothing that is good.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncGenerator
from itertools import pairwise
from pathlib import Path
from typing import Any

import orjson
import pytest
from joserfc.jwk import RSAKey

from safeconduct.config.keys import JwksRef
from safeconduct.config.users import Users
from safeconduct.identity import keys
from safeconduct.identity.keys import signing_keys
from safeconduct.identity.users import UserTokens
from safeconduct.kit import fetch
from safeconduct.ports import Unauthenticated
from tests.support.issuers import claims, issuer, tokens
from tests.support.parties import NOW_MS
from tests.support.publishers import KEYS, METADATA, Publisher, public, publishing, rsa, signed

ONE, TWO = rsa("one"), rsa("two")
HOUR_MS = 3_600_000


class Elapsed:
    """A clock that nobody sets but the test, in place of the machine's."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self, _clock: int) -> float:
        return self.now_s


@pytest.fixture
def elapsed(monkeypatch: pytest.MonkeyPatch) -> Elapsed:
    clock = Elapsed()
    monkeypatch.setattr(time, "clock_gettime", clock)
    monkeypatch.setattr(keys, "GAP_S", 0.0)
    return clock


@pytest.fixture
async def idp() -> AsyncGenerator[Publisher]:
    async with publishing() as served:
        served.publish(public(ONE))
        yield served


@pytest.fixture
def users(tmp_path: Path, idp: Publisher) -> UserTokens:
    return tokens(tmp_path, issuer(idp.url, max_stale_s=600))


async def good(users: UserTokens, token: str) -> bool:
    try:
        await users.verify(token, NOW_MS)
    except Unauthenticated:
        return False
    return True


def flight(users: UserTokens, idp: Publisher, key: RSAKey) -> asyncio.Task[bool]:
    return asyncio.create_task(good(users, signed(key, claims(idp))))


async def test_an_issuer_that_is_dead_when_the_gateway_starts(
    users: UserTokens, idp: Publisher, elapsed: Elapsed
) -> None:
    idp.documents = {METADATA: 503, KEYS: 503}
    token = signed(ONE, claims(idp))
    assert not await good(users, token)
    idp.publish(public(ONE))
    assert not await good(users, token)
    idp.say(METADATA, {"issuer": idp.url, "jwks_uri": idp.url + KEYS})
    assert await good(users, token)


@pytest.mark.parametrize(
    "nonsense",
    [
        503,
        404,
        301,
        b"",
        b"<html>maintenance</html>",
        b'{"keys": [',
        b'{"keys": null}',
        b'{"error": "temporarily_unavailable"}',
        b"\xff\xfe" * 1000,
        b"[" * 100_000,
        b'{"keys": [' + b" " * fetch.MAX_BYTES + b"]}",
    ],
)
@pytest.mark.parametrize("where", [METADATA, KEYS])
async def test_an_issuer_that_dies_or_talks_nonsense(
    users: UserTokens, idp: Publisher, elapsed: Elapsed, where: str, nonsense: bytes | int
) -> None:
    token = signed(ONE, claims(idp))
    assert await good(users, token)
    idp.documents[where] = nonsense
    stranger = signed(TWO, claims(idp))
    for _ in range(6):
        elapsed.now_s += 100
        assert not await good(users, stranger)
        assert await good(users, token)
    elapsed.now_s += 1
    assert not await good(users, token)
    assert not await good(users, token)


async def test_an_issuer_that_never_answers(
    users: UserTokens, idp: Publisher, elapsed: Elapsed, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = signed(ONE, claims(idp))
    assert await good(users, token)
    monkeypatch.setattr(keys, "TIMEOUT_S", 0.05)
    idp.held.clear()
    strangers = [good(users, signed(TWO, claims(idp, jti=str(n)))) for n in range(20)]
    known = [good(users, token) for _ in range(20)]
    assert await asyncio.gather(*known) == [True] * 20
    assert await asyncio.gather(*strangers) == [False] * 20
    idp.held.set()


async def test_keys_that_change_in_mid_flight_refuse_nobody(
    users: UserTokens, idp: Publisher, elapsed: Elapsed
) -> None:
    """Many tokens are under way while the issuer changes its key, with an overlap as issuers should
    have one; in the end without.
    """
    order = [rsa(f"key {number}") for number in range(5)]
    idp.publish(public(order[0]))
    for before, after in pairwise(order):
        flights = [flight(users, idp, before) for _ in range(8)]
        await asyncio.sleep(0)
        idp.publish(public(before), public(after))
        # Published, then used; what the old one signed is still shown.
        flights += [flight(users, idp, key) for key in (before, after) for _ in range(8)]
        assert await asyncio.gather(*flights) == [True] * 24
        elapsed.now_s += 1
    abrupt = rsa("abrupt")
    idp.publish(public(abrupt))
    assert await good(users, signed(abrupt, claims(idp)))
    # The issuer has taken the others back.
    assert not await good(users, signed(order[-1], claims(idp)))


async def test_keys_that_are_taken_back_are_gone_with_the_next_look(
    users: UserTokens, idp: Publisher, elapsed: Elapsed
) -> None:
    token = signed(ONE, claims(idp))
    assert await good(users, token)
    idp.publish(public(TWO))
    following = asyncio.ensure_future(users.sources[0].keep_up())
    await idp.fetched(2)
    assert await good(users, signed(TWO, claims(idp)))
    assert not await good(users, token)
    following.cancel()


@pytest.mark.parametrize("step_ms", [HOUR_MS, -HOUR_MS, 24 * HOUR_MS, -24 * HOUR_MS])
async def test_a_clock_that_is_set_refuses_rather_than_extends(
    users: UserTokens, idp: Publisher, elapsed: Elapsed, step_ms: int
) -> None:
    token = signed(ONE, claims(idp))
    await users.verify(token, NOW_MS)
    with pytest.raises(Unauthenticated):
        await users.verify(token, NOW_MS + step_ms)
    # Whatever the wall clock says, keys are as old as they are.
    assert await good(users, token)
    assert idp.fetches == 1
    idp.documents[KEYS] = 503
    elapsed.now_s += 601
    with pytest.raises(Unauthenticated):
        await users.verify(token, NOW_MS + step_ms)
    assert not await good(users, token)


# --- files ----------------------------------------------------------------------------------------


def write(path: Path, data: bytes) -> None:
    path.write_bytes(data)


def jwks(*found: Any) -> bytes:
    return orjson.dumps({"keys": [public(key) for key in found]})


@pytest.fixture
def named(tmp_path: Path, idp: Publisher) -> UserTokens:
    write(tmp_path / "users.json", jwks(ONE))
    return tokens(tmp_path, issuer(idp.url, jwks="users.json", max_stale_s=600))


async def test_a_file_that_is_replaced_while_it_runs(
    named: UserTokens, idp: Publisher, elapsed: Elapsed, tmp_path: Path
) -> None:
    path = tmp_path / "users.json"
    old, new = (signed(key, claims(idp)) for key in (ONE, TWO))
    for _ in range(50):
        for content, expected in (
            (jwks(ONE, TWO), (True, True)),
            (jwks(TWO), (False, True)),
            (jwks(TWO, ONE), (True, True)),
            (jwks(ONE), (True, False)),
        ):
            aside = path.with_suffix(".new")
            write(aside, content)
            aside.replace(path)
            assert (await good(named, old), await good(named, new)) == expected


async def test_a_file_that_is_half_written(
    named: UserTokens, idp: Publisher, elapsed: Elapsed, tmp_path: Path
) -> None:
    path, content = tmp_path / "users.json", jwks(TWO)
    old, new = (signed(key, claims(idp)) for key in (ONE, TWO))
    for length in range(0, len(content), 97):
        write(path, content[:length])
        assert (await good(named, old), await good(named, new)) == (True, False)
    write(path, content)
    assert (await good(named, old), await good(named, new)) == (False, True)


async def test_a_file_that_is_gone_and_comes_back(
    named: UserTokens, idp: Publisher, elapsed: Elapsed, tmp_path: Path
) -> None:
    path, token = tmp_path / "users.json", signed(ONE, claims(idp))
    assert await good(named, token)
    for becomes in ("nothing", "a directory"):
        path.unlink()
        if becomes == "a directory":
            path.mkdir()
        elapsed.now_s += 600
        assert await good(named, token)
        elapsed.now_s += 1
        assert not await good(named, token)
        if becomes == "a directory":
            path.rmdir()
        write(path, jwks(ONE))
        assert await good(named, token)


def test_a_file_that_was_never_good_stops_the_start(tmp_path: Path) -> None:
    for content in (b"", b"{", jwks(), jwks(rsa("weak", 1024))):
        write(tmp_path / "k.json", content)
        with pytest.raises(keys.UnusableKeys):
            signing_keys(tmp_path, JwksRef(jwks="k.json", algorithms=("RS256",)))


def test_the_defaults_are_those_of_the_reference() -> None:
    fields = Users(issuer="https://i", audience="a", entitlements="e")
    assert (fields.max_stale_s, fields.algorithms) == (3600, ("ES256", "Ed25519"))
