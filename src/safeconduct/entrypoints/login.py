"""The pages on which people sign in and say yes to a program: plain HTML, no script.

A browser keeps a cookie for each sign-in, so that several can be under way in it, and what it came
back with leaves the URL at once, so that the page that asks can be loaded again.

What a program calls itself, and what comes in a URL, is text of somebody else: it is escaped, and
the content security policy lets nothing of it run or load.
"""

from __future__ import annotations

import base64
import hashlib
import html
import logging
from collections.abc import Mapping
from typing import Final, Protocol

from safeconduct.entrypoints.cookies import Cookies
from safeconduct.entrypoints.http import Fields, Problem, Request, Response, Route, require_type
from safeconduct.entrypoints.metadata import (
    ALLOW_PATH,
    AUTHORIZE_PATH,
    QUESTION_PATH,
    SIGNED_IN_PATH,
)
from safeconduct.entrypoints.oauth import parse_form
from safeconduct.ports import LoginFailed, TokenRefused

MAX_FORM_BYTES: Final = 16 * 1024

_COOKIE_S: Final = 600
_STYLE: Final = (
    ":root{color-scheme:light dark;font:16px/1.5 system-ui,sans-serif}"
    "body{max-width:36rem;margin:3rem auto;padding:0 1rem}"
    "code{overflow-wrap:anywhere}textarea{width:100%;box-sizing:border-box;font:inherit}"
    "button{font:inherit;padding:.5rem 1.5rem;margin:1rem 1rem 0 0}"
)
_STYLE_HASH: Final = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()

_log = logging.getLogger(__name__)


class Kept(Protocol):
    """What a browser alone keeps until it comes back with this id."""

    @property
    def id(self) -> str: ...

    @property
    def value(self) -> str: ...


class Redirect(Protocol):
    """Where the browser goes next, and what it keeps if it comes back."""

    @property
    def url(self) -> str: ...

    @property
    def kept(self) -> Kept | None: ...


class Client(Protocol):
    """The program that asks."""

    @property
    def name(self) -> str: ...

    @property
    def host(self) -> str: ...

    @property
    def agent(self) -> str: ...

    @property
    def profile(self) -> str: ...


class Question(Protocol):
    """What the person is asked."""

    @property
    def id(self) -> str: ...

    @property
    def client(self) -> Client: ...

    @property
    def user(self) -> str: ...

    @property
    def scopes(self) -> tuple[str, ...]: ...

    @property
    def redirect_uri(self) -> str: ...


class Logins(Protocol):
    """The people who are on their way. Every method raises LoginFailed."""

    async def begin(self, query: Mapping[str, str]) -> Redirect: ...

    async def returned(self, query: Mapping[str, str], kept: str) -> Kept: ...

    def question(self, question: str, browser: str) -> Question: ...

    def answered(self, question: str, browser: str, *, allowed: bool, purpose: str) -> Redirect: ...


class LoginPages:
    """Serves the pages."""

    def __init__(self, logins: Logins, issuer: str) -> None:
        self._logins = logins
        self._origin = issuer.encode()
        secure = issuer.startswith("https:")
        self._cookies = Cookies("safeconduct", secure=secure, lifetime_s=_COOKIE_S)

    def routes(self) -> dict[str, dict[str, Route]]:
        """Where the pages are."""
        return {
            AUTHORIZE_PATH: {"GET": Route(self._authorize, query=True)},
            SIGNED_IN_PATH: {"GET": Route(self._callback, query=True)},
            QUESTION_PATH: {"GET": Route(self._question)},
            ALLOW_PATH: {"POST": Route(self._answer, MAX_FORM_BYTES)},
        }

    async def _authorize(self, request: Request) -> Response:
        try:
            to = await self._logins.begin(_query(request))
        except LoginFailed as failed:
            return _failure(failed)
        return _redirect(to.url, *([] if to.kept is None else [self._keep(to.kept)]))

    async def _callback(self, request: Request) -> Response:
        query = _query(request)
        tab = _tab(query.get("state", ""))
        try:
            kept = await self._logins.returned(query, self._cookies.brought(request, tab))
        except LoginFailed as failed:
            return _failure(failed)
        return _redirect(f"{QUESTION_PATH}{kept.id}", self._keep(kept), self._cookies.drop(tab))

    async def _question(self, request: Request) -> Response:
        browser = self._cookies.brought(request, _tab(request.tail))
        try:
            question = self._logins.question(request.tail, browser)
        except LoginFailed as failed:
            return _failure(failed)
        return _page("Allow this application?", _asks(question))

    async def _answer(self, request: Request) -> Response:
        require_type(request, b"application/x-www-form-urlencoded")
        # Browsers say where a form was, and another page's form says nothing here.
        if request.headers.get(b"origin", self._origin) != self._origin:
            raise Problem(403, "Requests from this origin are not accepted.")
        try:
            form = parse_form(request.body)
        except TokenRefused as refused:
            raise Problem(400, refused.sentence) from None
        question = form.get("question", "")
        tab = _tab(question)
        try:
            to = self._logins.answered(
                question,
                self._cookies.brought(request, tab),
                allowed=form.get("answer") == "allow",
                purpose=form.get("purpose", "").replace("\r\n", "\n"),
            )
        except LoginFailed as failed:
            return _failure(failed)
        link = f'<p><a href="{html.escape(to.url)}">Go back to the application</a></p>'
        return _page("Thank you", link, goes_to=to.url, headers=(self._cookies.drop(tab),))

    def _keep(self, kept: Kept) -> tuple[bytes, bytes]:
        return self._cookies.keep(kept.value, _tab(kept.id))


def _tab(identifier: str) -> str:
    """By what the cookie for an id of somebody on their way is known."""
    return identifier[:16]


def _query(request: Request) -> dict[str, str]:
    try:
        return parse_form(request.path.partition("?")[2].encode("latin-1"))
    except TokenRefused:
        raise Problem(400, "The query cannot be read.") from None


def _redirect(to: str, *headers: tuple[bytes, bytes]) -> Response:
    return Response(303, b"", ((b"location", to.encode()), *_HEADERS, *headers))


def _failure(failed: LoginFailed) -> Response:
    _log.warning("a sign-in failed: %s", failed.why)
    return _page("Not signed in", f"<p>{html.escape(failed.sentence)}</p>", status=400)


def _asks(question: Question) -> str:
    client = question.client
    says = f" (of {html.escape(client.host)})" if client.host else ""
    scopes = "".join(f"<li><code>{html.escape(scope)}</code></li>" for scope in question.scopes)
    return (
        f"<p>You are <strong>{html.escape(question.user)}</strong>.</p>"
        f"<p><strong>{html.escape(client.name)}</strong>{says} wants to act for you as the agent "
        f"<code>{html.escape(client.agent)}</code>, in one task of the kind "
        f"<strong>{html.escape(client.profile)}</strong>. At most it may:</p>"
        f"<ul>{scopes}</ul>"
        f"<p>You will be sent back to <code>{html.escape(question.redirect_uri)}</code>.</p>"
        f'<form method="post" action="{ALLOW_PATH}">'
        f'<input type="hidden" name="question" value="{html.escape(question.id)}">'
        '<label for="purpose">What is the task? Your own words vouch for the names and numbers in '
        "them; without them the application may only read.</label>"
        '<textarea id="purpose" name="purpose" rows="4" maxlength="2000"></textarea>'
        '<button name="answer" value="allow">Allow</button>'
        '<button name="answer" value="deny">Do not allow</button></form>'
    )


def _page(
    title: str,
    body: str,
    *,
    status: int = 200,
    goes_to: str | None = None,
    headers: Fields = (),
) -> Response:
    """A page; one that goes on does so by itself. A redirect would be held to form-action by some
    browsers, also where the program sends people on.
    """
    policy = (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; form-action 'self'; "
        "frame-ancestors 'none'; base-uri 'none'"
    )
    refresh = f'<meta http-equiv="refresh" content="0;url={html.escape(goes_to or "")}">'
    text = (
        f'<!doctype html><html lang="en"><meta charset="utf-8">{refresh if goes_to else ""}'
        f'<meta name="viewport" content="width=device-width"><title>{title}</title>'
        f"<style>{_STYLE}</style><main><h1>{title}</h1>{body}</main></html>"
    )
    fields: Fields = (
        (b"content-type", b"text/html; charset=utf-8"),
        (b"content-security-policy", policy.encode()),
        *_HEADERS,
        *headers,
    )
    return Response(status, text.encode(), fields)


_HEADERS: Final[Fields] = (
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"same-origin"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
