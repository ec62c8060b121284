"""Shared signals: what an identity provider tells of its users after they have signed in.

A security event token (RFC 8417) of a configured transmitter is read as OpenID CAEP 1.0 has it, and
comes to one thing here: everything that rests on a sign-in of that user before it was told is over.
A signal can only end; what it says for the better (a device that complies again) changes nothing,
as the user's next token says it too.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final, Literal, cast

import msgspec

from safeconduct.kit import jose
from safeconduct.kit.jwk import JoseError, KeySet

TYPE: Final = "secevent+jwt"
FUTURE_MS: Final = 5_000

_CAEP: Final = "https://schemas.openid.net/secevent/caep/event-type/"
_SSF: Final = "https://schemas.openid.net/secevent/ssf/event-type/"

Code = Literal["invalid_request", "invalid_key", "invalid_issuer", "invalid_audience"]

Event = Mapping[str, Any]


class SignalRefused(Exception):
    """A token that is not a signal for us. `code` is one of RFC 8935 section 2.4."""

    def __init__(self, code: Code, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Transmitter(msgspec.Struct, frozen=True, kw_only=True):
    """Who may tell us of users: whose issuer of users it speaks for, and by which keys.

    `users` is the issuer whose subjects its signals are about; a transmitter says nothing of other
    issuers' users.
    """

    name: str
    issuer: str
    audience: str
    users: str
    keys: Callable[[], KeySet | None]


class Signal(msgspec.Struct, frozen=True, kw_only=True):
    """What was told. `before_ms` is None where nothing ends. The user is known by the id that their
    issuer gives them, or by an e-mail address.
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
    """Reads the signals of the configured transmitters."""

    def __init__(self, transmitters: Mapping[str, Transmitter]) -> None:
        """`transmitters` are known by their issuer."""
        self._transmitters = transmitters

    def read(self, token: str, now_ms: int) -> Signal:
        """What a token tells. Raises SignalRefused."""
        claims, transmitter = self._verify(token)
        audiences = (claims.aud,) if isinstance(claims.aud, str) else claims.aud
        if transmitter.audience not in audiences:
            raise SignalRefused("invalid_audience", "This receiver is not the audience.")
        if claims.iat * 1000 > now_ms + FUTURE_MS:
            raise SignalRefused("invalid_request", "The token was issued in the future.")
        if len(claims.events) != 1:
            raise SignalRefused("invalid_request", "A token tells one event.")
        ((kind, event),) = claims.events.items()
        about = claims.sub_id if claims.sub_id is not None else event.get("subject")
        ends = _ends(kind, event)
        user = _user(about, transmitter.users)
        if ends and user is None:
            raise SignalRefused("invalid_request", "The subject is nobody who is known by that.")
        return Signal(
            transmitter=transmitter.name,
            jti=claims.jti,
            event=kind.removeprefix(_CAEP).removeprefix(_SSF),
            users=transmitter.users,
            user=user,
            before_ms=min(int(claims.iat * 1000), now_ms) if ends else None,
        )

    def _verify(self, token: str) -> tuple[_SetClaims, Transmitter]:
        known: list[Transmitter] = []

        def keys(claims: Mapping[str, Any]) -> KeySet | None:
            issuer = claims.get("iss")
            found = self._transmitters.get(issuer) if isinstance(issuer, str) else None
            if found is None:
                raise SignalRefused("invalid_issuer", "This issuer is not known here.")
            known.append(found)
            return found.keys()

        try:
            signed = jose.verify(token, keys, types=frozenset({TYPE}), shape=_SetClaims)
        except JoseError:
            code: Code = "invalid_key" if known else "invalid_request"
            raise SignalRefused(code, "The token is not valid here.") from None
        return signed.claims, known[0]


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
            found = [_user(one, issuer) for one in each] if isinstance(each, list) else []
            return next((one for one in found if one is not None), None)
        case _:
            return None
    return named if isinstance(named, str) and 0 < len(named) <= 2048 else None
