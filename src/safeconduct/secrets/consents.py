"""What users have consented to at an upstream's authorization server (RFC 6749 section 4.1).

A consent is a token in a file of the gateway's state that only its owner can read; taking the file
away ends it. How it comes about: an operator has a ticket made for one user, who opens it,
reads what it is for, is sent on, and comes back in the same browser. Tickets and browsers under way
are gone after a restart.
"""

from __future__ import annotations

import asyncio
import hashlib
import logging
import secrets
from collections.abc import Awaitable, Callable, Mapping
from hmac import compare_digest
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import msgspec

from safeconduct.kit import files, jose
from safeconduct.kit.jwk import JoseError, encode
from safeconduct.ports import CredentialUnavailable, LedgerFault, NoConsent
from safeconduct.secrets.authorization import Issued, Turned
from safeconduct.secrets.client import Client

DIRECTORY: Final = "consents"

TICKET_MS: Final = 600_000
"""How long a ticket is good, and how long a browser may be away, in milliseconds."""

MAX_TICKETS: Final = 100

_log = logging.getLogger(__name__)


class Consent(msgspec.Struct, frozen=True, kw_only=True):
    """One user's consent, as it is kept: a refresh token, or where there was none, the access token
    that was given instead, until it ends.
    """

    upstream: str
    user: str
    issuer: str
    at_ms: int
    refresh_token: str | None = None
    access_token: str = ""
    ends_ms: int = 0

    def __repr__(self) -> str:
        return f"Consent(upstream={self.upstream!r}, user={self.user!r})"


class Ticket(msgspec.Struct, frozen=True, kw_only=True):
    """What a user is asked to consent to. `browser` is what only the browser that left holds."""

    upstream: str
    user: str
    ends_ms: int
    state: str
    browser: str
    verifier: str
    nonce: str


class Consents:
    """The consents for one upstream."""

    def __init__(
        self,
        client: Client,
        upstream: str,
        directory: Path,
        redirect_uri: str,
        clock_ms: Callable[[], int],
    ) -> None:
        self.upstream = upstream
        self._client = client
        self._directory = directory
        self._redirect_uri = redirect_uri
        self._clock_ms = clock_ms
        self._turns: dict[str, asyncio.Lock] = {}
        self.changed: Callable[[str], None] = lambda _: None
        """Hears of users whose consent came or went: a new one may be for another account."""

    def given(self, user: str) -> bool:
        """Whether a user's consent stands."""
        return self._path(user).exists()

    def withdraw(self, user: str) -> bool:
        """Ends a user's consent; whether there was one."""
        there = self.given(user)
        self._path(user).unlink(missing_ok=True)
        self.changed(user)
        return there

    async def issued(self, user: str, scopes: tuple[str, ...]) -> Issued:
        """A token by a user's consent. Raises CredentialUnavailable."""
        # Servers that change the refresh token with each use take a second use for a theft.
        async with self._turns.setdefault(user, asyncio.Lock()):
            consent = self._read(user)
            if consent.refresh_token is None:
                return self._left(consent)
            form = {"grant_type": "refresh_token", "refresh_token": consent.refresh_token}
            try:
                issued = await self._client.granted(form, scopes)
            except Turned as turned:
                if turned.error == "invalid_grant" and self._stands(consent):
                    self._path(user).unlink(missing_ok=True)
                raise
            if issued.refresh_token is not None and self._stands(consent):
                self._write(msgspec.structs.replace(consent, refresh_token=issued.refresh_token))
            return issued

    def _stands(self, consent: Consent) -> bool:
        """Whether this very consent does: meanwhile there may be another, or none."""
        try:
            return self._read(consent.user) == consent
        except CredentialUnavailable:
            return False

    def _left(self, consent: Consent) -> Issued:
        """What is left of a token that cannot be had anew. Raises CredentialUnavailable."""
        left_ms = consent.ends_ms - self._clock_ms()
        if left_ms <= 0:
            self.withdraw(consent.user)
            raise CredentialUnavailable("the user's consent has ended")
        return Issued(consent.access_token, "Bearer", left_ms / 1000)

    def ticket(self, user: str) -> Ticket:
        """What a user will be asked."""
        return Ticket(
            upstream=self.upstream,
            user=user,
            ends_ms=self._clock_ms() + TICKET_MS,
            state=secrets.token_urlsafe(24),
            browser=secrets.token_urlsafe(24),
            verifier=secrets.token_urlsafe(48),
            nonce=secrets.token_urlsafe(24),
        )

    async def url(self, ticket: Ticket) -> str:
        """Where the browser goes (RFC 7636, RFC 8707). Raises CredentialUnavailable."""
        metadata = await self._client.server.metadata()
        if metadata.authorization_endpoint is None:
            raise CredentialUnavailable(f"{metadata.issuer}: nobody can log in there")
        asked: dict[str, str] = {
            "response_type": "code",
            "client_id": self._client.id,
            "redirect_uri": self._redirect_uri,
            "state": ticket.state,
            "nonce": ticket.nonce,
            "code_challenge": encode(hashlib.sha256(ticket.verifier.encode()).digest()),
            "code_challenge_method": "S256",
            "resource": self._client.resource,
            "scope": " ".join(self._scopes()),
        }
        if "offline_access" in self._scopes():
            asked["prompt"] = "consent"  # OpenID Connect Core 1.0 section 11
        mark = "&" if "?" in metadata.authorization_endpoint else "?"
        return f"{metadata.authorization_endpoint}{mark}{urlencode(asked)}"

    async def arrived(self, ticket: Ticket, answer: Mapping[str, str]) -> Consent:
        """What a browser came back with, exchanged for a consent that is not kept yet.

        Raises NoConsent.
        """
        try:
            metadata = await self._client.server.metadata()
            # RFC 9207: an answer of another server is not passed on to this one.
            needed = metadata.authorization_response_iss_parameter_supported
            if answer.get("iss", None if needed else metadata.issuer) != metadata.issuer:
                raise NoConsent("Another server than the one that was asked has answered.")
            if "code" not in answer:
                raise NoConsent("The server says that there is no consent.")
            form = {
                "grant_type": "authorization_code",
                "code": answer["code"],
                "redirect_uri": self._redirect_uri,
                "code_verifier": ticket.verifier,
            }
            issued = await self._client.granted(form, ())
        except CredentialUnavailable as error:
            _log.warning("no consent at %s: %s", self.upstream, error)
            raise NoConsent("The server gave no token; the gateway's log says why.") from None
        self._check_user(ticket, issued)
        now_ms = self._clock_ms()
        consent = Consent(
            upstream=self.upstream,
            user=ticket.user,
            issuer=metadata.issuer,
            at_ms=now_ms,
            refresh_token=issued.refresh_token,
        )
        if issued.refresh_token is not None:
            return consent
        return msgspec.structs.replace(
            consent,
            access_token=issued.access_token,
            ends_ms=now_ms + int(issued.expires_in * 1000),
        )

    def keep(self, consent: Consent) -> None:
        """Makes a consent stand. Raises OSError."""
        self._write(consent)
        self.changed(consent.user)

    def _check_user(self, ticket: Ticket, issued: Issued) -> None:
        """Whoever logged in must be the user, where the server says who did.

        The token came from the server itself, over TLS, which stands for its signature (OpenID
        Connect Core 1.0 section 3.1.3.7).
        """
        claim = self._client.oauth.user_claim
        if claim is None:
            return
        try:
            said = jose.peek(issued.id_token or "")[1]
        except JoseError:
            raise NoConsent("The server does not say who logged in.") from None
        audience: Any = said.get("aud")
        if (
            said.get("iss") != self._client.server.issuer
            or (audience if isinstance(audience, list) else [audience]) != [self._client.id]
            or said.get("nonce") != ticket.nonce
        ):
            raise NoConsent("What the server says about who logged in is for somebody else.")
        if said.get(claim) != ticket.user:
            raise NoConsent(f"Somebody else than {ticket.user} logged in.")

    def _scopes(self) -> list[str]:
        oauth = self._client.oauth
        every = (*oauth.scopes, *(one for tool in oauth.tool_scopes.values() for one in tool))
        return list(dict.fromkeys(every))

    def _path(self, user: str) -> Path:
        name = hashlib.sha256(f"{self.upstream}\n{user}".encode()).hexdigest()
        return self._directory / f"{name}.json"

    def _read(self, user: str) -> Consent:
        try:
            consent = msgspec.json.decode(self._path(user).read_bytes(), type=Consent)
        except FileNotFoundError:
            raise CredentialUnavailable("the user has not consented") from None
        except (OSError, msgspec.DecodeError) as error:
            raise CredentialUnavailable(f"a consent: {type(error).__name__}") from None
        asked = (self.upstream, user, self._client.server.issuer)
        if (consent.upstream, consent.user, consent.issuer) != asked:
            raise CredentialUnavailable("a consent for something else")
        return consent

    def _write(self, consent: Consent) -> None:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        files.replace(self._path(consent.user), msgspec.json.encode(consent), mode=0o600)


Record = Callable[[Mapping[str, Any]], Awaitable[object]]
"""Makes a record durable. Raises LedgerFault."""


async def nobody(_upstream: str) -> None:
    """Hears of a consent where nobody has to."""


async def unrecorded(_record: Mapping[str, Any]) -> None:
    """Stands for the log where there is none. Raises LedgerFault."""
    raise LedgerFault


class Tickets:
    """The tickets and browsers under way, for all upstreams whose users are asked
    (`safeconduct.ports.Consents`).
    """

    def __init__(
        self, consents: Mapping[str, Consents], clock_ms: Callable[[], int], record: Record
    ) -> None:
        self._consents = consents
        self._clock_ms = clock_ms
        self._record = record
        self._open: dict[str, Ticket] = {}
        self.given: Callable[[str], Awaitable[None]] = nobody
        """Hears of each consent, by its upstream, before the user is thanked."""

    def make(self, upstream: str, user: str) -> str:
        """A new ticket's name. Raises NoConsent."""
        consents = self._at(upstream)
        self._sweep()
        if len(self._open) >= MAX_TICKETS:
            raise NoConsent("Too many tickets are open.")
        name = secrets.token_urlsafe(24)
        self._open[name] = consents.ticket(user)
        return name

    async def withdraw(self, upstream: str, user: str, by: str) -> bool:
        """Ends a user's consent; whether there was one. It has ended also where that cannot be
        recorded.

        Raises NoConsent, LedgerFault.
        """
        there = self._at(upstream).withdraw(user)
        if there:
            await self._noted("withdrawn", upstream, user, by=by)
        return there

    def find(self, name: str) -> tuple[str, str]:
        ticket = self._found(name)
        return ticket.upstream, ticket.user

    async def leave(self, name: str) -> tuple[str, str]:
        ticket = self._found(name)
        try:
            return await self._at(ticket.upstream).url(ticket), ticket.browser
        except CredentialUnavailable as error:
            _log.warning("nobody can be asked for consent at %s: %s", ticket.upstream, error)
            raise NoConsent("The server cannot be asked now.") from None

    async def arrive(self, answer: Mapping[str, str], browser: str) -> tuple[str, str]:
        self._sweep()
        found = [name for name, one in self._open.items() if one.state == answer.get("state")]
        if not found:
            raise NoConsent("Nobody was sent away from here with this answer.")
        ticket = self._open[found[0]]
        if not compare_digest(ticket.browser.encode(), browser.encode()):
            raise NoConsent("This is another browser than the one that was sent away.")
        del self._open[found[0]]  # a code is good once, and so is a ticket
        consents = self._at(ticket.upstream)
        consent = await consents.arrived(ticket, answer)
        try:
            await self._noted("given", ticket.upstream, ticket.user)
            consents.keep(consent)
        except (LedgerFault, OSError):
            _log.exception("a consent could not be kept")
            raise NoConsent("The consent could not be kept.") from None
        await self.given(ticket.upstream)
        return ticket.upstream, ticket.user

    async def _noted(self, phase: str, upstream: str, user: str, **more: str) -> None:
        await self._record(
            {
                "kind": "consent",
                "phase": phase,
                "upstream": upstream,
                "user": user,
                "at_ms": self._clock_ms(),
                **more,
            }
        )

    def _at(self, upstream: str) -> Consents:
        consents = self._consents.get(upstream)
        if consents is None:
            raise NoConsent(f"Nobody is asked for consent at {upstream}.")
        return consents

    def _found(self, name: str) -> Ticket:
        self._sweep()
        ticket = self._open.get(name)
        if ticket is None:
            raise NoConsent("There is no such ticket, or its time has passed.")
        return ticket

    def _sweep(self) -> None:
        now_ms = self._clock_ms()
        self._open = {name: one for name, one in self._open.items() if now_ms < one.ends_ms}
