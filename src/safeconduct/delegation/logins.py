"""How a person's program comes to a task: the authorization code flow (RFC 6749, OAuth 2.1).

```
 program    asks for a code             begin      its id, its redirect URI, PKCE, this gateway
 person     signs in at their issuer    returned   in the browser that left
            sees what is asked      question    as often as the page is loaded
            says yes, and what for      answered   on a page of ours, in the same browser
 program    trades the code for a task  redeem     once, within a minute, by the one who asked
```

What is known of somebody who has not signed in yet is sealed in their browser, so that nobody can
crowd them out here. The rest is in this process and small; a restart makes everybody begin again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
import time
from collections.abc import Callable, Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec
from msgspec.structs import replace

from safeconduct.config.schema import Config
from safeconduct.delegation.clients import Client, Clients, UnknownClient
from safeconduct.delegation.request import Program, Start, UserToken, readable
from safeconduct.kit.jwk import encode
from safeconduct.kit.resources import ours
from safeconduct.kit.seal import Seal, Unsealed
from safeconduct.ports import Attempt, LoginFailed, SignIn, TokenRefused

ANSWER_S: Final = 600.0
"""How long a person may take to say yes, in seconds."""

CODE_S: Final = 60.0
"""How long a code is good for, in seconds (RFC 6749 section 4.1.2: at most ten minutes)."""

MAX_OPEN: Final = 10_000
"""How many people may be asked at once; the oldest are forgotten."""

MAX_KEPT: Final = 3800
"""How much a browser is given to keep: it takes cookies of 4096 bytes (RFC 6265 section 6.1)."""

_MAX_STATE: Final = 2048
_CHALLENGE: Final = re.compile(r"[A-Za-z0-9_-]{43}")


class Kept(msgspec.Struct, frozen=True):
    """What a browser alone keeps until it comes back with this id."""

    id: str
    value: str


class Redirect(msgspec.Struct, frozen=True):
    """Where the browser goes next, and what it keeps if it comes back."""

    url: str
    kept: Kept | None = None


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What the person is asked before a program gets a task."""

    id: str
    client: Client
    user: str
    scopes: tuple[str, ...]
    redirect_uri: str


class _Asked(msgspec.Struct, frozen=True, kw_only=True):
    client: Client
    redirect_uri: str
    state: str | None
    challenge: str
    scopes: frozenset[str] | None
    jkt: str | None


class _Away(msgspec.Struct, frozen=True):
    """Somebody who is at their issuer."""

    asked: _Asked
    attempt: Attempt


class _Open(msgspec.Struct, kw_only=True):
    """Somebody who has signed in. `browser` is the digest of what their browser keeps."""

    asked: _Asked
    browser: bytes
    since_s: float
    token: str
    user: str
    purpose: str = ""


class Logins:
    """The people who are on their way."""

    def __init__(
        self,
        config: Config,
        clients: Clients,
        sign_in: SignIn,
        *,
        names: frozenset[str],
        clock_ms: Callable[[], int],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`names` are those under which tokens for this gateway can be asked for."""
        self._config = config
        self._issuer = config.root.gateway.issuer
        self._clients = clients
        self._sign_in = sign_in
        self._names = names
        self._clock_ms = clock_ms
        self._clock = clock
        self._seal = Seal(_Away, clock_ms)
        # By question, and by digest of the code.
        self._asked: dict[str, _Open] = {}
        self._codes: dict[str, _Open] = {}

    async def begin(self, query: Mapping[str, str]) -> Redirect:
        """A program sends a person; off they go to their issuer.

        Raises LoginFailed where nobody can be sent back to: the person is told.
        """
        client, redirect_uri = await self._client(query)
        state = query.get("state")
        try:
            asked = self._request(query, client, redirect_uri, state)
        except TokenRefused as refused:
            return self._back(redirect_uri, state, error=refused.error, why=refused.sentence)
        requires = self._config.root.profiles[client.profile].requires
        url, attempt = await self._sign_in.begin(acr=requires.acr, max_age_s=requires.max_age_s)
        kept = self._seal.seal(_Away(asked, attempt), attempt.state.encode())
        if len(kept) > MAX_KEPT:
            return self._back(redirect_uri, state, error="invalid_request", why="It is too long.")
        return Redirect(url, Kept(attempt.state, kept))

    async def returned(self, query: Mapping[str, str], kept: str) -> Kept:
        """The person comes back from their issuer; the id is that of what they are asked next.
        Raises LoginFailed.
        """
        try:
            away = self._seal.open(kept, query.get("state", "").encode())
        except Unsealed:
            raise _lost() from None
        signed_in = await self._sign_in.finish(query, away.attempt, self._clock_ms())
        question, browser = secrets.token_urlsafe(32), secrets.token_urlsafe(32)
        one = _Open(
            asked=away.asked,
            browser=_digest(browser),
            since_s=self._clock(),
            token=signed_in.token,
            user=signed_in.person.id,
        )
        _keep(self._asked, question, one)
        return Kept(question, browser)

    def question(self, question: str, browser: str) -> Question:
        """What the person is asked, as long as they have not answered. Raises LoginFailed."""
        one = self._here(self._asked.get(question), browser)
        profile = self._config.root.profiles[one.asked.client.profile]
        wanted = frozenset(profile.scopes)
        scopes = wanted if one.asked.scopes is None else wanted & one.asked.scopes
        return Question(
            id=question,
            client=one.asked.client,
            user=one.user,
            scopes=tuple(sorted(scopes)),
            redirect_uri=one.asked.redirect_uri,
        )

    def answered(self, question: str, browser: str, *, allowed: bool, purpose: str) -> Redirect:
        """The person said yes or no; back they go to the program. Raises LoginFailed."""
        if purpose.strip():
            try:
                readable(purpose)
            except TokenRefused as refused:
                raise LoginFailed(refused.sentence, "a purpose that is not readable") from None
        one = self._here(self._asked.pop(question, None), browser)
        asked = one.asked
        if not allowed:
            return self._back(asked.redirect_uri, asked.state, error="access_denied")
        code = secrets.token_urlsafe(32)
        one.purpose, one.since_s = purpose.strip(), self._clock()
        _keep(self._codes, _digest(code).hex(), one)
        return self._back(asked.redirect_uri, asked.state, code=code)

    def redeem(self, form: Mapping[str, str]) -> Start:
        """What a code stands for; it is spent, whatever comes of it. Raises TokenRefused."""
        code = _digest(form.get("code", "")).hex()
        one = self._codes.pop(code, None)
        verifier = form.get("code_verifier", "")
        if (
            one is None
            or self._clock() - one.since_s > CODE_S
            or form.get("client_id") != one.asked.client.id
            or form.get("redirect_uri", one.asked.redirect_uri) != one.asked.redirect_uri
            or not 43 <= len(verifier) <= 128
            or not hmac.compare_digest(_challenge(verifier), one.asked.challenge)
        ):
            raise TokenRefused("invalid_grant", "The code is not good, or not for this request.")
        self._for_us(form)
        client = one.asked.client
        return Start(
            svids=(),
            client_id=client.id,
            scopes=one.asked.scopes,
            details=None,
            user=UserToken(one.token),
            profile=client.profile,
            purpose=one.purpose or f"Signed in with {client.name}.",
            attestation=None,
            program=Program(
                id=client.id,
                agent=client.agent,
                code=code,
                jkt=one.asked.jkt,
                asked=bool(one.purpose),
            ),
        )

    async def _client(self, query: Mapping[str, str]) -> tuple[Client, str]:
        try:
            client = await self._clients.find(query.get("client_id", ""))
        except UnknownClient as fault:
            raise LoginFailed(str(fault), "a client that is not known") from None
        redirect_uri = query.get("redirect_uri", "")
        if not client.redirects_to(redirect_uri):
            raise LoginFailed(
                "The application wants you sent to a place that it did not register.",
                f"a redirect URI that {client.id} did not register",
            )
        return client, redirect_uri

    def _request(
        self, query: Mapping[str, str], client: Client, redirect_uri: str, state: str | None
    ) -> _Asked:
        if query.get("response_type") != "code":
            raise TokenRefused("unsupported_response_type", "Only codes are issued.")
        challenge = query.get("code_challenge", "")
        if query.get("code_challenge_method") != "S256" or not _CHALLENGE.fullmatch(challenge):
            raise TokenRefused("invalid_request", "PKCE with S256 is required.")
        if state is not None and len(state) > _MAX_STATE:
            raise TokenRefused("invalid_request", "The state is too long.")
        self._for_us(query)
        return _Asked(
            client=replace(client, redirect_uris=()),
            redirect_uri=redirect_uri,
            state=state,
            challenge=challenge,
            scopes=frozenset(query["scope"].split()) if query.get("scope") else None,
            jkt=query.get("dpop_jkt"),
        )

    def _for_us(self, asked: Mapping[str, str]) -> None:
        if not ours(asked.get("resource", self._issuer), self._names):
            raise TokenRefused("invalid_target", "Tokens are issued for this gateway only.")

    def _back(
        self,
        redirect_uri: str,
        state: str | None,
        *,
        code: str | None = None,
        error: str | None = None,
        why: str | None = None,
    ) -> Redirect:
        """Back to the program, which is told who answers (RFC 9207)."""
        told = {"code": code, "error": error, "error_description": why, "state": state}
        query = urlencode(
            {name: value for name, value in told.items() if value is not None}
            | {"iss": self._issuer}
        )
        return Redirect(f"{redirect_uri}{'&' if '?' in redirect_uri else '?'}{query}")

    def _here(self, one: _Open | None, browser: str) -> _Open:
        """Somebody who is asked in this very browser."""
        if (
            one is None
            or self._clock() - one.since_s > ANSWER_S
            or not hmac.compare_digest(one.browser, _digest(browser))
        ):
            raise _lost()
        return one


def _lost() -> LoginFailed:
    return LoginFailed(
        "This page is not valid any more. Start again from your application.",
        "nobody is on their way so, or in another browser",
    )


def _keep(among: dict[str, _Open], key: str, one: _Open) -> None:
    if len(among) >= MAX_OPEN:
        del among[next(iter(among))]
    among[key] = one


def _digest(text: str) -> bytes:
    return hashlib.sha256(text.encode()).digest()


def _challenge(verifier: str) -> str:
    return encode(_digest(verifier))
