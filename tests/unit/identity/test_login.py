from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec
import orjson
import pytest

from safeconduct.identity.login import Login, challenge
from safeconduct.kit import jose
from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import (
    Attempt,
    CredentialUnavailable,
    LoginFailed,
    Person,
    SignedIn,
    Unauthenticated,
)

IDP = "https://idp.example"
CALLBACK = "https://gateway.example/oauth/callback"
JANE = Person(id="jane@crm.example", issuer=IDP, jti="j-1")
KEY = PrivateKey.generate()
NOW_MS = 1_800_000_000_000


class Metadata(msgspec.Struct):
    authorization_endpoint: str | None = f"{IDP}/authorize"
    authorization_response_iss_parameter_supported: bool = False
    claims_parameter_supported: bool = False


class Issued(msgspec.Struct):
    id_token: str | None


class Idp:
    """An issuer of users, as an authorization server."""

    issuer = IDP

    def __init__(self) -> None:
        self.says: Metadata | None = Metadata()
        self.issues: Issued | None = Issued(None)
        self.forms: list[tuple[dict[str, str], dict[str, str]]] = []

    async def metadata(self) -> Metadata:
        if self.says is None:
            raise CredentialUnavailable("gone")
        return self.says

    async def issue(
        self, form: Mapping[str, str], headers: Mapping[str, str], *, asked: frozenset[str]
    ) -> Issued:
        assert asked == frozenset()
        self.forms.append((dict(form), dict(headers)))
        if self.issues is None:
            raise CredentialUnavailable("gone")
        return self.issues


@pytest.fixture
def idp() -> Idp:
    return Idp()


@pytest.fixture
def login(idp: Idp) -> Login:
    async def authenticate() -> tuple[dict[str, str], dict[str, str]]:
        return {"client_id": "gateway"}, {"Authorization": "Basic x"}

    async def person(token: str, now_ms: int) -> Person:
        assert now_ms == NOW_MS
        _, claims = jose.peek(token)
        if claims["sub"] != JANE.id:
            raise Unauthenticated("invalid_token", "The subject token is not valid here.")
        return JANE

    return Login(
        idp,
        client_id="gateway",
        authenticate=authenticate,
        callback=CALLBACK,
        scope="openid profile",
        person=person,
    )


def token(attempt: Attempt, **claims: Any) -> str:
    said = {"sub": JANE.id, "nonce": attempt.nonce, **claims}
    return jose.sign(said, KEY, "JWT")


async def test_people_are_sent_to_their_issuer(login: Login) -> None:
    url, attempt = await login.begin()
    parts = urlsplit(url)
    assert f"{parts.scheme}://{parts.netloc}{parts.path}" == f"{IDP}/authorize"
    assert dict(parse_qsl(parts.query)) == {
        "response_type": "code",
        "client_id": "gateway",
        "redirect_uri": CALLBACK,
        "scope": "openid profile",
        "state": attempt.state,
        "nonce": attempt.nonce,
        "code_challenge": challenge(attempt.verifier),
        "code_challenge_method": "S256",
    }
    assert len({attempt.state, attempt.nonce, attempt.verifier}) == 3
    _, other = await login.begin()
    assert other != attempt
    assert attempt.verifier not in repr(attempt)


async def test_what_a_sign_in_is_for_is_its_nonce(login: Login) -> None:
    url, attempt = await login.begin(nonce="what-was-shown")
    asked = dict(parse_qsl(urlsplit(url).query))
    assert attempt.nonce == asked["nonce"] == "what-was-shown"
    # A session at the issuer alone is no answer.
    assert asked["prompt"] == "login"


async def test_a_challenge_is_that_of_the_standard() -> None:
    # RFC 7636 appendix B.
    verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
    assert challenge(verifier) == "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"


async def test_a_sign_in_is_asked_to_be_strong_and_recent(idp: Idp, login: Login) -> None:
    idp.says = Metadata(authorization_endpoint=f"{IDP}/authorize?tenant=x")
    url, _ = await login.begin(acr=("mfa", "hwk"), max_age_s=300)
    asked = dict(parse_qsl(urlsplit(url).query))
    assert (asked["tenant"], asked["acr_values"], asked["max_age"]) == ("x", "mfa hwk", "300")
    assert "claims" not in asked


async def test_where_claims_can_be_asked_for_the_strength_is_essential(
    idp: Idp, login: Login
) -> None:
    idp.says = Metadata(claims_parameter_supported=True)
    url, _ = await login.begin(acr=("mfa", "hwk"))
    asked = dict(parse_qsl(urlsplit(url).query))
    wanted = {"acr": {"essential": True, "values": ["mfa", "hwk"]}, "amr": None}
    assert orjson.loads(asked["claims"])["id_token"].items() >= wanted.items()
    # Both at once would be unspecified (OpenID Connect Core section 5.5.1.1).
    assert "acr_values" not in asked
    url, _ = await login.begin()
    asked = dict(parse_qsl(urlsplit(url).query))
    # When somebody signed in is what signals about them are about.
    wanted = {"acr": None, "amr": None, "auth_time": {"essential": True}}
    assert orjson.loads(asked["claims"]) == {"id_token": wanted}


async def test_who_comes_back_is_who_the_id_token_is_about(idp: Idp, login: Login) -> None:
    _, attempt = await login.begin()
    idp.issues = Issued(token(attempt))
    found = await login.finish({"code": "c-1", "state": attempt.state}, attempt, NOW_MS)
    assert found == SignedIn(JANE, idp.issues.id_token or "")
    assert found.token not in repr(found)
    form = {
        "grant_type": "authorization_code",
        "code": "c-1",
        "redirect_uri": CALLBACK,
        "code_verifier": attempt.verifier,
        "client_id": "gateway",
    }
    assert idp.forms == [(form, {"Authorization": "Basic x"})]


@pytest.mark.parametrize(
    "claims",
    [{"nonce": "another"}, {"nonce": None}, {"nonce": 7}, {"nonce": ""}, {"sub": "joe"}],
)
async def test_another_id_token_signs_nobody_in(
    idp: Idp, login: Login, claims: dict[str, Any]
) -> None:
    _, attempt = await login.begin()
    idp.issues = Issued(token(attempt, **claims))
    with pytest.raises(LoginFailed, match="not signed in"):
        await login.finish({"code": "c-1"}, attempt, NOW_MS)


@pytest.mark.parametrize(
    ("answer", "names_itself"),
    [
        ({"error": "access_denied"}, False),
        ({"error": "access_denied", "code": "c-1"}, False),
        ({}, False),
        ({"code": "c-1", "iss": "https://evil.example"}, False),
        ({"code": "c-1", "iss": "https://evil.example"}, True),
        ({"code": "c-1"}, True),
    ],
)
async def test_another_answer_is_no_sign_in(
    idp: Idp, login: Login, answer: dict[str, str], *, names_itself: bool
) -> None:
    idp.says = Metadata(authorization_response_iss_parameter_supported=names_itself)
    _, attempt = await login.begin()
    idp.issues = Issued(token(attempt))
    with pytest.raises(LoginFailed, match="not signed in"):
        await login.finish(answer, attempt, NOW_MS)
    assert idp.forms == []
    named = await login.finish({"code": "c-1", "iss": IDP}, attempt, NOW_MS)
    assert named.person == JANE


async def test_an_issuer_that_cannot_be_asked(idp: Idp, login: Login) -> None:
    _, attempt = await login.begin()
    with pytest.raises(LoginFailed) as failed:
        await login.finish({"code": "c-1"}, attempt, NOW_MS)
    assert failed.value.why == "the issuer gave no ID token"
    idp.issues = None
    with pytest.raises(LoginFailed, match="cannot be reached"):
        await login.finish({"code": "c-1"}, attempt, NOW_MS)
    idp.says = Metadata(authorization_endpoint=None)
    with pytest.raises(LoginFailed, match="cannot be reached"):
        await login.begin()
    idp.says = None
    with pytest.raises(LoginFailed, match="cannot be reached"):
        await login.begin()
