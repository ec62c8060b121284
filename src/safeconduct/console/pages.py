"""What all pages share: templates, forms, the cookie of the session, and who asks."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Awaitable, Callable, Collection
from importlib.resources import files
from typing import Final, Literal, NamedTuple
from urllib.parse import parse_qsl, quote

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from safeconduct.approvals.answers import Approver
from safeconduct.config.approvals import Role
from safeconduct.console.people import People
from safeconduct.console.sessions import Session, Sessions
from safeconduct.console.view import left, moment, stamp
from safeconduct.console.visible import exact, visible, whole, written
from safeconduct.console.wrong import Wrong
from safeconduct.tasks.rows import PasskeyRow

INBOX: Final = "/"
KEYS: Final = "/keys"
SIGN_IN: Final = "/sign-in"

NAV: Final[tuple[tuple[str, str, Role | None], ...]] = (
    (INBOX, "Inbox", None),
    ("/live", "Live", "analyst"),
    ("/search", "Search", "analyst"),
    ("/verify", "Verify", "analyst"),
    ("/agents", "Agents", "operator"),
    ("/tools", "Tools", "operator"),
    ("/policy", "Policy", "operator"),
    ("/stop", "Stop", "operator"),
    (KEYS, "Passkeys", None),
)
"""Where the pages of everybody, and of a role, begin."""

MAX_FIELDS: Final = 1_000

_ROOMS: Final = "|".join(
    [path[1:] for path, _, _ in NAV if path != INBOX] + ["bypass", "policy/diff"]
)
_RETURN: Final = re.compile(
    rf"/(?:(?:{_ROOMS}|(?:approvals/a|tasks/t|calls/d)_[0-9a-f]{{24}})"
    r"(?:\?[A-Za-z0-9_.~%&=+:-]*)?)?"
)
"""Pages of ours that somebody may have been on the way to."""

Registered = Callable[[str], Collection[PasskeyRow]]
"""The passkeys of a user."""

Page = Callable[[Request], Awaitable[Response]]


class Way(NamedTuple):
    """A page, and where it is."""

    method: Literal["GET", "POST"]
    path: str
    page: Page


class Asset(NamedTuple):
    """A file that pages load; its path changes with its content."""

    path: str
    kind: str
    content: bytes


_KINDS: Final = {"css": "text/css; charset=utf-8", "js": "text/javascript; charset=utf-8"}


def _asset(name: str, content: bytes) -> Asset:
    stem, _, suffix = name.rpartition(".")
    digest = hashlib.sha256(content).hexdigest()[:16]
    return Asset(f"/static/{stem}-{digest}.{suffix}", _KINDS[suffix], content)


ASSETS: Final = {
    one.name: _asset(one.name, one.read_bytes())
    for one in (files("safeconduct.console") / "static").iterdir()
    if one.name.rpartition(".")[2] in _KINDS
}
"""The files beside the pages, by name."""


def _path(name: str) -> str:
    return ASSETS[name].path


VISITING: Final = (
    "On a visit you look at everything and change nothing. To answer or change something, sign out "
    "and sign in, with a passkey of your own or at your organisation."
)


class SignInFirst(Exception):
    """Nobody is signed in, and the page is for somebody."""


class Here(NamedTuple):
    """Somebody who is signed in."""

    session: Session
    approver: Approver
    roles: Collection[Role]

    @property
    def rooms(self) -> list[tuple[str, str]]:
        """Where they may go: paths, and what these are called."""
        if self.session.how == "enrolment":
            return [(KEYS, "Passkeys")]
        return [(path, name) for path, name, role in NAV if role is None or role in self.roles]


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
            visible=visible,
            exact=exact,
            whole=whole,
            written=written,
            moment=moment,
            stamp=stamp,
            left=left,
        )

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
        if approver is None:
            return None
        # Who came by a link for one passkey is nobody yet.
        roles = () if session.how == "enrolment" else self._people.roles(approver)
        return Here(session, approver, roles)

    def require(
        self,
        request: Request,
        role: Role | None = None,
        *,
        active: bool = True,
        reads: bool = False,
    ) -> Here:
        """Who is signed in, and may do more than register a passkey; in a role where one is named.
        Who `reads` changes nothing, by a form neither.

        Raises SignInFirst, Wrong.
        """
        here = self.here(request, active=active)
        if here is None:
            raise SignInFirst
        if here.session.how == "enrolment":
            raise Wrong(403, "With this link you can register a passkey. Then sign in with it.")
        if here.session.how == "visit" and request.method != "GET" and not reads:
            raise Wrong(403, VISITING)
        if role is not None and role not in here.roles:
            raise Wrong(403, f"This page is for who is {role} here: `console.roles` says who is.")
        return here

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
        """A page. Every value is escaped. What somebody is to be told once stands on it."""
        session = None if here is None else here.session
        notice = ""
        if session is not None and status == 200:  # what went wrong is not what became of it
            notice, session.said = session.said, ""
        rooms = () if here is None else here.rooms
        roles = () if here is None else here.roles
        text = self._templates.get_template(template).render(
            session=session,
            roles=roles,
            rooms=rooms,
            notice=notice,
            now_ms=self.clock_ms(),
            **{"asset": _path, "at": "", **values},
        )
        return HTMLResponse(text, status)

    def wrong(self, wrong: Wrong, here: Here | None = None) -> Response:
        """The page that says what is wrong."""
        return self.page("wrong.html", here, wrong.status, sentence=wrong.sentence)


def sign_in(request: Request) -> Response:
    """To the page on which somebody signs in, and from there back to what was asked for."""
    query = request.url.query
    to = back(request.url.path + (f"?{query}" if query else ""))
    return go(f"{SIGN_IN}?to={quote(to, safe='/')}")


def back(path: str) -> str:
    """Where somebody goes after they signed in: a page of ours, or else the inbox."""
    return path if _RETURN.fullmatch(path) else INBOX


def go(path: str) -> Response:
    """To another page, with GET."""
    return RedirectResponse(path, 303)
