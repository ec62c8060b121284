from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from safeconduct.ports import Attestation, Unauthenticated
from tests.support.parties import BOB, DESK, ISSUER, NOW_S, Parties
from tests.support.worlds import AGENT, USER

TYPE = "safeconduct-purpose+jwt"
BY_DESK: dict[str, Any] = {
    "iss": DESK,
    "sub": BOB,
    "aud": ISSUER,
    "exp": NOW_S + 300,
    "iat": NOW_S,
    "jti": "j-1",
    "act": {"sub": AGENT},
    "purpose": "Answer case C-1",
}
BY_JANE = {**BY_DESK, "iss": USER, "sub": USER}


async def verify(
    tmp_path: Path, party: str, claims: dict[str, Any], typ: str = TYPE
) -> Attestation:
    parties = Parties(tmp_path)
    return await parties.evidence.attestation(parties.signed(party, typ, claims), parties.now_ms)


async def test_a_front_end_speaks_for_any_user(tmp_path: Path) -> None:
    assert await verify(tmp_path, f"front-end-{DESK}", BY_DESK) == Attestation(
        source="app", issuer=DESK, jti="j-1", user=BOB, agent=AGENT, purpose="Answer case C-1"
    )


async def test_a_device_speaks_for_its_user(tmp_path: Path) -> None:
    claims = {name: value for name, value in BY_JANE.items() if name != "act"}
    attested = await verify(tmp_path, "device-jane%40crm.example", claims)
    assert (attested.source, attested.user, attested.agent) == ("user", USER, None)


async def test_a_device_does_not_speak_for_another_user(tmp_path: Path) -> None:
    with pytest.raises(Unauthenticated):
        await verify(tmp_path, "device-jane%40crm.example", {**BY_JANE, "sub": BOB})


@pytest.mark.parametrize(
    "change",
    [
        {"iss": "unknown-desk"},
        {"iss": USER},
        {"iss": ["support-desk"]},
        {"aud": "someone-else"},
        {"aud": [ISSUER, "someone-else"]},
        {"exp": NOW_S + 301},
        {"exp": NOW_S},
        {"iat": None},
        {"iat": NOW_S + 6},
        {"jti": None},
        {"purpose": None},
        {"purpose": ""},
        {"purpose": ["a"]},
        {"sub": None},
        {"act": AGENT},
        {"act": {}},
    ],
)
async def test_an_attestation_that_lacks_something_is_refused(
    tmp_path: Path, change: dict[str, Any]
) -> None:
    with pytest.raises(Unauthenticated):
        await verify(tmp_path, f"front-end-{DESK}", {**BY_DESK, **change})


async def test_a_token_of_another_type_attests_nothing(tmp_path: Path) -> None:
    with pytest.raises(Unauthenticated):
        await verify(tmp_path, f"front-end-{DESK}", BY_DESK, "JWT")
