"""The console as one application: every route, and what becomes of what goes wrong."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from safeconduct.approvals.answers import NotProven
from safeconduct.approvals.desk import NoSuchQuestion, NotYours
from safeconduct.approvals.enrolling import ENROL_PATH
from safeconduct.approvals.notifying.clicks import Clicks
from safeconduct.approvals.passkeys import Passkeys
from safeconduct.console.asking import GONE, AskingPages
from safeconduct.console.bypassing import BYPASS, BypassPages
from safeconduct.console.chat import SLACK, clicking
from safeconduct.console.keys import KeysPages
from safeconduct.console.pages import INBOX, KEYS, SCRIPT, SIGN_IN, STYLE, Asset, Pages
from safeconduct.console.people import People
from safeconduct.console.sessions import Session, Sessions
from safeconduct.console.shield import Shield
from safeconduct.console.signing_in import SigningInPages
from safeconduct.console.wrong import Wrong
from safeconduct.ports import LedgerFault, LoginFailed, SignIn
from safeconduct.rooms import Rooms

SIGNED_IN: Final = "/signed-in"
"""Where the issuer sends people back to; it has to know this as a redirect URI of ours."""

_FOREVER: Final = "public, max-age=31536000, immutable"

_log = logging.getLogger(__name__)

Page = Callable[[Request], Awaitable[Response]]


def site(
    rooms: Rooms,
    passkeys: Passkeys,
    url: str,
    login: SignIn | None,
    clicks: Clicks | None = None,
) -> ASGIApp:
    """All pages over these rooms. `url` is what browsers call the console, `login` sends people to
    their issuer, and `clicks` believes clicks in a chat.
    """
    people = People(rooms.config, rooms.state)

    def stands(one: Session) -> bool:
        removed = one.credential and rooms.state.passkey(one.credential) is None
        return not removed and people.known(one.user, one.signed_in_ms) is not None

    sessions = Sessions(rooms.clock_ms, stands)
    pages = Pages(sessions, people, rooms.clock_ms, secure=url.startswith("https:"))
    step_up = rooms.config.root.approvals.step_up
    asking = AskingPages(pages, rooms.desk, passkeys, rooms.state.passkeys, login, step_up)
    keys = KeysPages(pages, passkeys, rooms.state.passkeys)
    signing = SigningInPages(pages, people, passkeys, rooms.enrolments, login, asking.stepped)
    approvals = rooms.config.root.approvals
    bypass = BypassPages(
        pages, rooms.bypasses, passkeys, approvals.templates, approvals.bypass_minutes
    )
    told = _telling(pages)

    def get(path: str, page: Page) -> Route:
        return Route(path, told(page), methods=["GET"])

    def post(path: str, page: Page) -> Route:
        return Route(path, told(page), methods=["POST"])

    application = Starlette(
        routes=[
            get(INBOX, asking.inbox),
            get("/waiting", asking.waiting),
            get("/approvals/{approval}", asking.question),
            post("/approvals/{approval}", asking.answer),
            post("/approvals/{approval}/options", asking.options),
            get(KEYS, keys.keys),
            post(KEYS, keys.register),
            post(f"{KEYS}/options", keys.options),
            post(f"{KEYS}/remove", keys.remove),
            get(BYPASS, bypass.form),
            post(BYPASS, bypass.give),
            post(f"{BYPASS}/options", bypass.options),
            get(SIGN_IN, signing.sign_in),
            get(f"{SIGN_IN}/issuer", signing.leave),
            post(f"{SIGN_IN}/options", signing.options),
            post(f"{SIGN_IN}/passkey", signing.passkey),
            get(SIGNED_IN, signing.returned),
            post("/sign-out", signing.sign_out),
            get(f"{ENROL_PATH}{{ticket}}", signing.enrolment),
            post(f"{ENROL_PATH}{{ticket}}", signing.enrol),
            *([] if clicks is None else [Route(SLACK, clicking(rooms, clicks), methods=["POST"])]),
            *(Route(one.path, _file(one), methods=["GET"]) for one in (STYLE, SCRIPT)),
        ],
    )
    application.router.redirect_slashes = False
    return Shield(application, url, frozenset() if clicks is None else frozenset({SLACK}))


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
            try:
                return await page(request)
            except Wrong as wrong:
                found = wrong
            except (NotYours, NotProven) as refused:
                found = Wrong(403, str(refused))
            except NoSuchQuestion:
                found = Wrong(404, GONE)
            except LoginFailed as failed:
                _log.warning("nobody signed in at the console: %s", failed.why)
                found = Wrong(400, failed.sentence)
            except LedgerFault:
                found = Wrong(503, "This could not be recorded, so it was not done.")
            except Exception:  # noqa: BLE001  a page that fails takes nothing along
                _log.exception("a page of the console failed")
                found = Wrong(500, "Something went wrong here; the gateway's log says what.")
            if request.headers.get("accept") == "application/json":
                return JSONResponse({"wrong": found.sentence}, found.status)
            return pages.wrong(found, pages.here(request, active=False))

        return told

    return wrap
