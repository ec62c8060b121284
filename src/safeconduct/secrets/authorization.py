"""Somebody else's authorization server: what it says of itself, and the tokens that it issues.

Whatever it answers that is not exactly a token that ends is no credential: there is no guessing
what a server meant that decides who may do what.
"""

from __future__ import annotations

import asyncio
import base64
import re
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Final, TypeVar
from urllib.parse import quote, urlencode, urlsplit

import msgspec

from safeconduct.kit import strictjson
from safeconduct.kit.fetch import Fetched, FetchError, fetch, spoken_to
from safeconduct.ports import CredentialUnavailable

TIMEOUT_S: Final = 5.0
"""How long one request may take."""

METADATA_S: Final = 600.0
"""How long what a server says of itself is believed without asking again."""

MAX_LIFE_S: Final = 24 * 3600
"""A token that is said to last longer is used no longer than this."""

_MAX_BYTES: Final = 256 * 1024
_TOKEN: Final = re.compile(r"[A-Za-z0-9\-._~+/]+=*")
"""RFC 6750 section 2.1: what can stand behind `Bearer`."""

Shape = TypeVar("Shape", bound=msgspec.Struct)


class Metadata(msgspec.Struct, frozen=True):
    """What is needed of RFC 8414 section 2, RFC 9207 section 3 and OpenID Connect Discovery 1.0."""

    issuer: str
    token_endpoint: str
    authorization_endpoint: str | None = None
    token_endpoint_auth_methods_supported: tuple[str, ...] = ("client_secret_basic",)
    authorization_response_iss_parameter_supported: bool = False
    claims_parameter_supported: bool = False
    backchannel_authentication_endpoint: str | None = None


class Pushed(msgspec.Struct, frozen=True):
    """An issuer asks on a device of a user (OpenID Connect CIBA Core 1.0 section 7.3)."""

    auth_req_id: Annotated[str, msgspec.Meta(min_length=1, max_length=1024)]
    expires_in: Annotated[float, msgspec.Meta(gt=0, le=86_400)]
    interval: Annotated[float, msgspec.Meta(gt=0, le=600)] | None = None


class Issued(msgspec.Struct, frozen=True):
    """A token response (RFC 6749 section 5.1, RFC 8693 section 2.2.1). It is never printed."""

    access_token: str
    token_type: str
    expires_in: float
    scope: str | None = None
    issued_token_type: str | None = None
    refresh_token: str | None = None
    id_token: str | None = None

    def __repr__(self) -> str:
        return "Issued()"


class _Error(msgspec.Struct, frozen=True):
    error: Annotated[str, msgspec.Meta(pattern=r"^[a-z_]{1,64}$(?!\n)")]


class Turned(CredentialUnavailable):
    """The server gave an error of RFC 6749 section 5.2; `error` is its code."""

    def __init__(self, issuer: str, error: str) -> None:
        super().__init__(f"{issuer} says {error}")
        self.error = error


class AuthorizationServer:
    """One authorization server, by its issuer. It is asked when a token is needed, not before."""

    def __init__(
        self,
        issuer: str,
        clock: Callable[[], float] = time.monotonic,
        *,
        ca: Path | None = None,
    ) -> None:
        """`ca` is a file of authorities to check its certificate against, not the system's."""
        self.issuer = issuer
        self._clock = clock
        self._ca = ca
        self._turn = asyncio.Lock()
        self._metadata: Metadata | None = None
        self._asked_s = float("-inf")

    async def metadata(self) -> Metadata:
        """What the server says of itself. Raises CredentialUnavailable."""
        async with self._turn:
            if self._metadata is None or self._clock() - self._asked_s > METADATA_S:
                self._metadata = await self._discover()
                self._asked_s = self._clock()
            return self._metadata

    async def issue(
        self, form: Mapping[str, str], headers: Mapping[str, str], *, asked: frozenset[str]
    ) -> Issued:
        """Asks the token endpoint; `asked` are the scopes that were asked for.

        Raises:
            Turned: the server refused.
            CredentialUnavailable: there is no token that can be used.
        """
        endpoint = (await self.metadata()).token_endpoint
        fields = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        answer = await self._ask(endpoint, "POST", fields, urlencode(form).encode())
        if answer.status != 200:
            raise self._turned(answer)
        return issued_of(self.issuer, answer.body, asked)

    async def push(self, form: Mapping[str, str], headers: Mapping[str, str]) -> Pushed:
        """Has a user asked on a device of theirs (CIBA Core 1.0 section 7.1). Raises as `issue`."""
        endpoint = (await self.metadata()).backchannel_authentication_endpoint
        if endpoint is None:
            raise CredentialUnavailable(f"{self.issuer}: asks nobody on a device (CIBA)")
        fields = {"Content-Type": "application/x-www-form-urlencoded", **headers}
        answer = await self._ask(endpoint, "POST", fields, urlencode(form).encode())
        if answer.status != 200:
            raise self._turned(answer)
        return _read(self.issuer, answer.body, Pushed)

    async def _discover(self) -> Metadata:
        """Looks where RFC 8414 section 3.1 and OpenID Connect Discovery 1.0 section 4.1 say."""
        parts = urlsplit(self.issuer)
        root, path = f"{parts.scheme}://{parts.netloc}", parts.path.rstrip("/")
        answer = await self._ask(
            f"{root}/.well-known/oauth-authorization-server{path}", "GET", {}, None
        )
        if answer.status == 404:
            answer = await self._ask(
                f"{root}{path}/.well-known/openid-configuration", "GET", {}, None
            )
        if answer.status != 200:
            raise CredentialUnavailable(f"{self.issuer}: metadata with HTTP {answer.status}")
        return metadata_of(self.issuer, answer.body)

    async def _ask(
        self, url: str, method: str, headers: Mapping[str, str], body: bytes | None
    ) -> Fetched:
        fields = {"Accept": "application/json", **headers}
        try:
            return await fetch(
                url,
                method=method,
                headers=fields,
                body=body,
                ca=self._ca,
                timeout_s=TIMEOUT_S,
                max_bytes=_MAX_BYTES,
            )
        except FetchError as error:
            raise CredentialUnavailable(f"{self.issuer}: {error}") from None

    def _turned(self, answer: Fetched) -> CredentialUnavailable:
        if answer.status in {400, 401, 403}:
            with suppress(CredentialUnavailable):
                return Turned(self.issuer, _read(self.issuer, answer.body, _Error).error)
        return CredentialUnavailable(f"{self.issuer}: HTTP {answer.status}")


def metadata_of(issuer: str, body: bytes) -> Metadata:
    """What an issuer says of itself. Raises CredentialUnavailable."""
    found = _read(issuer, body, Metadata)
    # RFC 8414 section 3.3: exactly, or one server could send us to another one's clients.
    if found.issuer != issuer:
        raise CredentialUnavailable(f"{issuer}: the metadata of another issuer")
    optional = (found.authorization_endpoint, found.backchannel_authentication_endpoint)
    for endpoint in (found.token_endpoint, *(one for one in optional if one is not None)):
        plain = endpoint.isascii() and endpoint.isprintable() and " " not in endpoint
        scheme = f"{urlsplit(issuer).scheme}:"
        if not plain or not spoken_to(endpoint) or not endpoint.startswith(scheme):
            raise CredentialUnavailable(f"{issuer}: an endpoint that is not asked")
    return found


def issued_of(issuer: str, body: bytes, asked: frozenset[str]) -> Issued:
    """What a token endpoint issued, where these scopes were asked for.

    Raises CredentialUnavailable.
    """
    issued = _read(issuer, body, Issued)
    if not _TOKEN.fullmatch(issued.access_token) or issued.token_type.lower() != "bearer":
        raise CredentialUnavailable(f"{issuer}: not a bearer token")
    if issued.issued_token_type not in {None, "urn:ietf:params:oauth:token-type:access_token"}:
        raise CredentialUnavailable(f"{issuer}: not an access token")
    if not issued.expires_in > 0:
        raise CredentialUnavailable(f"{issuer}: a token that has ended")
    if asked and issued.scope is not None and not asked.issuperset(issued.scope.split()):
        raise CredentialUnavailable(f"{issuer}: a token for more than was asked for")
    return msgspec.structs.replace(issued, expires_in=min(issued.expires_in, MAX_LIFE_S))


def basic(client_id: str, secret: str) -> dict[str, str]:
    """The header field of client_secret_basic (RFC 6749 section 2.3.1)."""
    pair = f"{quote(client_id, safe='')}:{quote(secret, safe='')}".encode()
    return {"Authorization": f"Basic {base64.b64encode(pair).decode()}"}


_WANTED: Final[Mapping[type[msgspec.Struct], str]] = {
    Metadata: "metadata",
    Pushed: "a request that a device was asked",
}


def _read(issuer: str, body: bytes, shape: type[Shape]) -> Shape:
    try:
        return msgspec.convert(strictjson.loads(body, max_depth=16, max_bytes=_MAX_BYTES), shape)
    except (strictjson.StrictJSONError, msgspec.ValidationError):
        wanted = _WANTED.get(shape, "a token that says when it ends")
        raise CredentialUnavailable(f"{issuer}: not {wanted}") from None
