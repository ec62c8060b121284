"""The pages on which a user consents to what an upstream lets the gateway do for them.

A ticket's page says what it is for. Going on from there sets a cookie, so that only the browser
that was sent away is believed when it comes back (RFC 9700 section 4.7).
"""

from __future__ import annotations

from html import escape
from typing import Final
from urllib.parse import parse_qsl

from safeconduct.entrypoints.cookies import Cookies
from safeconduct.entrypoints.http import Fields, Request, Response, Route, Routes
from safeconduct.ports import Consents, NoConsent

TICKET_PATH: Final = "/oauth/consent/"
LEAVE_PATH: Final = "/oauth/leave/"

_MAX_FIELDS: Final = 16
_PAGE: Final[Fields] = (
    (b"content-type", b"text/html; charset=utf-8"),
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
)


class ConsentPages:
    """Serves the pages, and `callback`, the path that browsers come back to. `secure`: the gateway
    is spoken to over TLS, and its cookies are too.
    """

    def __init__(self, consents: Consents, callback: str, *, secure: bool) -> None:
        self._consents = consents
        self._callback_path = callback
        self._cookies = Cookies("safeconduct-consent", secure=secure)

    def routes(self) -> Routes:
        """This room's part of the routing table."""
        return {
            TICKET_PATH: {"GET": Route(self._ticket)},
            LEAVE_PATH: {"GET": Route(self._leave)},
            self._callback_path: {"GET": Route(self._callback, query=True)},
        }

    async def _ticket(self, request: Request) -> Response:
        try:
            upstream, user = self._consents.find(request.tail)
        except NoConsent as refused:
            return _page(400, "No consent", str(refused))
        said = (
            f"Agents of {user} want to use {upstream}. Go on only if you are {user}: "
            "you will be asked to log in there, and what you agree to is done in your name."
        )
        link = f'<p><a href="{LEAVE_PATH}{escape(request.tail)}">Go on to log in</a></p>'
        return _page(200, f"Consent for {upstream}", said, link)

    async def _leave(self, request: Request) -> Response:
        try:
            url, browser = await self._consents.leave(request.tail)
        except NoConsent as refused:
            return _page(400, "No consent", str(refused))
        fields = ((b"location", url.encode()), self._cookies.keep(browser))
        return Response(303, b"", (*fields, *_PAGE))

    async def _callback(self, request: Request) -> Response:
        try:
            answer = _query(request.path)
            upstream, user = await self._consents.arrive(answer, self._cookies.brought(request))
        except NoConsent as refused:
            return _page(400, "No consent", str(refused))
        said = f"Agents of {user} may use {upstream} now. You can close this page."
        return _page(200, "Thank you", said)


def _query(path: str) -> dict[str, str]:
    """The parameters of a URL, none of them twice. Raises NoConsent."""
    try:
        pairs = parse_qsl(
            path.partition("?")[2],
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=_MAX_FIELDS,
        )
    except ValueError:
        pairs = []
    answer = dict(pairs)
    if not pairs or len(answer) != len(pairs):
        raise NoConsent("The answer makes no sense.")
    return answer


def _page(status: int, title: str, text: str, more: str = "") -> Response:
    head = f'<!doctype html><html lang="en"><title>{escape(title)}</title>'
    body = f"{head}<h1>{escape(title)}</h1><p>{escape(text)}</p>{more}</html>\n"
    return Response(status, body.encode(), _PAGE)
