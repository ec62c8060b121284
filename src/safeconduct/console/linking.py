"""Coming by a one-time link where nobody can sign in: to register a first passkey, or on a visit to
a gateway for development, to look around.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple

from starlette.requests import Request
from starlette.responses import Response

from safeconduct.approvals.links import ENROL_PATH, VISIT_PATH, Links
from safeconduct.console.pages import INBOX, KEYS, Pages, Way, go
from safeconduct.console.people import People
from safeconduct.console.wrong import Wrong


class Kind(NamedTuple):
    """Where links of a kind are opened, by which page; which session comes of one, what it rests
    on, and where it begins.
    """

    path: str
    template: str
    how: Literal["enrolment", "visit"]
    by: str
    to: str


ENROLMENT: Final = Kind(ENROL_PATH, "enrol.html", "enrolment", "unsafe_enrolment", KEYS)
VISIT: Final = Kind(VISIT_PATH, "visit.html", "visit", "unsafe_visits", INBOX)


class LinkPages:
    """How such a session begins. What it may not do `Pages.require` holds it to."""

    def __init__(self, pages: Pages, people: People, links: Links, kind: Kind) -> None:
        self._pages = pages
        self._people = people
        self._links = links
        self._kind = kind

    def ways(self) -> tuple[Way, ...]:
        """Its pages."""
        path = f"{self._kind.path}{{ticket}}"
        return (Way("GET", path, self.shown), Way("POST", path, self.begin))

    async def shown(self, request: Request) -> Response:
        """Shows for whom a link is. Nothing is spent by looking at it."""
        ticket = self._links.ticket(request.path_params["ticket"])
        return self._pages.page(self._kind.template, user=ticket.user, path=request.url.path)

    async def begin(self, request: Request) -> Response:
        """Begins the session; the link is spent."""
        kind, ticket = self._kind, self._links.redeem(request.path_params["ticket"])
        now_ms = self._pages.clock_ms()
        if self._people.known(ticket.user, now_ms) is None:
            raise Wrong(403, "You are not one of those who can sign in here.")
        by = f"{kind.by}:{ticket.by}"
        name, _ = self._pages.sessions.begin(ticket.user, kind.how, now_ms, by)
        return self._pages.enter(request, go(kind.to), name)
