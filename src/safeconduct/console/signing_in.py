"""Signing in and out: at the issuer (OpenID Connect), or with a passkey."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Final, cast

import msgspec
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from safeconduct.approvals.answers import NotProven
from safeconduct.approvals.passkeys import Passkeys
from safeconduct.console.pages import KEYS, SIGN_IN, Here, Pages, Way, back, go
from safeconduct.console.people import People
from safeconduct.console.rates import Rates
from safeconduct.console.sessions import LATELY_MS, Step
from safeconduct.console.wrong import Wrong
from safeconduct.kit.seal import Seal, Unsealed
from safeconduct.kit.strictjson import StrictJSONError, loads
from safeconduct.ports import JSON, Attempt, SignedIn, SignIn

SIGNED_IN: Final = "/signed-in"
"""Where the issuer sends people back to; it has to know this as a redirect URI of ours."""

AWAY_S: Final = 600
"""How long a browser keeps what it left with, in seconds."""

PER_MINUTE: Final = 60
"""How often a minute somebody may begin to sign in, by each way, from one address; somebody who is
signed in already, from anywhere."""

RETURNS: Final = 5
"""How often a minute one sign-in may come back from the issuer."""

_OFTEN: Final = "There were too many attempts from here. Wait a minute."

Stepped = Callable[[Here, Step, SignedIn], Awaitable[Response]]
"""What is done with a sign-in that says yes to a question."""


class _Away(msgspec.Struct, frozen=True):
    """Somebody who is at their issuer, and where they wanted to go."""

    attempt: Attempt
    to: str


class SigningInPages:
    """How a session begins and ends."""

    def __init__(
        self,
        pages: Pages,
        people: People,
        passkeys: Passkeys,
        login: SignIn | None,
        stepped: Stepped,
    ) -> None:
        """`login` sends people to their issuer, where they can sign in there."""
        self._pages = pages
        self._people = people
        self._passkeys = passkeys
        self._login = login
        self._stepped = stepped
        self._seal = Seal(_Away, pages.clock_ms)
        self._rates = Rates(PER_MINUTE, pages.clock_ms)
        self._returns = Rates(RETURNS, pages.clock_ms)

    def ways(self) -> tuple[Way, ...]:
        """Its pages."""
        return (
            Way("GET", SIGN_IN, self.sign_in),
            Way("GET", f"{SIGN_IN}/issuer", self.leave),
            Way("POST", f"{SIGN_IN}/options", self.options),
            Way("POST", f"{SIGN_IN}/passkey", self.passkey),
            Way("GET", SIGNED_IN, self.returned),
            Way("POST", "/sign-out", self.sign_out),
        )

    async def sign_in(self, request: Request) -> Response:
        """Asks how somebody wants to sign in."""
        to = back(request.query_params.get("to", ""))
        new = "registered" in request.query_params
        return self._pages.page("sign_in.html", to=to, issuer=self._login is not None, new=new)

    async def leave(self, request: Request) -> Response:
        """Sends somebody to their issuer; to change their passkeys they sign in anew."""
        self._bounded(request, "issuer")
        if self._login is None:
            raise Wrong(404, "Nobody signs in there.")
        to = back(request.query_params.get("to", ""))
        url, attempt = await self._login.begin(max_age_s=LATELY_MS // 1000 if to == KEYS else None)
        response = RedirectResponse(url, 303)
        kept = self._seal.seal(_Away(attempt, to), attempt.state.encode())
        self._pages.keep(response, self._away(attempt.state), kept, AWAY_S)
        return response

    async def returned(self, request: Request) -> Response:
        """Somebody comes back from their issuer: to begin a session, or to say yes in one.

        Only what was begun here gets as far as the issuer, so that is what is counted.
        """
        query, login = dict(request.query_params), self._login
        if login is None or len(query) != len(request.query_params.multi_items()):
            raise Wrong(404, "Nobody signs in there.")
        state = query.get("state", "")
        here = self._pages.here(request)
        if here is not None and state in here.session.steps:
            step = here.session.steps.pop(state)
            signed = await login.finish(query, step.attempt, self._pages.clock_ms())
            return await self._stepped(here, step, signed)
        name = self._away(state)
        try:
            away = self._seal.open(request.cookies.get(name, ""), state.encode())
        except Unsealed:
            raise Wrong(400, "This sign-in was not begun in this browser.") from None
        if not self._returns.allow(state):
            raise Wrong(429, _OFTEN)
        signed = await login.finish(query, away.attempt, self._pages.clock_ms())
        approver = self._people.signed_in(signed.person)
        if approver is None:
            raise Wrong(403, "You are not one of those who can sign in here.")
        at_ms = signed.person.signed_in_ms
        session, _ = self._pages.sessions.begin(approver.user, "sign-in", at_ms, "sign-in")
        response = self._pages.enter(request, go(away.to), session)
        self._pages.keep(response, name, "", 0)
        return response

    async def options(self, request: Request) -> Response:
        """What a browser is asked so that somebody signs in with a passkey."""
        self._bounded(request, "passkey")
        ceremony, asked = self._passkeys.sign_in()
        return JSONResponse({"ceremony": ceremony, "publicKey": asked})

    async def passkey(self, request: Request) -> Response:
        """Somebody signs in with a passkey, once for each ceremony that was begun."""
        form = await self._pages.form(request)
        key = self._passkeys.signed_in(form.get("ceremony", ""), answered(form))
        now_ms = self._pages.clock_ms()
        if self._people.known(key.user, now_ms) is None:
            raise Wrong(403, "You are not one of those who can sign in here.")
        if self._login is not None and not self._people.came_back(key.user):
            raise Wrong(403, "Your organisation has ended your sign-ins: sign in there first.")
        name, _ = self._pages.sessions.begin(
            key.user, "passkey", now_ms, "passkey", credential=key.credential
        )
        return self._pages.enter(request, go(back(form.get("to", ""))), name)

    async def sign_out(self, request: Request) -> Response:
        """Ends the session."""
        here = self._pages.here(request)
        if here is not None:
            await self._pages.form(request, here)
            self._pages.leave(request)
        return self._pages.forget(go(SIGN_IN))

    def _away(self, state: str) -> str:
        """A cookie for each sign-in, so that several tabs can have one under way."""
        tab = "".join(letter for letter in state[:16] if letter.isalnum() or letter in "-_")
        return self._pages.cookie(f"away-{tab}")

    def _bounded(self, request: Request, way: str) -> None:
        here, client = self._pages.here(request, active=False), request.client
        whose = here.approver.user if here is not None else client and client.host
        if not self._rates.allow(f"{way} {whose}"):
            raise Wrong(429, _OFTEN)


def answered(form: dict[str, str]) -> JSON:
    """What an authenticator said, as the page sent it. Raises NotProven."""
    try:
        value: object = loads(form.get("response", "").encode(), max_depth=8)
    except StrictJSONError:
        raise NotProven("The passkey's answer is not valid here.") from None
    if not isinstance(value, dict):
        raise NotProven("The passkey's answer is not valid here.")
    return cast("JSON", value)
