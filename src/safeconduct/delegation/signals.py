"""Shared signals: what an identity provider tells of its users after they have signed in.

A security event token (RFC 8417) of a configured transmitter is read as OpenID CAEP 1.0 has it, and
comes to one thing here: everything that rests on a sign-in of that user before it was told is over.
A signal can only end; what it says for the better (a device that complies again) changes nothing,
as the user's next token says it too.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final, cast

import msgspec

from safeconduct.config.users import UserEntry
from safeconduct.kit import jose
from safeconduct.kit.jwk import JoseError, KeySet
from safeconduct.ports import SignalRefused, SignalUnjudged

TYPE: Final = "secevent+jwt"
FUTURE_MS: Final = 5_000

_CAEP: Final = "https://schemas.openid.net/secevent/caep/event-type/"
_SSF: Final = "https://schemas.openid.net/secevent/ssf/event-type/"

Event = Mapping[str, Any]


class Transmitter(msgspec.Struct, frozen=True, kw_only=True):
    """Who may tell us of users: whose issuer of users it speaks for, and by which keys.

    `users` is the issuer whose subjects its signals are about; a transmitter says nothing of other
    issuers' users. `keys` are what it signs with now, given the `kid` that is looked for.
    """

    name: str
    issuer: str
    audience: str
    users: str
    keys: Callable[[str | None], Awaitable[KeySet | None]]


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """What was told. `before_ms` is None where nothing ends. The user is known by the id that their
    issuer gives them, or by an e-mail address. Most clocks tell whole seconds: a second ends whole.
    """

    transmitter: str
    jti: str
    event: str
    users: str
    user: str | None
    before_ms: int | None


class _SetClaims(msgspec.Struct, frozen=True, kw_only=True):
    """RFC 8417 section 2.2. An `exp` counts for nothing: what has ended does not begin again."""

    iss: jose.Text
    aud: jose.Text | tuple[jose.Text, ...]
    iat: jose.NumericDate
    jti: jose.Text
    events: dict[str, dict[str, Any]]
    sub_id: dict[str, Any] | None = None


class Receiver:
    """Reads the signals of one transmitter."""

    def __init__(self, transmitter: Transmitter) -> None:
        self._transmitter = transmitter

    async def read(self, token: str, now_ms: int) -> Signal:
        """What a token tells. Raises SignalRefused, SignalUnjudged."""
        transmitter = self._transmitter
        claims = await self._verify(token)
        audiences = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
        if transmitter.audience not in audiences:
            raise SignalRefused("invalid_audience", "This receiver is not the audience.")
        if claims.iat * 1000 > now_ms + FUTURE_MS:
            raise SignalRefused("invalid_request", "The token was issued in the future.")
        if len(claims.events) != 1:
            raise SignalRefused("invalid_request", "A token tells one event.")
        ((kind, event),) = claims.events.items()
        ends = _ends(kind, event)
        about = claims.sub_id if claims.sub_id is not None else event.get("subject")
        user = _user(about, transmitter.users)
        if ends and user is None:
            raise SignalRefused("invalid_request", "The subject is not a user of this issuer.")
        return Signal(
            transmitter=transmitter.name,
            jti=claims.jti,
            event=kind.removeprefix(_CAEP).removeprefix(_SSF),
            users=transmitter.users,
            user=user,
            before_ms=min(int(claims.iat) * 1000 + 999, now_ms) if ends else None,
        )

    async def _verify(self, token: str) -> _SetClaims:
        try:
            kid, claims = jose.peek(token)
        except JoseError:
            raise SignalRefused("invalid_request", "Not a security event token.") from None
        if claims.get("iss") != self._transmitter.issuer:
            raise SignalRefused("invalid_issuer", "This issuer is not known here.")
        keys = await self._transmitter.keys(kid)
        if keys is None:
            # Who refuses is not told again, and what it would have ended would go on.
            raise SignalUnjudged(f"the keys of {self._transmitter.issuer} are not to be had")
        try:
            return jose.verify(
                token, lambda _: keys, types=frozenset({TYPE}), shape=_SetClaims
            ).claims
        except JoseError:
            raise SignalRefused("invalid_key", "The token is not valid here.") from None


def _ends(kind: str, event: Event) -> bool:
    """Whether an event ends what rests on earlier sign-ins. One that leaves out which way things
    went ends it too; one that is not known here may be anything, and ends nothing.
    """
    told = kind.removeprefix(_CAEP)
    if told == kind:
        return False
    match told:
        case "session-revoked" | "token-claims-change" | "credential-change":
            return True
        case "assurance-level-change":
            return event.get("change_direction") != "increase"
        case "device-compliance-change":
            return event.get("current_status") != "compliant"
        case "risk-level-change":
            return event.get("current_level") != "LOW"
        case _:
            return False


def _user(about: object, issuer: str) -> str | None:
    """The user whom a subject identifier (RFC 9493) of an issuer names, alone or among others."""
    if not isinstance(about, dict):
        return None
    subject = cast("Mapping[str, Any]", about)
    match subject.get("format"):
        case "iss_sub":
            named = subject.get("sub") if subject.get("iss") == issuer else None
        case "email":
            named = subject.get("email")
        case "opaque":
            named = subject.get("id")
        case "complex":
            return _user(subject.get("user"), issuer)
        case "aliases":
            each = subject.get("identifiers")
            several = cast("list[object]", each) if isinstance(each, list) else []
            found = [_user(one, issuer) for one in several]
            return next((one for one in found if one is not None), None)
        case _:
            return None
    return named if isinstance(named, str) and 0 < len(named) <= 2048 else None


End = Callable[[Signal, str], Awaitable[None]]
"""Ends what rests on a user's earlier sign-ins; the user is given by our id. Raises LedgerFault."""


def known(entries: Mapping[str, UserEntry], main: str) -> dict[tuple[str, str], str]:
    """Our ids of users, by their issuer and what that calls them. A transmitter may know them by
    our id as well, such as an e-mail address.
    """
    issuers = {user: entry.issuer or main for user, entry in entries.items()}
    return {(issuer, user): user for user, issuer in issuers.items()} | {
        (issuers[user], entry.subject): user
        for user, entry in entries.items()
        if entry.subject is not None
    }


class Signals:
    """Takes the signals of one transmitter and ends what they say has ended."""

    def __init__(
        self,
        transmitter: Transmitter,
        users: Mapping[tuple[str, str], str],
        end: End,
        clock_ms: Callable[[], int],
    ) -> None:
        """`users` are our ids by issuer and what that calls them."""
        self._receiver = Receiver(transmitter)
        self._users = users
        self._end = end
        self._clock_ms = clock_ms

    async def take(self, token: str) -> None:
        """Acts on a token; when this returns, what it ends is over. Taken twice it does nothing
        more. Of users who may delegate nothing here there is nothing to end.

        Raises:
            SignalRefused: it is no signal for us.
            SignalUnjudged: it has to be told again.
            LedgerFault: nothing could be recorded, so it has to be told again.
        """
        signal = await self._receiver.read(token, self._clock_ms())
        if signal.before_ms is not None and signal.user is not None:
            user = self._users.get((signal.users, signal.user))
            if user is not None:
                await self._end(signal, user)
