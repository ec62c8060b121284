"""People who sign in with their programs: their issuer, their browser, and the program."""

from __future__ import annotations

import base64
import hashlib
import html
import http.client
import re
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, unquote_plus, urlencode, urljoin, urlsplit

import msgspec

from safeconduct.kit.jwk import PrivateKey
from safeconduct.ports import JSON
from tests.support.installation import COPILOT, USER, Agent, Gateway, change
from tests.support.publishers import public, rsa, signed
from tests.support.starting import Refused, begun
from tests.support.web import Answer, Asked, Web, document

CLIENT: Final = "safeconduct"
SECRET: Final = "what only the gateway has"
DESK: Final = "http://127.0.0.1:53682/callback"
TEXT: Final = "text/html; charset=utf-8"


class Issuer:
    """An issuer of users that speaks OpenID Connect; everybody in front of it is `user`.

    `says` are claims of its next ID tokens, None takes one out; `adds` goes into its redirects.
    """

    def __init__(self, web: Web) -> None:
        self.url = web.url
        self.key = rsa("first")
        self.user = USER
        self.says: dict[str, Any] = {}
        self.adds: dict[str, str | None] = {}
        self.asked: list[dict[str, str]] = []
        self.redeemed = 0
        self._codes: dict[str, dict[str, str]] = {}
        web.publish(
            {
                "/.well-known/openid-configuration": {
                    "issuer": web.url,
                    "authorization_endpoint": f"{web.url}/authorize",
                    "token_endpoint": f"{web.url}/token",
                    "jwks_uri": f"{web.url}/jwks",
                    "authorization_response_iss_parameter_supported": True,
                },
                "/jwks": {"keys": [public(self.key)]},
            }
        )
        web.pages["/authorize"] = self._authorize
        web.pages["/token"] = self._token

    def _authorize(self, request: Asked) -> Answer:
        asked = dict(parse_qsl(urlsplit(request.path).query))
        assert asked["client_id"] == CLIENT
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_urlsafe(16)
        self.asked.append(asked)
        self._codes[code] = asked
        told = {"code": code, "state": asked["state"], "iss": self.url, **self.adds}
        query = urlencode({name: value for name, value in told.items() if value is not None})
        return Answer(302, b"", {"Location": f"{asked['redirect_uri']}?{query}"})

    def _token(self, request: Asked) -> Answer:
        self.redeemed += 1
        form = request.form
        asked = self._codes.pop(form["code"], None)
        given = base64.b64decode(request.headers["authorization"].removeprefix("Basic "))
        known = unquote_plus(given.decode()) == f"{CLIENT}:{SECRET}"
        if asked is None or not known or form["redirect_uri"] != asked["redirect_uri"]:
            return document({"error": "invalid_grant"}, 400)
        if challenge(form["code_verifier"]) != asked["code_challenge"]:
            return document({"error": "invalid_grant"}, 400)
        now_s = int(time.time())
        claims: dict[str, Any] = {
            "iss": self.url,
            "sub": self.user,
            "aud": CLIENT,
            "iat": now_s,
            "exp": now_s + 300,
            "auth_time": now_s,
            "nonce": asked["nonce"],
            "jti": secrets.token_urlsafe(16),
            **self.says,
        }
        token = signed(self.key, {n: value for n, value in claims.items() if value is not None})
        told = {"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": token}
        return document(told)


class Page(msgspec.Struct, frozen=True):
    """What a browser shows: where it is, and every header of the answer in its order."""

    url: str
    status: int
    fields: list[tuple[str, str]]
    text: str

    def header(self, name: str) -> str:
        """The value of a header, empty if there is none."""
        return next((value for field, value in self.fields if field.lower() == name), "")

    @property
    def query(self) -> dict[str, str]:
        """The parameters of the URL."""
        return dict(parse_qsl(urlsplit(self.url).query))

    @property
    def question(self) -> str:
        """The id of the question that the page asks."""
        found = re.search(r'name="question" value="([^"]+)"', self.text)
        assert found is not None, self.text
        return found[1]


class Browser:
    """Keeps cookies; ports do not tell those of one host apart, as in any browser."""

    def __init__(self) -> None:
        self.cookies: dict[str, str] = {}

    def get(self, url: str) -> Page:
        """One answer; no redirect is followed."""
        return self._ask("GET", url, None, {})

    def open(self, url: str) -> Page:
        """Follows redirects, but not to a program."""
        page = self.get(url)
        while page.status in {302, 303}:
            url = urljoin(page.url, page.header("location"))
            if url.startswith(DESK):
                return Page(url, 0, [], "")
            page = self.get(url)
        return page

    def answer(
        self, page: Page, answer: str = "allow", *, origin: str | None = "", **form: str
    ) -> Page:
        """Presses a button of the page that asks; where that leads to."""
        parts = urlsplit(page.url)
        here = f"{parts.scheme}://{parts.netloc}"
        headers = {} if origin is None else {"Origin": origin or here}
        given = {"question": page.question, "purpose": "", "answer": answer, **form}
        done = self._ask("POST", f"{here}/oauth/allow", given, headers)
        there = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', done.text)
        return done if there is None else Page(html.unescape(there[1]), 200, done.fields, done.text)

    def _ask(self, method: str, url: str, form: JSON | None, headers: Mapping[str, str]) -> Page:
        parts = urlsplit(url)
        connection = http.client.HTTPConnection(parts.netloc, timeout=30)
        given = dict(headers)
        if self.cookies:
            given["Cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        body = None
        if form is not None:
            given["Content-Type"] = "application/x-www-form-urlencoded"
            body = urlencode(form).encode()
        try:
            target = f"{parts.path}?{parts.query}" if parts.query else parts.path
            connection.request(method, target, body, given)
            response = connection.getresponse()
            page = Page(url, response.status, response.getheaders(), response.read().decode())
        finally:
            connection.close()
        for field, value in page.fields:
            if field.lower() == "set-cookie":
                name, _, kept = value.partition(";")[0].partition("=")
                self.cookies.pop(name, None)
                if "Max-Age=0" not in value:
                    self.cookies[name] = kept
        return page


class Program:
    """A program on a person's machine: each is one sign-in, with its own verifier and key."""

    def __init__(self, gateway: Gateway, client_id: str = "desk", redirect_uri: str = DESK) -> None:
        self.gateway = gateway
        self.client_id = client_id
        self.redirect_uri = redirect_uri
        self.state = secrets.token_urlsafe(8)
        self.verifier = secrets.token_urlsafe(48)
        self.key = PrivateKey.generate()

    def url(self, **changes: str | None) -> str:
        """Where it sends the person; None takes a parameter out."""
        asked: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "state": self.state,
            "code_challenge": challenge(self.verifier),
            "code_challenge_method": "S256",
            "resource": f"{self.gateway.issuer}/mcp",
            **changes,
        }
        query = urlencode({name: value for name, value in asked.items() if value is not None})
        return f"{self.gateway.issuer}/oauth/authorize?{query}"

    def form(self, code: str, **changes: str | None) -> dict[str, str]:
        """How it redeems a code."""
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "code": code,
            "code_verifier": self.verifier,
            **changes,
        }
        return {name: value for name, value in form.items() if value is not None}

    def redeem(self, code: str, **changes: str | None) -> Agent | Refused:
        return begun(self.gateway, self.form(code, **changes), self.key)

    def code(self, browser: Browser, purpose: str = "", **changes: str | None) -> str:
        """The code that comes back when the person signs in and says yes."""
        page = browser.answer(browser.open(self.url(**changes)), purpose=purpose)
        assert page.url.startswith(f"{self.redirect_uri}?"), page
        assert (page.query["state"], page.query["iss"]) == (self.state, self.gateway.issuer)
        return page.query["code"]


def configure(directory: Path, users: JSON, clients: JSON) -> None:
    """Lets people sign in at this issuer, with these programs besides two that are registered."""
    secret = directory / "login"
    secret.touch(mode=0o600)
    secret.write_text(SECRET)
    program = {
        "agent": COPILOT,
        "profile": "triage",
        "redirect_uris": ["http://127.0.0.1/callback"],
    }
    common = {"audience": CLIENT, "algorithms": ["RS256"], "entitlements": "users.yaml"}
    change(
        directory / "safeconduct.yaml",
        {
            "users": {**common, "login": {"secret": "file:login"}, **users},
            "clients": {"desk": program | {"name": "Desk"}, "other": program, **clients},
        },
    )


def challenge(verifier: str) -> str:
    """The S256 challenge of a verifier (RFC 7636 section 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def told(page: Page) -> str:
    """The sentence of a page for a person who was not signed in."""
    assert page.status == 400, page
    assert page.header("content-type") == TEXT
    found = re.search(r"<p>(.*?)</p>", page.text)
    assert found is not None
    return found[1]
