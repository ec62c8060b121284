from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from safeconduct.ports import Person, Unauthenticated
from tests.support.parties import NOW_S, Parties
from tests.support.worlds import USER

USERS = "http://127.0.0.1:8701"
GOOD: dict[str, Any] = {
    "iss": USERS,
    "sub": USER,
    "aud": "copilot",
    "exp": NOW_S + 60,
    "iat": NOW_S,
    "jti": "j-1",
}


async def verify(tmp_path: Path, claims: dict[str, Any], typ: str = "JWT") -> Person:
    parties = Parties(tmp_path)
    return await parties.evidence.person(parties.signed("users-", typ, claims), parties.now_ms)


async def test_a_token_may_say_little(tmp_path: Path) -> None:
    assert await verify(tmp_path, GOOD) == Person(
        id=USER, issuer=USERS, jti="j-1", issued_ms=NOW_S * 1000
    )


async def test_a_token_may_say_much(tmp_path: Path) -> None:
    more = {"tenant": "crm.example", "groups": ["sales"], "acr": "mfa", "auth_time": NOW_S - 9}
    assert await verify(tmp_path, {**GOOD, **more}, "at+jwt") == Person(
        id=USER,
        issuer=USERS,
        jti="j-1",
        tenant="crm.example",
        groups=("sales",),
        acr="mfa",
        auth_time_s=NOW_S - 9,
        issued_ms=NOW_S * 1000,
    )


def test_a_sign_in_is_at_most_as_old_as_the_token() -> None:
    said = Person(id=USER, issuer=USERS, jti="j-1", auth_time_s=7, issued_ms=9_000)
    assert said.signed_in_ms == 7_000
    assert Person(id=USER, issuer=USERS, jti="j-1", issued_ms=9_000).signed_in_ms == 9_000


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "http://127.0.0.1:8702"},
        {"iss": None},
        {"aud": "another-client"},
        {"aud": ["copilot", "another-client"]},
        {"aud": []},
        {"sub": ""},
        {"sub": None},
        {"exp": NOW_S},
        {"iat": None},
        {"iat": NOW_S + 60},
        {"jti": ""},
        {"jti": 7},
        {"groups": "sales"},
        {"groups": [7]},
        {"auth_time": 1.5},
        {"auth_time": True},
        {"auth_time": -1},
        {"acr": 2},
        {"tenant": ""},
    ],
)
async def test_a_token_that_lacks_something_is_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        await verify(tmp_path, {**GOOD, **change})


async def test_iat_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(Unauthenticated):
        await verify(tmp_path, {name: value for name, value in GOOD.items() if name != "iat"})
