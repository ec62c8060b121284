"""People sign in at their issuer: this gateway as a relying party (OpenID Connect Core 1.0).

Authorization code flow with PKCE (RFC 7636), a nonce, and the issuer's name in the answer where it
says that it gives it (RFC 9207). What comes back is an ID token, which is verified like any other
token of a user.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, Protocol
from urllib.parse import urlencode

import orjson
from msgspec.structs import replace

from safeconduct.kit import jose
from safeconduct.kit.jwk import encode
from safeconduct.ports import (
    Attempt,
    CredentialUnavailable,
    LoginFailed,
    Person,
    SignedIn,
    Unauthenticated,
)


class Metadata(Protocol):
    """What an issuer says of itself (OpenID Connect Discovery 1.0 section 3)."""

    @property
    def authorization_endpoint(self) -> str | None: ...

    @property
    def authorization_response_iss_parameter_supported(self) -> bool: ...

    @property
    def claims_parameter_supported(self) -> bool: ...


class Issued(Protocol):
    """What its token endpoint issued."""

    @property
    def id_token(self) -> str | None: ...


class Issuer(Protocol):
    """The issuer as an authorization server. Its methods raise CredentialUnavailable."""

    issuer: str

    async def metadata(self) -> Metadata: ...

    async def issue(
        self, form: Mapping[str, str], headers: Mapping[str, str], *, asked: frozenset[str]
    ) -> Issued: ...


Authenticate = Callable[[], Awaitable[tuple[Mapping[str, str], Mapping[str, str]]]]
"""Form fields and headers by which we prove to be the client. Raises CredentialUnavailable."""


_UNAVAILABLE: Final = "The sign-in service cannot be reached. Try again later."
_NOT_SIGNED_IN: Final = "You were not signed in. Start again from your application."


class Login:
    """`safeconduct.ports.SignIn` at one issuer."""

    def __init__(
        self,
        issuer: Issuer,
        *,
        client_id: str,
        authenticate: Authenticate,
        callback: str,
        scope: str,
        person: Callable[[str, int], Awaitable[Person]],
    ) -> None:
        """`callback` is our URL that the issuer sends people back to; `person` verifies a token of
        a user.
        """
        self._issuer = issuer
        self._client_id = client_id
        self._authenticate = authenticate
        self._callback = callback
        self._scope = scope
        self._person = person

    async def begin(
        self,
        *,
        acr: tuple[str, ...] = (),
        max_age_s: int | None = None,
        nonce: str | None = None,
    ) -> tuple[str, Attempt]:
        attempt = Attempt(*(secrets.token_urlsafe(32) for _ in range(3)))
        signed_for = {}
        if nonce is not None:
            attempt = replace(attempt, nonce=nonce)
            # Otherwise somebody who has a session there signs in by doing nothing.
            signed_for = {"prompt": "login"}
        metadata = await self._metadata()
        endpoint = metadata.authorization_endpoint
        if endpoint is None:
            raise LoginFailed(_UNAVAILABLE, "the issuer names no authorization endpoint")
        asked = {
            "response_type": "code",
            "client_id": self._client_id,
            "redirect_uri": self._callback,
            "scope": self._scope,
            "state": attempt.state,
            "nonce": attempt.nonce,
            "code_challenge": challenge(attempt.verifier),
            "code_challenge_method": "S256",
            **signed_for,
        }
        if metadata.claims_parameter_supported:
            # Section 5.5.1.1: an essential acr must be met. What comes of asking for it by
            # acr_values besides is unspecified, and an issuer may take the weaker one.
            wanted = {
                "acr": {"essential": True, "values": list(acr)} if acr else None,
                "amr": None,
                "auth_time": {"essential": True},
            }
            asked["claims"] = orjson.dumps({"id_token": wanted}).decode()
        elif acr:
            asked["acr_values"] = " ".join(acr)
        if max_age_s is not None:
            asked["max_age"] = str(max_age_s)
        return f"{endpoint}{'&' if '?' in endpoint else '?'}{urlencode(asked)}", attempt

    async def finish(self, answer: Mapping[str, str], attempt: Attempt, now_ms: int) -> SignedIn:
        metadata = await self._metadata()
        named = answer.get("iss")
        expected = metadata.authorization_response_iss_parameter_supported
        if named != self._issuer.issuer and (named is not None or expected):
            raise LoginFailed(_NOT_SIGNED_IN, "an answer of another issuer")
        if "error" in answer or "code" not in answer:
            raise LoginFailed(_NOT_SIGNED_IN, "the issuer gave no code")
        form = {
            "grant_type": "authorization_code",
            "code": answer["code"],
            "redirect_uri": self._callback,
            "code_verifier": attempt.verifier,
        }
        try:
            proven, headers = await self._authenticate()
            issued = await self._issuer.issue({**form, **proven}, headers, asked=frozenset())
        except CredentialUnavailable as fault:
            raise LoginFailed(_UNAVAILABLE, str(fault)) from None
        token = issued.id_token
        if token is None:
            raise LoginFailed(_NOT_SIGNED_IN, "the issuer gave no ID token")
        try:
            person = await self._person(token, now_ms)
        except Unauthenticated as fault:
            raise LoginFailed(_NOT_SIGNED_IN, str(fault)) from None
        _, claims = jose.peek(token)
        if not hmac.compare_digest(str(claims.get("nonce")).encode(), attempt.nonce.encode()):
            raise LoginFailed(_NOT_SIGNED_IN, "an ID token of another attempt")
        return SignedIn(person, token)

    async def _metadata(self) -> Metadata:
        try:
            return await self._issuer.metadata()
        except CredentialUnavailable as fault:
            raise LoginFailed(_UNAVAILABLE, str(fault)) from None


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    return encode(hashlib.sha256(verifier.encode("ascii")).digest())
