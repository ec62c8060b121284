"""Signals that are forged, bent, another's or stale: they end nothing, and bring nothing back."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.installation import Office, eventually
from tests.support.publishers import ec, public, rsa, signed
from tests.support.starting import Refused, asked, start
from tests.support.transmitters import CAEP, PEOPLE, SECRET, USERS, World, ended, signalling

JANE, JOE, KIM, LEE, MAX = PEOPLE


@pytest.fixture(scope="module")
def world(office: Office, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with signalling(tmp_path_factory.mktemp("gateway"), office) as made:
        yield made


def refused(world: World, token: str, code: str) -> None:
    answer = world.push(token)
    assert (answer.status, answer.json["err"]) == (400, code)


def test_a_signal_that_somebody_else_signed(world: World) -> None:
    agent, idp = world.working(JANE), world.pushing
    good, thief = idp.key, rsa("third")
    idp.key = thief
    refused(world, idp.says(JANE), "invalid_key")
    idp.key = rsa("fourth")
    token = idp.says(JANE)
    idp.key = good
    head, payload, _ = idp.says(JANE).split(".")
    _, _, signature = token.split(".")
    refused(world, f"{head}.{payload}.{signature}", "invalid_key")
    for alg, key in (("ES256", ec("ours")), ("RS256", thief), ("PS256", good)):
        forged = signed(key, said(world, JANE), alg=alg, typ="secevent+jwt", kid=good.kid)
        refused(world, forged, "invalid_key")
    brought = signed(thief, said(world, JANE), typ="secevent+jwt", jwk=public(thief))
    refused(world, brought, "invalid_key")
    unsigned = f"eyJhbGciOiJub25lIiwidHlwIjoic2VjZXZlbnQrand0In0.{payload}."
    refused(world, unsigned, "invalid_key")
    assert not ended(agent)


def said(world: World, user: str, **changes: Any) -> dict[str, Any]:
    """The claims of a good signal, but for what changes; None takes a claim out."""
    claims: dict[str, Any] = {
        "iss": world.pushing.issuer,
        "aud": world.gateway.issuer,
        "iat": int(time.time()),
        "jti": "of-a-test",
        "sub_id": {"format": "iss_sub", "iss": USERS, "sub": user},
        "events": {f"{CAEP}session-revoked": {}},
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


def test_a_token_of_the_same_issuer_that_is_no_signal(world: World) -> None:
    """An ID token or a logout token of the same key must not end anything, nor the reverse."""
    agent, key = world.working(JANE), world.pushing.key
    for typ in ("JWT", "logout+jwt", "at+jwt", None, "secevent", "application/secevent+JWT+x"):
        refused(world, signed(key, said(world, JANE), typ=typ), "invalid_key")
    bent: tuple[dict[str, Any], ...] = (
        {"events": None},
        {"events": []},
        {"iat": None},
        {"iat": "1"},
        {"jti": None},
    )
    for changes in bent:
        refused(world, signed(key, said(world, JANE, **changes), typ="secevent+jwt"), "invalid_key")
    assert not ended(agent)
    as_a_user = start(world.gateway, world.pushing.says(JANE))
    assert isinstance(as_a_user, Refused)
    assert as_a_user.told["error"] == "invalid_request"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"iss": "https://another.example"}, "invalid_issuer"),
        ({"iss": USERS}, "invalid_issuer"),
        ({"iss": None}, "invalid_issuer"),
        ({"aud": "https://another.example"}, "invalid_audience"),
        ({"aud": []}, "invalid_audience"),
        ({"iat": 2**33}, "invalid_request"),
        ({"events": {}}, "invalid_request"),
        (
            {"events": {f"{CAEP}session-revoked": {}, f"{CAEP}credential-change": {}}},
            "invalid_request",
        ),
        ({"sub_id": None}, "invalid_request"),
        (
            {"sub_id": {"format": "iss_sub", "iss": "https://x.example", "sub": JANE}},
            "invalid_request",
        ),
        ({"sub_id": {"format": "iss_sub", "sub": JANE}}, "invalid_request"),
        ({"sub_id": {"format": "email", "email": [JANE]}}, "invalid_request"),
        (
            {"sub_id": {"format": "complex", "device": {"format": "email", "email": JANE}}},
            "invalid_request",
        ),
    ],
)
def test_a_signal_for_or_about_somebody_else(
    world: World, changes: dict[str, Any], code: str
) -> None:
    agent = world.working(JOE)
    token = signed(world.pushing.key, said(world, JOE, **changes), typ="secevent+jwt")
    refused(world, token, code)
    assert not ended(agent)


def test_one_transmitter_where_another_is_known(world: World) -> None:
    """The one that is polled pushes, also what it pushes to the path of the other."""
    agent, other = world.working(KIM), world.polled
    token = other.says(KIM)
    refused(world, token, "invalid_issuer")
    for name in ("polled", "", "nobody", "pushing/", "..%2fpushing"):
        answer = other.push(f"{world.gateway.issuer}/signals/{name}", token)
        assert answer.status in {404, 405}, name
    other.waiting["theirs"] = world.pushing.says(KIM)
    eventually(lambda: "theirs" in other.refused, world.gateway)
    assert other.refused["theirs"]["err"] == "invalid_issuer"
    assert not ended(agent)


def test_a_good_signal_from_who_may_not_push(world: World) -> None:
    agent, idp = world.working(LEE), world.pushing
    for secret in ("", "Bearer", f"{SECRET} ", SECRET.lower(), SECRET[:-1], f"{SECRET}\xff"):
        answer = idp.push(world.url, idp.says(LEE), secret)
        assert (answer.status, answer.json["err"]) == (400, "authentication_failed")
    for kind in ("application/jwt", "application/json", "text/plain"):
        headers = {"Content-Type": kind, "Authorization": SECRET}
        assert asked(world.url, idp.says(LEE).encode(), headers).status == 415
    headers = {"Content-Type": "application/secevent+jwt", "Authorization": SECRET}
    assert asked(world.url, b"x" * 100_000, headers).status == 413
    assert asked(world.url, b"\xff\0", headers).status == 400
    assert asked(world.url).status == 405
    assert not ended(agent)


def test_a_signal_of_once_keeps_nobody_out_for_good(world: World) -> None:
    """Who has seen signals on their way replays them, out of order, after newer sign-ins."""
    idp, before = world.pushing, world.working(MAX, ago_s=60)
    old, new = idp.says(MAX, ago_s=50), idp.says(MAX, ago_s=20)
    assert world.push(new).status == 202
    assert ended(before)
    after = world.working(MAX, ago_s=10)
    for token in (old, new, old):
        assert world.push(token).status == 202
    assert not ended(after)
    # The older one does not let in again who was put out by the newer one, either.
    between = start(world.gateway, world.signed_in(MAX, ago_s=30))
    assert isinstance(between, Refused)
