"""The agent's side of the token service, played by the development issuer: for CLI and demo."""

from __future__ import annotations

import hashlib
import http.client
import secrets
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final, Literal, TypeVar
from urllib.parse import urlencode, urlsplit

import msgspec
import orjson

from safeconduct.config.schema import Config
from safeconduct.core.subgrants import SubGrant
from safeconduct.identity import dev, dpop
from safeconduct.kit import jose, strictjson
from safeconduct.kit.fetch import fetch
from safeconduct.kit.jwk import PrivateKey, encode
from safeconduct.ports import JSON

Source = Literal["user", "app", "agent"]
Shape = TypeVar("Shape", bound=msgspec.Struct)

_TIMEOUT_S: Final = 30
_TYPE: Final = "urn:ietf:params:oauth:token-type:"


class StartedTask(msgspec.Struct, frozen=True, kw_only=True):
    """A task that runs. The token is worth nothing without proofs by the key."""

    task: str
    token: str
    key: PrivateKey
    scopes: frozenset[str]
    expires_ms: int


class IssuedSvids(msgspec.Struct, frozen=True):
    """What a workload got for its evidence; certificates are DER in base64, its own first."""

    spiffe_id: str
    x509_svid: tuple[str, ...]
    jwt_svid: str


class NotStarted(Exception):
    """The gateway issued nothing; `error` is its OAuth error code."""

    def __init__(self, error: str, sentence: str) -> None:
        super().__init__(f"{error}: {sentence}")
        self.error = error
        self.sentence = sentence


class _TokenResponse(msgspec.Struct, frozen=True):
    access_token: str
    expires_in: int
    scope: str
    task: str


class _ErrorResponse(msgspec.Struct, frozen=True):
    error: str
    error_description: str = ""


def start_task(  # noqa: PLR0913  each is said by the user, or shown by a party
    config: Config,
    *,
    agent: str,
    user: str,
    profile: str,
    purpose: str,
    source: Source,
    scopes: Sequence[str] | None = None,
    svid: str | None = None,
    key: PrivateKey | None = None,
    follow: Sequence[SubGrant] = (),
) -> StartedTask:
    """Start a task at the running gateway. Blocks; use `asyncio.to_thread` in a coroutine.

    `source` says who vouches for the purpose: `app` is the first configured front end, `user` the
    user's device, `agent` nobody. `svid` is the JWT-SVID that the agent has of another issuer,
    `follow` is what the user has the task follow, which no agent can say itself,
    and `key` the one that it is bound to, and that the task will be; a new one if there is none.

    Raises:
        DevIdentityRefused: this configuration has no development identity for one of the parties.
        NotStarted: the gateway refused.
        OSError: the gateway cannot be reached.
    """
    key = key or PrivateKey.generate()
    url = f"{config.root.gateway.issuer}/oauth/token"
    form = _form(
        config, agent=agent, user=user, purpose=purpose, source=source, svid=svid, follow=follow
    )
    form["task_profile"] = profile
    if scopes is not None:
        form["scope"] = " ".join(scopes)
    now_ms = time.time_ns() // 1_000_000
    status, body = _post(url, form, proof(key, "POST", url, None))
    issued = _answered(status, body, _TokenResponse)
    return StartedTask(
        task=issued.task,
        token=issued.access_token,
        key=key,
        scopes=frozenset(issued.scope.split()),
        expires_ms=now_ms + issued.expires_in * 1000,
    )


async def attest(
    gateway: str,
    attestor: str,
    evidence: str | JSON,
    key: PrivateKey,
    *,
    audience: str | None = None,
    ca: Path | None = None,
) -> IssuedSvids:
    """Get SVIDs for this key from the gateway of this URL, by evidence of what this workload is.

    Raises:
        NotStarted: the gateway refused.
        FetchError: the gateway cannot be reached, or not in private.
    """
    url = f"{gateway.rstrip('/')}/identity/svid"
    asked = {"attestor": attestor, "evidence": evidence}
    answer = await fetch(
        url,
        method="POST",
        headers={"Content-Type": "application/json", "DPoP": proof(key, "POST", url, None)},
        body=orjson.dumps(asked if audience is None else {**asked, "audience": audience}),
        ca=ca,
        timeout_s=_TIMEOUT_S,
    )
    return _answered(answer.status, answer.body, IssuedSvids)


def proof(key: PrivateKey, method: str, url: str, token: str | None) -> str:
    """A DPoP proof for one request (RFC 9449 section 4.2), `token` being sent along, if any.

    Its `iat` has a fraction of a second, so that a gateway that has just started can tell a proof
    of now from one of before.
    """
    claims: dict[str, Any] = {
        "jti": secrets.token_urlsafe(16),
        "htm": method,
        "htu": url.partition("#")[0].partition("?")[0],
        "iat": time.time_ns() // 1_000_000 / 1000,
    }
    if token is not None:
        claims["ath"] = encode(hashlib.sha256(token.encode("ascii")).digest())
    return jose.sign(claims, key, dpop.TYPE, embed=True)


def _answered(status: int, body: bytes, shape: type[Shape]) -> Shape:
    """What was asked for. Raises NotStarted."""
    try:
        answer = strictjson.loads(body)
        if status == 200:
            return msgspec.convert(answer, shape)
        refused = msgspec.convert(answer, _ErrorResponse)
    except ValueError:
        raise NotStarted("server_error", f"the answer makes no sense (HTTP {status})") from None
    raise NotStarted(refused.error, refused.error_description)


def _form(
    config: Config,
    *,
    agent: str,
    user: str,
    purpose: str,
    source: Source,
    svid: str | None,
    follow: Sequence[SubGrant],
) -> JSON:
    state = Path(config.directory) / config.root.gateway.state
    now_ms = time.time_ns() // 1_000_000
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": dev.user_token(state, config, user, now_ms),
        "subject_token_type": f"{_TYPE}jwt",
        "actor_token": svid or dev.svid(state, config, agent, now_ms),
        "actor_token_type": f"{_TYPE}jwt",
        "resource": config.root.gateway.issuer,
    }
    if source == "agent":
        return form | {"purpose": purpose}
    issuer = user if source == "user" else next(iter(config.root.front_ends), "")
    attestation = dev.purpose(
        state,
        config,
        issuer=issuer,
        user=user,
        agent=agent,
        text=purpose,
        now_ms=now_ms,
        follow=follow,
    )
    return form | {"purpose_attestation": attestation}


def _post(url: str, form: JSON, dpop_proof: str) -> tuple[int, bytes]:
    parts = urlsplit(url)
    secure = parts.scheme == "https"
    kind = http.client.HTTPSConnection if secure else http.client.HTTPConnection
    connection = kind(parts.hostname or "", parts.port, timeout=_TIMEOUT_S)
    headers = {"Content-Type": "application/x-www-form-urlencoded", "DPoP": dpop_proof}
    try:
        connection.request("POST", parts.path, urlencode(form), headers)
        response = connection.getresponse()
        return response.status, response.read()
    except http.client.HTTPException as error:
        raise ConnectionError(f"no HTTP answer from {url}: {type(error).__name__}") from None
    finally:
        connection.close()
