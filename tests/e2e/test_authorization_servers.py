"""An authorization server that others wrote issues the tokens for an upstream."""

from __future__ import annotations

import json
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest
from joserfc.jwk import RSAKey

from safeconduct.config.schema import Config
from safeconduct.kit import jose
from safeconduct.ports import JSON
from tests.e2e.browser import Browser
from tests.e2e.login import running_issuer
from tests.e2e.parts import ISSUERS, npm_issuer
from tests.support.installation import (
    COPILOT,
    HOST,
    USER,
    done,
    free_port,
    install,
    refusal,
    running,
)
from tests.support.tools import Tools, consent
from tests.support.web import Web, serving

pytestmark = [pytest.mark.debian, pytest.mark.timeout(120)]

CLIENT: Final = "gateway"
PERSON: Final = "u-1"


@contextmanager
def served(directory: Path, grant: str, **more: object) -> Generator[tuple[Config, Web, Tools]]:
    """A gateway's configuration, tools behind it, and the server that issues tokens for those."""
    ports = free_port(), free_port()
    gateway, issuer = (f"http://{HOST}:{port}" for port in ports)
    key = RSAKey.generate_key(2048, {"kid": "one", "use": "sig", "alg": "RS256"})
    with serving() as web:
        tools = Tools(web)
        said = {
            "issuer": issuer,
            "port": ports[1],
            "jwks": {"keys": [key.as_dict(private=True)]},
            "client": CLIENT,
            "gateway": gateway,
            "keys": f"{gateway}/oauth/jwks",
            "resource": tools.url,
            "redirect": f"{gateway}/oauth/callback",
            "user": PERSON,
        }
        oauth = {"issuer": issuer, "grant": grant, "client_id": CLIENT, "scopes": ["read"], **more}
        credential = {"kind": "upstream-oauth", "oauth": oauth}
        config = install(directory / "gateway", tools, port=ports[0], credential=credential)
        node, _, npm = npm_issuer().required().command
        command = [node, str(ISSUERS / "authorization_server.mjs"), npm, json.dumps(said)]
        with running_issuer(command, directory / "issuer.log", b"ready"):
            yield config, web, tools


def used(web: Web, tool: str) -> JSON:
    """What the access token says with which a tool was called."""
    asked = next(
        one for one in web.asked if b'"tools/call"' in one.body and tool.encode() in one.body
    )
    return jose.peek(asked.headers["authorization"].removeprefix("Bearer "))[1]


@pytest.mark.parametrize(
    ("grant", "whose"),
    [
        ("client-credentials", CLIENT),
        ("token-exchange", USER),
        ("jwt-bearer", USER),
        ("id-jag", USER),
    ],
)
def test_a_call_carries_a_token_for_this_upstream_alone(
    tmp_path: Path, grant: str, whose: str
) -> None:
    with served(tmp_path, grant) as (config, web, tools), running(config) as gateway:
        agent = gateway.task()
        assert done(agent.call("office__get_case", {"case_id": "C-1"}))
        claims = used(web, "get_case")
        assert (claims["aud"], claims["client_id"]) == (tools.url, CLIENT)
        assert (claims["sub"], claims["scope"]) == (whose, "read")
        if whose == USER:
            assert claims["act"] == {"sub": COPILOT}


def test_a_server_that_refuses_ends_the_call(tmp_path: Path) -> None:
    elsewhere = "https://elsewhere.example/mcp"
    with served(tmp_path, "token-exchange", resource=elsewhere, lists_as=USER) as (config, _, _):
        with running(config):
            log = Path(config.directory) / "gateway.log"
        assert "says invalid_target" in log.read_text()


def test_a_user_consents_there(tmp_path: Path) -> None:
    scopes = ["openid", "offline_access", "read"]
    more = {"lists_as": USER, "scopes": scopes, "tool_scopes": {"get_case": ["read"]}}
    with served(tmp_path, "authorization-code", **more) as (config, web, tools):
        directory = Path(config.directory)
        with running(config):
            page = str(consent(directory)["url"])
            browser = Browser("https://nowhere.example")
            assert "Go on only if you are" in browser.open(page).text
            end = browser.open(page.replace("/oauth/consent/", "/oauth/leave/"))
            assert "may use office now" in end.text
        with running(config) as gateway:
            assert done(gateway.task().call("office__get_case", {"case_id": "C-1"}))
            claims = used(web, "get_case")
            assert (claims["aud"], claims["sub"], claims["scope"]) == (tools.url, PERSON, "read")
            assert consent(directory, "--withdraw") == {"withdrawn": True}
            reply = gateway.task().call("office__get_case", {"case_id": "C-2"})
            assert refusal(reply) == "credential-unavailable"
