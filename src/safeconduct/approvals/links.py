"""One-time links by which somebody comes to the console where they cannot sign in: to register a
first passkey, or on a visit, to look around.

Whoever makes such a link could open it, so whoever opens the operator socket could register a
passkey as any approver, or look as any user: there are none unless `approvals.unsafe_enrolment` or
`console.unsafe_visits` says so, and what comes of one says so on record.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from typing import Final

import msgspec

from safeconduct.approvals.answers import NotProven

TICKET_MS: Final = 900_000
"""How long a link is good, in milliseconds."""

MAX_TICKETS: Final = 100

ENROL_PATH: Final = "/enrol/"
VISIT_PATH: Final = "/visit/"
"""Where the console opens a link of each kind; what stands in it follows."""


class Ticket(msgspec.Struct, frozen=True):
    """For whom a link is, and who made it."""

    user: str
    by: str
    until_ms: int


class Links:
    """The links of one kind that nobody has opened yet. They are gone after a restart."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        # By digest of what stands in the link.
        self._tickets: dict[str, Ticket] = {}

    def make(self, user: str, by: str) -> str:
        """What stands in the link; an older one for the same user is void."""
        self._tickets = {digest: one for digest, one in self._alive().items() if one.user != user}
        while len(self._tickets) >= MAX_TICKETS:
            del self._tickets[next(iter(self._tickets))]
        name = secrets.token_urlsafe(32)
        self._tickets[_digest(name)] = Ticket(user, by, self._clock_ms() + TICKET_MS)
        return name

    def ticket(self, name: str) -> Ticket:
        """What a link is for. It stays good, as mail servers and chats look at links, too.

        Raises NotProven.
        """
        found = self._alive().get(_digest(name))
        if found is None:
            raise NotProven("This link is not good any more. Ask for another one.")
        return found

    def redeem(self, name: str) -> Ticket:
        """What a link is for; it is spent. Raises NotProven."""
        found = self.ticket(name)
        del self._tickets[_digest(name)]
        return found

    def _alive(self) -> dict[str, Ticket]:
        now_ms = self._clock_ms()
        return {digest: one for digest, one in self._tickets.items() if now_ms < one.until_ms}


def _digest(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()
