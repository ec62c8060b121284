"""A yes by signing in again: by the same person, strongly, just now, and for this challenge."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from safeconduct.approvals.answers import Approver, NotProven
from safeconduct.approvals.stepping import MAX_TOKEN, SLACK_MS, SigningIn, nonce
from safeconduct.kit.jwk import encode
from safeconduct.ports import Person, Unauthenticated

NOW_MS: Final = 1_790_000_000_000
KIM: Final = Approver(user="kim", tenant="crm.example")
SIGNED: Final = b"c" * 32


def token(**claims: Any) -> str:
    """What the issuer would have signed."""
    parts = ({"alg": "none"}, {"nonce": nonce(SIGNED), **claims})
    return ".".join(encode(json.dumps(part).encode()) for part in parts) + "."


def signed(text: str | None = None) -> dict[str, Any]:
    """What came back, of somebody who was asked a minute ago."""
    return {"id_token": text or token(), "since_ms": NOW_MS - 60_000}


def verifier(**said: Any) -> SigningIn:
    known: dict[str, Any] = {
        "id": "kim",
        "issuer": "https://login.example",
        "jti": "1",
        "acr": "mfa",
        "auth_time_s": NOW_MS // 1000 - 60,
        **said,
    }

    async def person(token: str, now_ms: int) -> Person:
        if token == "forged":
            raise Unauthenticated("invalid_token", "no", why="forged")
        return Person(**known)

    return SigningIn(person, acr=("phr", "mfa"), max_age_s=60)


async def test_the_token_is_the_proof() -> None:
    proof = await verifier().verify(KIM, SIGNED, signed(), NOW_MS)
    assert proof.kept == {"id_token": token()}
    assert proof.consumes == (Person(id="kim", issuer="https://login.example", jti="1").once,)
    assert not proof.device_bound


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ({"id": "lee"}, "Somebody else"),
        ({"acr": "pwd"}, "not sign in as strongly"),
        ({"acr": None}, "not sign in as strongly"),
        ({"acr": "mf a"}, "not sign in as strongly"),
        ({"auth_time_s": NOW_MS // 1000 - 61}, "too long ago"),
        ({"auth_time_s": 0}, "too long ago"),
        ({"auth_time_s": (NOW_MS + SLACK_MS) // 1000 + 1}, "too long ago"),
    ],
)
async def test_another_sign_in_is_no_yes(said: dict[str, Any], sentence: str) -> None:
    with pytest.raises(NotProven, match=sentence):
        await verifier(**said).verify(KIM, SIGNED, signed(), NOW_MS)


async def test_a_sign_in_before_the_question_is_no_yes() -> None:
    asked_ms = NOW_MS - 60_000 + SLACK_MS
    given = {"id_token": token(), "since_ms": asked_ms}
    assert (await verifier().verify(KIM, SIGNED, given, NOW_MS)).kept == {"id_token": token()}
    with pytest.raises(NotProven, match="too long ago"):
        await verifier().verify(KIM, SIGNED, {**given, "since_ms": asked_ms + 1}, NOW_MS)


@pytest.mark.parametrize(
    "given",
    [
        {},
        {"id_token": 5, "since_ms": 0},
        {"id_token": "forged", "since_ms": 0},
        {"id_token": token()},
    ],
)
async def test_what_the_issuer_did_not_say_is_no_yes(given: dict[str, Any]) -> None:
    with pytest.raises(NotProven, match="did not say"):
        await verifier().verify(KIM, SIGNED, given, NOW_MS)


async def test_a_token_that_no_record_holds_is_no_yes() -> None:
    long = token(more="x" * MAX_TOKEN)
    with pytest.raises(NotProven, match="did not say"):
        await verifier().verify(KIM, SIGNED, signed(long), NOW_MS)


@pytest.mark.parametrize("given", ["", nonce(b"d" * 32), None, 5])
async def test_a_sign_in_for_something_else_is_no_yes(given: object) -> None:
    with pytest.raises(NotProven, match="not for what you were asked"):
        await verifier().verify(KIM, SIGNED, signed(token(nonce=given)), NOW_MS)
