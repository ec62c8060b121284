"""The console as one application: every page, and what becomes of what goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from safeconduct.approvals.answers import NotProven, NotYours
from safeconduct.approvals.desk import NoSuchQuestion
from safeconduct.approvals.notifying.clicks import Clicks
from safeconduct.approvals.passkeys import Passkeys
from safeconduct.console.agents import AgentsPages
from safeconduct.console.asking import GONE, AskingPages
from safeconduct.console.bypassing import BypassPages
from safeconduct.console.calls import CallPages
from safeconduct.console.chat import SLACK, clicking
from safeconduct.console.exporting import ExportPages
from safeconduct.console.keys import KeysPages
from safeconduct.console.linking import ENROLMENT, VISIT, LinkPages
from safeconduct.console.live import LivePages
from safeconduct.console.pages import ASSETS, Asset, Page, Pages, SignInFirst, Way, sign_in
from safeconduct.console.people import People
from safeconduct.console.policies import PolicyPages
from safeconduct.console.policy_diff import DiffPages
from safeconduct.console.records import Records
from safeconduct.console.searching import SearchPages
from safeconduct.console.sessions import Session, Sessions
from safeconduct.console.shield import Shield
from safeconduct.console.signing_in import SigningInPages
from safeconduct.console.stopping import StoppingPages
from safeconduct.console.tasks import TaskPages
from safeconduct.console.tools import ToolsPages
from safeconduct.console.verifying import VerifyingPages
from safeconduct.console.watch import Watch
from safeconduct.console.wrong import Wrong
from safeconduct.ports import JSON, LedgerFault, LoginFailed, RecordTooLarge, SignIn
from safeconduct.rooms import Rooms

OVER: Final = "You are not signed in any more. Load the page again."

_FOREVER: Final = "public, max-age=31536000, immutable"

_log = logging.getLogger(__name__)


def site(
    rooms: Rooms,
    passkeys: Passkeys,
    url: str,
    login: SignIn | None,
    clicks: Clicks | None = None,
    watch: Watch | None = None,
    policy: Callable[[], JSON] | None = None,
) -> ASGIApp:
    """All pages over these rooms. `url` is what browsers call the console, `login` sends people to
    their issuer, `clicks` believes clicks in a chat, `watch` is who watches, and
    `policy` says where the policy comes from.
    """
    people = People(rooms.config, rooms.state)

    def stands(one: Session) -> bool:
        removed = one.credential and rooms.state.passkey(one.credential) is None
        return not removed and people.known(one.user, one.signed_in_ms) is not None

    sessions = Sessions(rooms.clock_ms, stands)
    pages = Pages(sessions, people, rooms.clock_ms, secure=url.startswith("https:"))
    told = _telling(pages)
    routes = [
        Route(way.path, told(way.page), methods=[way.method])
        for way in _ways(rooms, passkeys, pages, people, login, watch or Watch(rooms), policy)
    ]
    if clicks is not None:
        routes.append(Route(SLACK, clicking(rooms, clicks), methods=["POST"]))
    routes += [Route(one.path, _file(one), methods=["GET"]) for one in ASSETS.values()]
    application = Starlette(routes=routes)
    application.router.redirect_slashes = False
    return Shield(application, url, frozenset() if clicks is None else frozenset({SLACK}))


def _ways(
    rooms: Rooms,
    passkeys: Passkeys,
    pages: Pages,
    people: People,
    login: SignIn | None,
    watch: Watch,
    policy: Callable[[], JSON] | None,
) -> Iterable[Way]:
    """Every page."""
    approvals, registered = rooms.config.root.approvals, rooms.state.passkeys
    asking = AskingPages(pages, rooms.desk, passkeys, registered, login, approvals.step_up)
    yield from asking.ways()
    yield from KeysPages(pages, passkeys, registered).ways()
    yield from SigningInPages(pages, people, passkeys, login, asking.stepped).ways()
    yield from LinkPages(pages, people, rooms.enrolments, ENROLMENT).ways()
    yield from LinkPages(pages, people, rooms.visits, VISIT).ways()
    yield from BypassPages(
        pages, rooms.bypasses, passkeys, approvals.templates, approvals.bypass_minutes
    ).ways()
    yield from StoppingPages(pages, rooms).ways()
    records, proofs = Records(rooms), Records(rooms)
    yield from SearchPages(pages, records, proofs, rooms.config).ways()
    yield from ToolsPages(pages, rooms).ways()
    yield from LivePages(pages, rooms, records, watch).ways()
    yield from CallPages(pages, records, proofs, rooms.desk).ways()
    yield from VerifyingPages(pages, Records(rooms)).ways()
    yield from TaskPages(pages, rooms, records).ways()
    yield from ExportPages(pages, proofs).ways()
    yield from AgentsPages(pages, rooms).ways()
    yield from PolicyPages(pages, rooms, records, policy).ways()
    yield from DiffPages(pages, rooms, records).ways()


def _file(one: Asset) -> Page:
    async def content(_: Request) -> Response:
        headers = {"content-type": one.kind, "cache-control": _FOREVER}
        return Response(one.content, headers=headers)

    return content


def _telling(pages: Pages) -> Callable[[Page], Page]:
    """Wraps a page so that whatever goes wrong in it is said: as JSON to a script, else as a
    page.
    """

    def wrap(page: Page) -> Page:
        async def told(request: Request) -> Response:
            for_script = request.headers.get("accept") == "application/json"
            try:
                return await page(request)
            except Exception as error:  # noqa: BLE001  a page that fails takes nothing along
                if isinstance(error, SignInFirst) and request.method == "GET" and not for_script:
                    return sign_in(request)
                found = _wrong(error)
            if for_script:
                return JSONResponse({"wrong": found.sentence}, found.status)
            return pages.wrong(found, pages.here(request, active=False))

        return told

    return wrap


def _wrong(error: Exception) -> Wrong:
    """What is said of an error."""
    match error:
        case Wrong():
            return error
        case SignInFirst():
            return Wrong(401, OVER)
        case NotYours() | NotProven():
            return Wrong(403, str(error))
        case NoSuchQuestion():
            return Wrong(404, GONE)
        case LoginFailed():
            _log.warning("nobody signed in at the console: %s", error.why)
            return Wrong(400, error.sentence)
        case RecordTooLarge():
            return Wrong(400, "This is too long to be put on record, so it was not done.")
        case LedgerFault():
            return Wrong(503, "This could not be recorded, so it was not done.")
        case _:
            _log.error("a page of the console failed", exc_info=error)
            return Wrong(500, "Something went wrong here; the gateway's log says what.")
