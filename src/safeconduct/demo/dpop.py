"""Proof of possession on every request of the agent (RFC 9449)."""

from collections.abc import Generator

import httpx2

from safeconduct.identity.client import proof
from safeconduct.kit.jwk import PrivateKey


class DpopAuth(httpx2.Auth):
    """Sends a task token with a fresh proof by the key to which the token is bound."""

    def __init__(self, token: str, key: PrivateKey) -> None:
        self._token = token
        self._key = key

    def auth_flow(
        self, request: httpx2.Request
    ) -> Generator[httpx2.Request, httpx2.Response, None]:
        request.headers["Authorization"] = f"DPoP {self._token}"
        request.headers["DPoP"] = proof(self._key, request.method, str(request.url), self._token)
        yield request
