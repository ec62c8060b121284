"""Who starts a task, and what the token service makes of it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Protocol

import msgspec

from safeconduct.core.provenance import PurposeSource
from safeconduct.core.subgrants import SubGrant
from safeconduct.kit.certificate import Certificate
from safeconduct.ports.callers import Bearer, Caller
from safeconduct.ports.values import JSON


class Workload(msgspec.Struct, frozen=True, kw_only=True):
    """An agent that proved itself. `digest` names the very SVID it showed; `attested_ms` is when
    that was issued, 0 if it does not say. `key` is the thumbprint of the key that it is bound to,
    if it is to one.
    """

    id: str
    attested_ms: int
    digest: str
    key: str | None = None


class Person(msgspec.Struct, frozen=True, kw_only=True):
    """A user, as the user issuer describes them in a live token. It is good in the hands of
    `may_act` alone, with the key of thumbprint `key` alone, and for `scopes` alone, where it says
    so.
    """

    id: str
    issuer: str
    jti: str
    tenant: str | None = None
    groups: tuple[str, ...] = ()
    acr: str | None = None
    auth_time_s: int = 0
    amr: tuple[str, ...] = ()
    device: tuple[str, ...] = ()
    key: str | None = None
    may_act: str | None = None
    scopes: frozenset[str] | None = None
    issued_ms: int = 0

    @property
    def signed_in_ms(self) -> int:
        """When they signed in, or else when the token was issued: what it rests on is no newer."""
        return self.auth_time_s * 1000 or self.issued_ms

    @property
    def once(self) -> str:
        """What the use of this token uses up, whatever it was used for: it is good once."""
        return f"subject:{self.issuer}:{hashlib.sha256(self.jti.encode()).hexdigest()}"


class Attestation(msgspec.Struct, frozen=True, kw_only=True):
    """What a user asked for, attested by a front end (`app`) or by their own device (`user`): of a
    new task, or of the one that is named; `follow` are the sub-grants that they gave with it.
    """

    source: PurposeSource
    issuer: str
    jti: str
    user: str
    agent: str | None
    purpose: str
    task: str | None = None
    follow: tuple[SubGrant, ...] = ()


class Evidence(Protocol):
    """Verifies what the parties of a new task show. Every method raises Unauthenticated."""

    async def workload(self, token: str, now_ms: int) -> Workload: ...

    async def certified(self, certificate: Certificate, now_ms: int) -> Workload: ...

    async def person(self, token: str, now_ms: int) -> Person: ...

    async def grant(self, token: str, now_ms: int) -> Person:
        """The user of an identity assertion grant (ID-JAG), for one agent."""
        ...

    async def attestation(self, token: str, now_ms: int) -> Attestation: ...

    def possession(self, caller: Caller, now_ms: int, *, token: str | None, key: str | None) -> str:
        """The thumbprint of the key that signed the caller's proof (RFC 9449), which is spent.

        `token` is what the proof must be for, `key` the thumbprint it must have; None where there
        is no token yet.
        """
        ...


class TokenRefused(Exception):
    """No token is issued. `error` is an OAuth error code (RFC 6749 section 5.2, RFC 8693); `told`
    are further members of the answer, `nonce` what the next proof must carry, if one is wanted,
    and `why` is for the operator alone.
    """

    def __init__(
        self,
        error: str,
        sentence: str,
        *,
        status: int = 400,
        told: JSON | None = None,
        nonce: str | None = None,
        why: str = "",
    ) -> None:
        super().__init__(sentence)
        self.error = error
        self.sentence = sentence
        self.status = status
        self.told = told or {}
        self.nonce = nonce
        self.why = why


class LoginFailed(Exception):
    """Nobody signed in. The sentence is for the person; `why` is for the operator."""

    def __init__(self, sentence: str, why: str) -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.why = why


class Attempt(msgspec.Struct, frozen=True):
    """What is kept of a sign-in while the person is away, by the `state` that was sent along."""

    state: str
    nonce: str
    verifier: str

    def __repr__(self) -> str:
        return "Attempt()"


class SignedIn(msgspec.Struct, frozen=True):
    """Who came back, and the token that says so."""

    person: Person
    token: str

    def __repr__(self) -> str:
        return f"SignedIn({self.person!r})"


class SignIn(Protocol):
    """Sends people to where they sign in. Both methods raise LoginFailed."""

    async def begin(
        self,
        *,
        acr: tuple[str, ...] = (),
        max_age_s: int | None = None,
        nonce: str | None = None,
    ) -> tuple[str, Attempt]:
        """Where to send the person. `acr` and `max_age_s` are what the sign-in has to be like;
        `nonce` is what it is for, where that is not chance.
        """
        ...

    async def finish(self, answer: Mapping[str, str], attempt: Attempt, now_ms: int) -> SignedIn:
        """Who came back with this answer, whose `state` is the attempt's."""
        ...


class SignalRefused(Exception):
    """A token that is not a signal for us. `code` is one of RFC 8935 section 2.4."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class SignalUnjudged(Exception):
    """Nobody can say now whether a token is a signal for us: it has to be told again."""


class TokenService(Protocol):
    """The security token service."""

    async def exchange(self, form: Mapping[str, str], caller: Caller) -> JSON:
        """The token response. Raises TokenRefused."""
        ...


class TokenStatus(Protocol):
    """Whether tokens are good, and their end. Both raise TokenRefused."""

    async def introspect(self, form: Mapping[str, str], caller: Caller) -> JSON: ...

    async def revoke(self, form: Mapping[str, str], caller: Caller) -> None: ...


class Enforcers(Protocol):
    """Enforcement points that ask for decisions, and the tasks that they ask about."""

    async def enforcer(self, svid: str | None, caller: Caller) -> str:
        """The SPIFFE ID of who asks. Raises TokenRefused."""
        ...

    def bearer(self, task: str, user: str, agent: str) -> Bearer:
        """Who holds a task that lives. Raises Unauthenticated: it is not theirs, or none."""
        ...
