"""What all pages share: templates, forms, the cookie of the session, and who asks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Collection
from importlib.resources import files
from typing import Final, NamedTuple
from urllib.parse import parse_qsl

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from safeconduct.approvals.answers import Approver
from safeconduct.console.people import People
from safeconduct.console.sessions import Session, Sessions
from safeconduct.console.view import left, moment
from safeconduct.console.visible import exact, visible, written
from safeconduct.console.wrong import Wrong
from safeconduct.tasks.rows import PasskeyRow

INBOX: Final = "/"
KEYS: Final = "/keys"
SIGN_IN: Final = "/sign-in"

MAX_FIELDS: Final = 1_000

_RETURN: Final = re.compile(r"/(?:keys|approvals/a_[0-9a-f]{24})?")


class Asset(NamedTuple):
    """A file that pages load; its path changes with its content."""

    path: str
    kind: str
    content: bytes


def asset(name: str, kind: str) -> Asset:
    """A file of this package."""
    content = (files("safeconduct.console") / "static" / name).read_bytes()
    stem, _, suffix = name.rpartition(".")
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Asset(f"/static/{stem}-{digest}.{suffix}", kind, content)


STYLE: Final = asset("console.css", "text/css; charset=utf-8")
SCRIPT: Final = asset("console.js", "text/javascript; charset=utf-8")


Registered = Callable[[str], Collection[PasskeyRow]]
"""The passkeys of a user."""


class Here(NamedTuple):
    """Somebody who is signed in."""

    session: Session
    approver: Approver


class Pages:
    """Renders pages and reads what browsers send."""

    def __init__(
        self, sessions: Sessions, people: People, clock_ms: Callable[[], int], *, secure: bool
    ) -> None:
        """`secure`: browsers speak to the console over TLS, and its cookies are bound to that."""
        self.sessions = sessions
        self.clock_ms = clock_ms
        self._people = people
        self.secure = secure
        self._cookie = self.cookie("session")
        self._templates = Environment(
            loader=PackageLoader("safeconduct.console"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        self._templates.filters.update(
            visible=visible, exact=exact, written=written, moment=moment, left=left
        )
        self._always = {"style": STYLE.path, "script": SCRIPT.path}

    # --- who asks ---------------------------------------------------------------------------------

    def cookie(self, name: str) -> str:
        """What a cookie is called: bound to this very host where there is TLS."""
        return f"{'__Host-' if self.secure else ''}safeconduct-console-{name}"

    def here(self, request: Request, *, active: bool = True) -> Here | None:
        """Who is signed in, if anybody is."""
        session = self.sessions.find(request.cookies.get(self._cookie, ""), active=active)
        if session is None:
            return None
        approver = self._people.known(session.user, session.signed_in_ms)
        return None if approver is None else Here(session, approver)

    def enter(self, request: Request, response: Response, name: str) -> Response:
        """Gives the browser its new session; the one that it had is over."""
        self.leave(request)
        self.keep(response, self._cookie, name)
        return response

    def leave(self, request: Request) -> bool:
        """Ends the session that the browser has, if it has one."""
        return self.sessions.end(request.cookies.get(self._cookie, ""))

    def keep(
        self, response: Response, name: str, value: str, lifetime_s: int | None = None
    ) -> None:
        """Has the browser keep this, until it is closed where there is no lifetime."""
        response.set_cookie(
            name, value, lifetime_s, path="/", secure=self.secure, httponly=True, samesite="lax"
        )

    def forget(self, response: Response) -> Response:
        """Has the browser forget its session."""
        self.keep(response, self._cookie, "", 0)
        return response

    # --- what they sent ---------------------------------------------------------------------------

    async def form(self, request: Request, here: Here | None = None) -> dict[str, str]:
        """The fields of a form; of somebody who is signed in, from a page of that very session.

        Raises Wrong.
        """
        try:
            text = (await request.body()).decode("ascii")
            pairs = parse_qsl(
                text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS
            )
        except ValueError:
            raise Wrong(400, "What was sent is not a form of this page.") from None
        form = dict(pairs)
        if len(form) != len(pairs):
            raise Wrong(400, "What was sent is not a form of this page.")
        if here is not None and not here.session.owns(form.pop("csrf", "")):
            raise Wrong(403, "This form is not of your session. Load the page again.")
        return form

    # --- what they get ----------------------------------------------------------------------------

    def page(
        self, template: str, here: Here | None = None, status: int = 200, **values: object
    ) -> Response:
        """A page. Every value is escaped."""
        session = None if here is None else here.session
        text = self._templates.get_template(template).render(
            session=session, now_ms=self.clock_ms(), **self._always, **values
        )
        return HTMLResponse(text, status)

    def wrong(self, wrong: Wrong, here: Here | None = None) -> Response:
        """The page that says what is wrong."""
        return self.page("wrong.html", here, wrong.status, sentence=wrong.sentence)


def back(path: str) -> str:
    """Where somebody goes after they signed in: a page of ours, or else the inbox."""
    return path if _RETURN.fullmatch(path) else INBOX


def go(path: str) -> Response:
    """To another page, with GET."""
    return RedirectResponse(path, 303)
