"""A yes by signing in again: the issuer says who did so, how strongly, just now, and for which
challenge (OAuth 2.0 Step Up Authentication, RFC 9470).

The ID token's nonce is the challenge, so the issuer's signature covers what was shown and chosen.
The token is the proof: it can be verified later with the issuer's keys of that time.
"""

from __future__ import annotations

import hmac
from collections.abc import Awaitable, Callable
from typing import Final

from safeconduct.approvals.answers import Approver, NotProven, Proof
from safeconduct.kit import jose
from safeconduct.kit.jwk import JoseError, encode
from safeconduct.ports import JSON, Person, Unauthenticated

MAX_TOKEN: Final = 4096
"""How long an ID token may be that stands in a record, in characters."""

SLACK_MS: Final = 5_000
"""How far the issuer's clock may be from ours."""


def nonce(challenge: bytes) -> str:
    """The nonce of a sign-in that says yes to a challenge: base64url without padding."""
    return encode(challenge)


class SigningIn:
    """Fresh sign-ins as a yes (`safeconduct.approvals.answers.Verifier`)."""

    def __init__(
        self,
        person: Callable[[str, int], Awaitable[Person]],
        *,
        acr: tuple[str, ...],
        max_age_s: int,
    ) -> None:
        """`person` verifies a token of a user; one of `acr` must be met."""
        self._person = person
        self._acr = frozenset(acr)
        self._max_age_ms = max_age_s * 1000

    async def verify(
        self, approver: Approver, challenge: bytes, evidence: JSON, now_ms: int
    ) -> Proof:
        """That this person signed in at their issuer for this challenge, after they were given it
        (`since_ms`): a sign-in from before is no answer to it. Raises NotProven.
        """
        token, given_ms = evidence.get("id_token"), evidence.get("since_ms")
        if not isinstance(token, str) or len(token) > MAX_TOKEN or not isinstance(given_ms, int):
            raise NotProven("The sign-in service did not say that you signed in.")
        try:
            person = await self._person(token, now_ms)
            _, claims = jose.peek(token)
        except (Unauthenticated, JoseError):
            raise NotProven("The sign-in service did not say that you signed in.") from None
        if person.id != approver.user:
            raise NotProven("Somebody else has signed in.")
        given = str(claims.get("nonce"))
        if not hmac.compare_digest(given.encode(), nonce(challenge).encode()):
            raise NotProven("This sign-in was not for what you were asked.")
        if self._acr.isdisjoint((person.acr or "").split(" ")):
            raise NotProven("You did not sign in as strongly as this needs.")
        signed_ms = person.auth_time_s * 1000
        since_ms = now_ms - signed_ms
        if not -SLACK_MS <= since_ms <= self._max_age_ms or signed_ms < given_ms - SLACK_MS:
            raise NotProven("You signed in too long ago. Sign in again.")
        return Proof(kept={"id_token": token}, consumes=(person.once,))
