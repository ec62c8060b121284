"""Visits: looking around at a gateway for development, by a one-time link and without a sign-in."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from safeconduct.approvals.links import VISIT_PATH, Links
from safeconduct.console.pages import INBOX, Pages, Way, go
from safeconduct.console.people import People
from safeconduct.console.wrong import Wrong


class VisitPages:
    """How a visit begins. Its session changes nothing: `Pages.require` holds it to that."""

    def __init__(self, pages: Pages, people: People, visits: Links) -> None:
        self._pages = pages
        self._people = people
        self._visits = visits

    def ways(self) -> tuple[Way, ...]:
        """Its pages."""
        path = f"{VISIT_PATH}{{ticket}}"
        return (Way("GET", path, self.shown), Way("POST", path, self.begin))

    async def shown(self, request: Request) -> Response:
        """Shows as whom a link lets somebody look. Nothing is spent by looking at it."""
        ticket = self._visits.ticket(request.path_params["ticket"])
        return self._pages.page("visit.html", user=ticket.user, path=request.url.path)

    async def begin(self, request: Request) -> Response:
        """Begins the visit; the link is spent."""
        ticket = self._visits.redeem(request.path_params["ticket"])
        now_ms = self._pages.clock_ms()
        if self._people.known(ticket.user, now_ms) is None:
            raise Wrong(403, "You are not one of those who can sign in here.")
        by = f"unsafe_visits:{ticket.by}"
        name, _ = self._pages.sessions.begin(ticket.user, "visit", now_ms, by)
        return self._pages.enter(request, go(INBOX), name)
