"""Who is signed in at the console: sessions that live here, and a cookie that only names one.

A session has a new name after each sign-in, so none that was planted before is good for anything.
It ends when nobody used it for a quarter of an hour, after eight hours, at the sign-out, and with
the user's revocation or the removal of the passkey that opened it. A restart ends all.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from collections.abc import Callable
from typing import Final, Literal

import msgspec

from safeconduct.approvals.answers import Answer
from safeconduct.ports import Attempt

IDLE_MS: Final = 15 * 60_000
LONGEST_MS: Final = 8 * 3_600_000
LATELY_MS: Final = 5 * 60_000
"""How fresh a sign-in has to be to change one's passkeys."""

MAX_SESSIONS: Final = 2_000
MAX_OF_USER: Final = 10
MAX_STEPS: Final = 5
"""How many sign-ins that say yes may be under way in one session."""

How = Literal["sign-in", "passkey", "enrolment", "visit"]
"""How somebody signed in: at their issuer, with a passkey, or by a link, which lets them register a
passkey and nothing else, or look around and change nothing."""


class Step(msgspec.Struct, frozen=True):
    """Somebody who went to sign in again, to say this, at a time."""

    attempt: Attempt
    approval: str
    answer: Answer
    at_ms: int


class Session(msgspec.Struct, kw_only=True):
    """One person in one browser. `by` says what their right to register a passkey rests on,
    `credential` is the passkey that opened it, and `said` is told to them once.
    """

    user: str
    how: How
    by: str
    signed_in_ms: int
    began_ms: int
    seen_ms: int
    csrf: str
    credential: str = ""
    said: str = ""
    steps: dict[str, Step] = {}

    def lately(self, now_ms: int) -> bool:
        """Whether they showed who they are only just now."""
        return now_ms - self.signed_in_ms <= LATELY_MS

    def owns(self, token: str) -> bool:
        """Whether a form comes from a page of this session."""
        return hmac.compare_digest(token.encode(), self.csrf.encode())

    def away(self, step: Step) -> None:
        """Keeps what they went to say; the oldest is forgotten."""
        self.steps = dict(list(self.steps.items())[1 - MAX_STEPS :])
        self.steps[step.attempt.state] = step


class Sessions:
    """All sessions, by the digest of their name: what is in memory opens none."""

    def __init__(self, clock_ms: Callable[[], int], stands: Callable[[Session], bool]) -> None:
        """`stands` tells whether the person may still be signed in."""
        self._clock_ms = clock_ms
        self._stands = stands
        self._sessions: dict[str, Session] = {}

    def begin(
        self, user: str, how: How, signed_in_ms: int, by: str, *, credential: str = ""
    ) -> tuple[str, Session]:
        """A new session and its name, which the browser alone keeps."""
        now_ms = self._clock_ms()
        self._sessions = {key: one for key, one in self._sessions.items() if self._lives(one)}
        self._make_room(
            [key for key, one in self._sessions.items() if one.user == user], MAX_OF_USER
        )
        self._make_room(list(self._sessions), MAX_SESSIONS)
        name = secrets.token_urlsafe(32)
        session = Session(
            user=user,
            how=how,
            by=by,
            signed_in_ms=signed_in_ms,
            began_ms=now_ms,
            seen_ms=now_ms,
            csrf=secrets.token_urlsafe(32),
            credential=credential,
        )
        self._sessions[_digest(name)] = session
        return name, session

    def find(self, name: str, *, active: bool = True) -> Session | None:
        """The session of this name. What a page does by itself is not `active`: it keeps none
        alive.
        """
        key = _digest(name)
        session = self._sessions.get(key)
        if session is None:
            return None
        if not self._lives(session):
            del self._sessions[key]
            return None
        if active:
            session.seen_ms = self._clock_ms()
        return session

    def end(self, name: str) -> bool:
        """The name is good for nothing any more; whether it was good for something."""
        return self._sessions.pop(_digest(name), None) is not None

    def _lives(self, session: Session) -> bool:
        now_ms = self._clock_ms()
        return (
            now_ms - session.seen_ms < IDLE_MS
            and now_ms - session.began_ms < LONGEST_MS
            and self._stands(session)
        )

    def _make_room(self, keys: list[str], most: int) -> None:
        for key in keys[: max(0, len(keys) - most + 1)]:
            del self._sessions[key]


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
