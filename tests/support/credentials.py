"""A company whose CRM takes a credential of some kind, and errands that lead there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urlsplit

import msgspec

from safeconduct.config.schema import Config, CredentialBlock, OAuthBlock
from safeconduct.kit import jose
from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import Errand
from safeconduct.secrets.broker import Broker
from safeconduct.secrets.tool_tokens import Sign
from tests.support.web import Answer, Asked, Web, document
from tests.support.worlds import AGENT, USER, config

ISSUER: Final = "http://127.0.0.1:8700"
AUDIENCE: Final = "crm"
"""Where the agent's tool tokens may go."""

TOOL_TOKEN: Final = CredentialBlock(kind="tool-token", audience=AUDIENCE)


def with_credential(directory: Path, block: CredentialBlock) -> Config:
    """The company's configuration, with this credential for the CRM."""
    made = config(directory)
    upstreams = dict(made.root.upstreams)
    upstreams["crm"] = msgspec.structs.replace(upstreams["crm"], credential=block)
    return msgspec.structs.replace(
        made, root=msgspec.structs.replace(made.root, upstreams=upstreams)
    )


def errand(**changed: Any) -> Errand:
    """The user's task reads a case."""
    parts: dict[str, Any] = {
        "upstream": "crm",
        "method": "tools/call",
        "name": "get_case",
        "scopes": ("case:read",),
        "agent": AGENT,
        "user": USER,
        "task": "t_1",
        **changed,
    }
    return Errand(**parts)


def signer(key: PrivateKey) -> Sign:
    """Signs with a key, as the gateway does with its own."""

    def sign(claims: Mapping[str, Any], typ: str) -> str:
        return jose.sign(claims, key, typ)

    return sign


class Clock:
    """A clock that stands, until it is set."""

    def __init__(self, now_ms: int = 1_000_000_000_000) -> None:
        self.now_ms = now_ms

    def __call__(self) -> int:
        return self.now_ms


def oauth(issuer: str, grant: str = "client-credentials", **more: Any) -> CredentialBlock:
    """A credential from an authorization server, by secret unless told otherwise."""
    given = {"issuer": issuer, "grant": grant, "client_id": "gateway", "scopes": ["read"], **more}
    return CredentialBlock(kind="upstream-oauth", oauth=msgspec.convert(given, OAuthBlock))


def authorization_server(web: Web, **metadata: Any) -> None:
    """Makes a web server one that issues `issued-1`, `issued-2` and so on to anybody."""
    web.publish(
        {
            "/.well-known/oauth-authorization-server": {
                "issuer": web.url,
                "token_endpoint": f"{web.url}/token",
                "authorization_endpoint": f"{web.url}/authorize",
                **metadata,
            }
        }
    )

    def token(_: Asked) -> Answer:
        return issued(f"issued-{web.count('/token')}")

    web.pages["/token"] = token


def issued(token: str, **more: Any) -> Answer:
    """A token response; None leaves a member out."""
    said = {"access_token": token, "token_type": "Bearer", "expires_in": 300, **more}
    return document({name: value for name, value in said.items() if value is not None})


async def consent_records(directory: Path, web: Web) -> list[dict[str, Any]]:
    """What is on record of a consent that was given and withdrawn."""
    records: list[dict[str, Any]] = []

    async def record(one: Mapping[str, Any]) -> None:
        records.append(dict(one))

    authorization_server(web)
    web.pages["/token"] = lambda _: issued("token", refresh_token="refresh")
    config = with_credential(directory, oauth(web.url, "authorization-code", lists_as=USER))
    sign = signer(PrivateKey.generate())
    tickets = Broker(config, clock_ms=Clock(), sign=sign, record=record).tickets
    url, browser = await tickets.leave(tickets.make("crm", USER))
    state = parse_qs(urlsplit(url).query)["state"][0]
    await tickets.arrive({"code": "c", "state": state}, browser)
    await tickets.withdraw("crm", USER, "uid:0")
    return records
