"""The gateway as a client of an upstream's authorization server.

What the gateway holds of a user or an agent is never shown to that server: it gets assertions that
the gateway signs itself, for this server alone and for a minute.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

import msgspec

from safeconduct.config.schema import Config
from safeconduct.ports import JSON
from safeconduct.secrets import references
from safeconduct.secrets.authorization import AuthorizationServer, Issued, basic
from safeconduct.secrets.tool_tokens import Sign

CLIENTS_PATH: Final = "/oauth/clients/"
"""Where the gateway's client-id metadata documents are, by upstream."""

JWKS_PATH: Final = "/oauth/jwks"

URN: Final = "urn:ietf:params:oauth:"

CLIENT_TYPE: Final = "client-authentication+jwt"

_ASSERTION_S: Final = 60


class Wanted(msgspec.Struct, frozen=True):
    """What a token is for; `user` and `agent` are None for one in the gateway's own name."""

    user: str | None
    agent: str | None
    scopes: tuple[str, ...]


class Client:
    """The gateway as a client of one upstream's authorization server."""

    def __init__(
        self, config: Config, upstream: str, sign: Sign, clock_ms: Callable[[], int]
    ) -> None:
        block = config.root.upstreams[upstream]
        oauth = block.credential.oauth
        if oauth is None:
            raise ValueError("an upstream without an authorization server")
        issuer = config.root.gateway.issuer
        self.oauth = oauth
        self.server = AuthorizationServer(oauth.issuer)
        self.id = oauth.client_id or f"{issuer}{CLIENTS_PATH}{upstream}"
        self.resource = oauth.resource or str(block.mcp)
        self._issuer = issuer
        self._directory = Path(config.directory)
        self._sign = sign
        self._clock_ms = clock_ms

    def document(self, name: str, redirect_uri: str | None) -> JSON:
        """The metadata of this client (RFC 7591 section 2), for a server that looks it up."""
        grants = {
            "client-credentials": "client_credentials",
            "token-exchange": f"{URN}grant-type:token-exchange",
            "jwt-bearer": f"{URN}grant-type:jwt-bearer",
            "id-jag": f"{URN}grant-type:jwt-bearer",
            "authorization-code": "authorization_code",
        }
        document: JSON = {
            "client_id": self.id,
            "client_name": name,
            "grant_types": [grants[self.oauth.grant]],
            "response_types": [],
            "redirect_uris": [],
            "token_endpoint_auth_method": "private_key_jwt",
            "token_endpoint_auth_signing_alg": "ES256",
            "jwks_uri": self._issuer + JWKS_PATH,
        }
        if redirect_uri is not None:
            document["redirect_uris"] = [redirect_uri]
            document["response_types"] = ["code"]
            document["grant_types"].append("refresh_token")
        return document

    async def granted(self, form: dict[str, str], scopes: tuple[str, ...]) -> Issued:
        """Asks for a token with these scopes, as this client. Raises CredentialUnavailable."""
        form = {**form, "resource": self.resource}
        if scopes:
            form["scope"] = " ".join(scopes)
        headers: dict[str, str] = {}
        if self.oauth.secret is None:
            form |= {
                "client_id": self.id,
                "client_assertion_type": f"{URN}client-assertion-type:jwt-bearer",
                "client_assertion": self._signed({"iss": self.id, "sub": self.id}, CLIENT_TYPE),
            }
        else:
            secret = references.read(self._directory, self.oauth.secret)
            metadata = await self.server.metadata()
            if "client_secret_basic" in metadata.token_endpoint_auth_methods_supported:
                headers = basic(self.id, secret)
            else:
                form |= {"client_id": self.id, "client_secret": secret}
        return await self.server.issue(form, headers, asked=frozenset(scopes))

    def assertion(self, wanted: Wanted, typ: str, **claims: str) -> str:
        """The gateway's word that a user's task is behind a request (RFC 7521, RFC 7523)."""
        said: dict[str, Any] = {"iss": self._issuer, "sub": wanted.user, **claims}
        if wanted.agent is not None:
            said["act"] = {"sub": wanted.agent}
        return self._signed(said, typ)

    def _signed(self, claims: dict[str, Any], typ: str) -> str:
        now_s = self._clock_ms() // 1000
        lasting = {"iat": now_s, "exp": now_s + _ASSERTION_S, "jti": secrets.token_urlsafe(16)}
        return self._sign({**claims, "aud": self.server.issuer, **lasting}, typ)
