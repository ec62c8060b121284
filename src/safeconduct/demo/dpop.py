"""Proof of possession on every request of the agent (RFC 9449)."""

import base64
import hashlib
import secrets
import time
from collections.abc import Generator

import httpx2
from joserfc import jwt
from joserfc.jwk import ECKey


class DpopAuth(httpx2.Auth):
    """Sends a task token with a fresh proof by the key to which the token is bound."""

    def __init__(self, token: str, key: ECKey) -> None:
        self._token = token
        self._key = key
        self._ath = _base64url(hashlib.sha256(token.encode("ascii")).digest())

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["Authorization"] = f"DPoP {self._token}"
        request.headers["DPoP"] = proof(
            self._key, request.method, str(request.url), {"ath": self._ath}
        )
        yield request


def proof(key: ECKey, method: str, url: str, more: dict[str, str] | None = None) -> str:
    """Sign one DPoP proof with ES256. `more` adds claims, such as `ath`."""
    header = {"typ": "dpop+jwt", "alg": "ES256", "jwk": key.as_dict(private=False)}
    claims = {
        "jti": secrets.token_urlsafe(16),
        "htm": method,
        # Without query and fragment (RFC 9449 section 4.2).
        "htu": url.partition("#")[0].partition("?")[0],
        "iat": int(time.time()),
    }
    return jwt.encode(header, {**claims, **(more or {})}, key)


def _base64url(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
