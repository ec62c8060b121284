"""Tool tokens: signed for one message to one upstream, on behalf of one task's call.

A tool token is bound to the very bytes of its message, lasts a minute at most, and never longer
than the task token that it hangs on. Who steals one can send the same message to the same upstream,
unless it has arrived there already.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from typing import Any, Final

from safeconduct.config.schema import Config
from safeconduct.kit.jwk import encode
from safeconduct.ports import Credential, CredentialUnavailable, Errand

TYPE: Final = "tool-token+jwt"
"""The `typ` of a tool token: no other kind of token that the gateway signs passes for one."""

MAX_LIFE_S: Final = 60

KIND: Final = "tool-token"

Sign = Callable[[Mapping[str, Any], str], str]
"""Signs claims with the gateway's key, as a JWT of a `typ`."""


def unsigned(_claims: Mapping[str, Any], _typ: str) -> str:
    """Stands for the signature where there is no key. Raises CredentialUnavailable."""
    raise CredentialUnavailable("there is no key to sign with")


def body_digest(body: bytes) -> str:
    """The `bd` claim: SHA-256 of a message's body, in base64url."""
    return encode(hashlib.sha256(body).digest())


class ToolTokens:
    """Mints the tool tokens for one upstream.

    Args:
        config: where the upstream and the registrations of agents stand.
        upstream: its id.
        sign: the gateway's signature.
        clock_ms: the time.
    """

    def __init__(
        self, config: Config, upstream: str, sign: Sign, clock_ms: Callable[[], int]
    ) -> None:
        block = config.root.upstreams[upstream].credential
        self._issuer = config.root.gateway.issuer
        self._tenant = config.root.gateway.tenant
        self._audience = block.audience
        self._ttl_s = min(block.ttl_s, MAX_LIFE_S)
        self._bearers = config.bearers(upstream) or frozenset()
        self._sign = sign
        self._clock_ms = clock_ms

    async def __call__(self, errand: Errand) -> Credential:
        """A credential that signs each message of an errand.

        Raises CredentialUnavailable when the agent's tool tokens may not go there.
        """
        if errand.agent is not None and errand.agent not in self._bearers:
            raise CredentialUnavailable("the agent's registration does not name this audience")
        service = _service(errand)
        claims: dict[str, Any] = {
            "iss": self._issuer,
            "aud": self._audience,
            "client_id": service,
            "sub": errand.user or service,
            "tenant": self._tenant,
            "method": errand.method,
            "name": errand.name,
        }
        if errand.agent is not None:
            claims["act"] = {"sub": errand.agent}
        if errand.task is not None:
            claims["txn"] = errand.task
        if errand.scopes:
            claims["scope"] = " ".join(errand.scopes)

        def bound(http_method: str, body: bytes) -> dict[str, str]:
            now_ms = self._clock_ms()
            ends_s = now_ms // 1000 + self._ttl_s
            if errand.ends_ms is not None:
                ends_s = min(ends_s, errand.ends_ms // 1000)
            message = {
                "iat": now_ms / 1000,
                "exp": ends_s,
                "jti": secrets.token_urlsafe(16),
                "htm": http_method,
                "bd": body_digest(body),
            }
            return {"Authorization": f"Bearer {self._sign({**claims, **message}, TYPE)}"}

        return Credential(KIND, bound=bound)


def _service(errand: Errand) -> str:
    """Each tool has a service identity of its own: its id; whatever else is asked is the upstream's
    own business.
    """
    return f"{errand.upstream}.{errand.name}" if errand.method == "tools/call" else errand.upstream
