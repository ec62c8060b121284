"""Access tokens from an upstream's authorization server: asked for in the gateway's own words."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest

from safeconduct.kit import jose
from safeconduct.kit.jwk import KeySet, PrivateKey
from safeconduct.ports import Credential, CredentialUnavailable, Errand
from safeconduct.secrets.access_tokens import SPARE_MS
from safeconduct.secrets.broker import Broker
from tests.support.credentials import Clock, authorization_server, errand, issued, oauth, signer
from tests.support.credentials import with_credential as company
from tests.support.web import Answer, Asked, Web
from tests.support.worlds import AGENT, USER

KEY = PrivateKey.generate()
KEYS = KeySet({KEY.public.kid: KEY.public})
GATEWAY = "http://127.0.0.1:8700"
MCP = "http://127.0.0.1:9/mcp"
URN = "urn:ietf:params:oauth:"
OWN = Errand(upstream="crm", method="tools/list")


def broker(directory: Path, web: Web, clock: Clock, grant: str, **more: Any) -> Broker:
    config = company(directory, oauth(web.url, grant, **more))
    return Broker(config, clock_ms=clock, sign=signer(KEY))


async def bearer(broker: Broker, of: Errand | None = None) -> str:
    """The token for an errand."""
    credential = await broker.credential(of or errand())
    assert credential is not None
    assert credential.kind == "upstream-oauth"
    assert credential.bound is None
    (name,) = credential.headers
    assert name == "Authorization"
    return credential.headers[name].removeprefix("Bearer ")


def signed(token: str, typ: str, clock: Clock) -> dict[str, Any]:
    """The claims of what the gateway signed, less those that say how long it lasts."""
    shape = jose.verify(token, lambda _: KEYS, types=frozenset({typ}), shape=jose.Claims)
    jose.check_times(shape.claims, clock())
    claims = jose.peek(token)[1]
    assert claims.pop("exp") - claims.pop("iat") == 60
    assert len(claims.pop("jti")) == 22
    return claims


def asked_for_token(web: Web) -> Asked:
    return next(one for one in web.asked if one.path == "/token")


# --- grants ---------------------------------------------------------------------------------------


async def test_client_credentials_are_nobody_s(tmp_path: Path, web: Web, clock: Clock) -> None:
    assert await bearer(broker(tmp_path, web, clock, "client-credentials")) == "issued-1"
    form = asked_for_token(web).form
    assertion = form.pop("client_assertion")
    assert form == {
        "grant_type": "client_credentials",
        "scope": "read",
        "resource": MCP,
        "client_id": "gateway",
        "client_assertion_type": f"{URN}client-assertion-type:jwt-bearer",
    }
    assert signed(assertion, "client-authentication+jwt", clock) == {
        "iss": "gateway",
        "sub": "gateway",
        "aud": web.url,
    }


async def test_a_token_exchange_shows_the_gateway_s_own_word(
    tmp_path: Path, web: Web, clock: Clock
) -> None:
    await bearer(broker(tmp_path, web, clock, "token-exchange"))
    form = asked_for_token(web).form
    assert form["grant_type"] == f"{URN}grant-type:token-exchange"
    assert form["subject_token_type"] == f"{URN}token-type:jwt"
    assert form["requested_token_type"] == f"{URN}token-type:access_token"
    assert form["resource"] == MCP
    assert signed(form["subject_token"], "authorization-grant+jwt", clock) == {
        "iss": GATEWAY,
        "sub": USER,
        "act": {"sub": AGENT},
        "aud": web.url,
    }


async def test_a_jwt_grant_is_the_gateway_s_own_word(
    tmp_path: Path, web: Web, clock: Clock
) -> None:
    await bearer(broker(tmp_path, web, clock, "jwt-bearer"))
    form = asked_for_token(web).form
    assert form["grant_type"] == f"{URN}grant-type:jwt-bearer"
    assert signed(form["assertion"], "authorization-grant+jwt", clock) == {
        "iss": GATEWAY,
        "sub": USER,
        "act": {"sub": AGENT},
        "aud": web.url,
    }


async def test_an_id_jag_names_client_resource_and_scope(
    tmp_path: Path, web: Web, clock: Clock
) -> None:
    await bearer(broker(tmp_path, web, clock, "id-jag", resource="https://crm.example/"))
    form = asked_for_token(web).form
    assert form["grant_type"] == f"{URN}grant-type:jwt-bearer"
    assert form["resource"] == "https://crm.example/"
    assert signed(form["assertion"], "oauth-id-jag+jwt", clock) == {
        "iss": GATEWAY,
        "sub": USER,
        "act": {"sub": AGENT},
        "aud": web.url,
        "client_id": "gateway",
        "resource": "https://crm.example/",
        "scope": "read",
    }


@pytest.mark.parametrize("grant", ["token-exchange", "jwt-bearer", "id-jag"])
async def test_lists_are_read_in_the_gateway_s_own_name_or_a_named_user_s(
    tmp_path: Path, web: Web, clock: Clock, grant: str
) -> None:
    await bearer(broker(tmp_path, web, clock, grant), OWN)
    assert asked_for_token(web).form["grant_type"] == "client_credentials"
    web.asked.clear()
    await bearer(broker(tmp_path, web, clock, grant, lists_as="ops@crm.example"), OWN)
    form = asked_for_token(web).form
    said = jose.peek(form.get("assertion") or form["subject_token"])[1]
    assert said["sub"] == "ops@crm.example"
    assert "act" not in said


async def test_without_scopes_none_are_asked_for(tmp_path: Path, web: Web, clock: Clock) -> None:
    await bearer(broker(tmp_path, web, clock, "id-jag", scopes=[]))
    form = asked_for_token(web).form
    assert "scope" not in form
    assert "scope" not in jose.peek(form["assertion"])[1]


# --- who the client is ----------------------------------------------------------------------------


async def test_a_client_secret_is_read_anew_and_sent_as_the_server_wants(
    tmp_path: Path, web: Web, clock: Clock
) -> None:
    file = tmp_path / "secret"
    file.write_text("s&cret:1\n")
    await bearer(broker(tmp_path, web, clock, "client-credentials", secret="file:secret"))
    asked = asked_for_token(web)
    pair = base64.b64decode(asked.headers["authorization"].removeprefix("Basic "))
    assert pair == b"gateway:s%26cret%3A1"
    assert "client_assertion" not in asked.form
    authorization_server(web, token_endpoint_auth_methods_supported=["client_secret_post"])
    web.asked.clear()
    await bearer(broker(tmp_path, web, clock, "client-credentials", secret="file:secret"))
    asked = asked_for_token(web)
    assert (asked.form["client_id"], asked.form["client_secret"]) == ("gateway", "s&cret:1")
    assert "authorization" not in asked.headers
    file.unlink()
    with pytest.raises(CredentialUnavailable):
        await bearer(broker(tmp_path, web, clock, "client-credentials", secret="file:secret"))


async def test_a_client_without_an_id_is_known_by_its_document(
    tmp_path: Path, web: Web, clock: Clock
) -> None:
    held = broker(tmp_path, web, clock, "token-exchange", client_id=None)
    await bearer(held)
    form = asked_for_token(web).form
    me = f"{GATEWAY}/oauth/clients/crm"
    assert form["client_id"] == me
    assert signed(form["client_assertion"], "client-authentication+jwt", clock)["sub"] == me
    assert held.documents() == {
        "crm": {
            "client_id": me,
            "client_name": "Safeconduct of crm.example: crm",
            "grant_types": [f"{URN}grant-type:token-exchange"],
            "response_types": [],
            "redirect_uris": [],
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": "ES256",
            "jwks_uri": f"{GATEWAY}/oauth/jwks",
        }
    }
    assert broker(tmp_path, web, clock, "token-exchange").documents() == {}


# --- how long, and whose --------------------------------------------------------------------------


async def test_a_token_is_used_until_shortly_before_its_end(
    tmp_path: Path, web: Web, clock: Clock
) -> None:
    held = broker(tmp_path, web, clock, "jwt-bearer")
    assert await bearer(held) == "issued-1"
    clock.now_ms += 300_000 - SPARE_MS - 1
    assert await bearer(held) == "issued-1"
    clock.now_ms += 1
    assert await bearer(held) == "issued-2"


async def test_a_token_is_shared_by_nobody(tmp_path: Path, web: Web, clock: Clock) -> None:
    held = broker(tmp_path, web, clock, "jwt-bearer", tool_scopes={"send": ["write"]})
    assert await bearer(held) == "issued-1"
    assert await bearer(held, errand(user="john@crm.example")) == "issued-2"
    assert await bearer(held, errand(agent="spiffe://crm.example/agents/other")) == "issued-3"
    assert await bearer(held, errand(name="send")) == "issued-4"
    assert await bearer(held, OWN) == "issued-5"
    assert await bearer(held, errand(task="t_2")) == "issued-1"
    scopes = [one.form.get("scope") for one in web.asked if one.path == "/token"]
    assert scopes == ["read", "read", "read", "write", "read"]


async def test_only_a_tool_is_narrowed_by_its_name(tmp_path: Path, web: Web, clock: Clock) -> None:
    held = broker(tmp_path, web, clock, "jwt-bearer", tool_scopes={"send": ["write"]})
    await bearer(held, errand(method="prompts/get", name="send"))
    assert asked_for_token(web).form["scope"] == "read"


async def test_client_credentials_are_shared_by_all(tmp_path: Path, web: Web, clock: Clock) -> None:
    held = broker(tmp_path, web, clock, "client-credentials")
    assert await bearer(held) == "issued-1"
    assert await bearer(held, errand(user="john@crm.example")) == "issued-1"
    assert await bearer(held, OWN) == "issued-1"


async def test_who_comes_meanwhile_waits_for_the_same_token(
    tmp_path: Path, web: Web, clock: Clock
) -> None:
    held = broker(tmp_path, web, clock, "jwt-bearer")
    assert await asyncio.gather(*(bearer(held) for _ in range(8))) == ["issued-1"] * 8
    web.pages["/token"] = lambda _: Answer(500)
    clock.now_ms += 300_000
    asks = asyncio.gather(*(bearer(held) for _ in range(8)), return_exceptions=True)
    assert {type(one) for one in await asks} == {CredentialUnavailable}
    assert web.count("/token") == 2


async def test_who_goes_away_takes_nobody_s_token_along(
    tmp_path: Path, web: Web, clock: Clock
) -> None:
    held = broker(tmp_path, web, clock, "jwt-bearer")
    first = asyncio.create_task(bearer(held))
    second = asyncio.create_task(bearer(held))
    await asyncio.sleep(0)
    first.cancel()
    assert await second == "issued-1"


async def test_a_token_that_the_upstream_rejects_is_not_used_again(
    tmp_path: Path, web: Web, clock: Clock
) -> None:
    held = broker(tmp_path, web, clock, "jwt-bearer")
    first = await held.credential(errand())
    assert isinstance(first, Credential)
    assert first.rejected is not None
    first.rejected()
    assert await bearer(held) == "issued-2"
    first.rejected()  # late: it is not about the new one
    assert await bearer(held) == "issued-2"


async def test_only_so_many_tokens_are_held(
    tmp_path: Path, web: Web, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.secrets.access_tokens._MAX_TOKENS", 2)
    held = broker(tmp_path, web, clock, "jwt-bearer")
    for user in ("a", "b", "c"):
        await bearer(held, errand(user=user))
    assert await bearer(held, errand(user="c")) == "issued-3"
    assert await bearer(held, errand(user="a")) == "issued-4"


async def test_a_token_is_not_waited_for_without_end(
    tmp_path: Path, web: Web, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("safeconduct.secrets.access_tokens.WAIT_S", 0.0)
    with pytest.raises(CredentialUnavailable, match="too late"):
        await bearer(broker(tmp_path, web, clock, "jwt-bearer"))


async def test_the_log_says_why_there_is_none(
    tmp_path: Path, web: Web, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    web.pages["/token"] = lambda _: issued("secret-token", expires_in=None)
    with pytest.raises(CredentialUnavailable):
        await bearer(broker(tmp_path, web, clock, "jwt-bearer"))
    (said,) = caplog.messages
    assert said == f"no credential for crm: {web.url}: not a token that says when it ends"


async def test_nothing_that_is_printed_shows_a_token(
    tmp_path: Path, web: Web, clock: Clock
) -> None:
    held = broker(tmp_path, web, clock, "jwt-bearer")
    assert repr(await held.credential(errand())) == "Credential(kind='upstream-oauth')"
    assert "issued-1" not in repr(vars(vars(held)["_sources"]["crm"]))
