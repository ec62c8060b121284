"""A browser that a script steers: cookies, forms, redirects. It runs nothing that a page brings."""

from __future__ import annotations

import html
import html.parser
import http.client
import http.cookiejar
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Mapping
from typing import IO

import msgspec

_REFRESH = re.compile(r'http-equiv="refresh" content="0;url=([^"]+)"')


class _Form(html.parser.HTMLParser):
    """The first form of a page: where it goes, what is filled in, and its named buttons."""

    def __init__(self) -> None:
        super().__init__()
        self.action: str | None = None
        self.fields: dict[str, str] = {}
        self.buttons: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form" and self.action is None:
            self.action = given.get("action", "")
        elif tag in {"input", "textarea"} and "name" in given:
            self.fields[given["name"]] = given.get("value", "")
        elif tag == "button" and "name" in given:
            self.buttons.add(given["name"])


class _Stay(urllib.request.HTTPRedirectHandler):
    """Redirects are followed by hand: the last one leads to where nobody listens."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> None:
        del req, fp, code, msg, headers, newurl


class Page(msgspec.Struct, frozen=True):
    """Where the browser is, and what stands there."""

    url: str
    text: str

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the URL."""
        return dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(self.url).query))


class Browser:
    """Keeps cookies, and stops at `stop`."""

    def __init__(self, stop: str) -> None:
        self._stop = stop
        cookies = http.cookiejar.CookieJar(
            http.cookiejar.DefaultCookiePolicy(rfc2965=False, strict_domain=False)
        )
        self._opener = urllib.request.build_opener(
            urllib.request.ProxyHandler({}),
            urllib.request.HTTPCookieProcessor(cookies),
            _Stay,
        )

    def open(self, url: str, form: Mapping[str, str] | None = None) -> Page:
        """Goes there, along redirects, and where a page goes by itself."""
        data = None if form is None else urllib.parse.urlencode(form).encode()
        while not url.startswith(self._stop):
            try:
                answer = self._opener.open(url, data, timeout=10)
            except urllib.error.HTTPError as error:
                if error.code not in {302, 303}:
                    raise AssertionError(error.read().decode()) from error
                answer = error
            with answer:
                where, text = answer.headers.get("Location"), answer.read().decode()
            if where is None:
                refresh = _REFRESH.search(text)
                if refresh is None:
                    return Page(url, text)
                where = html.unescape(refresh[1])
            url, data = urllib.parse.urljoin(url, where), None
        return Page(url, "")

    def submit(self, page: Page, **filled: str) -> Page:
        """Fills in the first form of a page, and sends it by a button if that is `filled` in."""
        form = _Form()
        form.feed(page.text)
        assert form.action is not None, page.text
        assert filled.keys() <= form.fields.keys() | form.buttons, form.fields
        url = urllib.parse.urljoin(page.url, form.action or page.url)
        return self.open(url, {**form.fields, **filled})
