"""The console of a small company, over real rooms, and browsers in front of it."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

import msgspec
from starlette.types import ASGIApp, Message

from safeconduct.approvals.questions import Question
from safeconduct.approvals.stepping import SigningIn
from safeconduct.audit.records import ADDED
from safeconduct.config.approvals import ApprovalsBlock, ConsoleBlock, Persons, Role
from safeconduct.config.users import UserEntry
from safeconduct.console.people import People
from safeconduct.console.site import site
from safeconduct.kit.jwk import encode
from safeconduct.ports import JSON, Attempt, LoginFailed, Person, SignedIn
from safeconduct.simulation import SimulatedTask, Step
from tests.support.authenticator import Authenticator
from tests.support.recorded import recorded
from tests.support.worlds import SCOPES, USER, Rules, config

URL: Final = "http://localhost:8790"
KIM, LEE, BOT = "kim@crm.example", "lee@crm.example", "bot@crm.example"
ANN, OLE = "ann@crm.example", "ole@crm.example"
"""An analyst, and an operator."""
TENANT: Final = "crm.example"
START_MS: Final = 1_790_000_000_000
DEAL: Final = {"id": "D-7", "amount_minor": 900, "next_step": "call Dana"}
PEOPLE: Final = {
    USER: UserEntry(scopes=SCOPES),
    KIM: UserEntry(scopes=SCOPES, groups=("refunds",)),
    LEE: UserEntry(scopes=SCOPES),
    ANN: UserEntry(scopes=SCOPES),
    OLE: UserEntry(scopes=SCOPES, groups=("platform",)),
    BOT: UserEntry(scopes=SCOPES, groups=("refunds",), kind="service"),
}
ROLES: Final[Mapping[Role, Persons]] = {
    "analyst": Persons(users=(ANN,)),
    "operator": Persons(groups=("platform",)),
}
APPROVALS: Final[JSON] = {
    "groups": {"desk": {"users": [LEE], "groups": ["refunds"]}},
    "templates": {"scope": {"title": "Change a deal"}},
}


class Page(msgspec.Struct, frozen=True):
    """What came back."""

    status: int
    headers: dict[str, str]
    cookies: tuple[str, ...]
    text: str
    content: bytes

    @property
    def to(self) -> str:
        """Where it leads."""
        return self.headers["location"]

    @property
    def json(self) -> JSON:
        value: JSON = json.loads(self.text)
        return value

    @property
    def said(self) -> str:
        """The sentence of a page that says what is wrong."""
        found = re.search(r'<p role="alert">(.*?)</p>', self.text)
        assert found is not None, self.text
        return html.unescape(found[1])

    @property
    def csrf(self) -> str:
        """The token of its forms."""
        found = re.search(r'name="csrf" value="([^"]+)"', self.text)
        assert found is not None, self.text
        return found[1]


class Browser:
    """Keeps cookies, and says where it comes from as browsers do."""

    def __init__(self, app: ASGIApp, url: str = URL) -> None:
        self.app = app
        self.url = url
        self.cookies: dict[str, str] = {}

    async def get(self, path: str, **headers: str) -> Page:
        return await self.ask("GET", path, b"", headers)

    async def post(self, path: str, form: Mapping[str, str] | None = None, **headers: str) -> Page:
        """A form of a page of the console, unless headers say otherwise."""
        given = {
            "origin": self.url,
            "sec-fetch-site": "same-origin",
            "content-type": "application/x-www-form-urlencoded",
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        return await self.ask("POST", path, urlencode(form or {}).encode(), given)

    async def ask(
        self, method: str, path: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Page:
        target, _, query = path.partition("?")
        fields = {"host": urlsplit(self.url).netloc, **(headers or {})}
        if self.cookies:
            fields["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        parts = [body[at : at + 4096] for at in range(0, len(body), 4096)] or [b""]
        told: list[Message] = []

        async def receive() -> Message:
            if not parts:
                return {"type": "http.disconnect"}
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message: Message) -> None:
            told.append(message)

        await self.app(
            {
                "type": "http",
                "asgi": {"version": "3.0"},
                "http_version": "1.1",
                "method": method,
                "scheme": urlsplit(self.url).scheme,
                "path": target,
                "raw_path": target.encode(),
                "query_string": query.encode(),
                "root_path": "",
                "headers": [
                    (name.encode(), value.encode("latin-1"))
                    for name, value in fields.items()
                    if value
                ],
                "client": ("192.0.2.7", 40000),
                "server": ("localhost", 8790),
            },
            receive,
            send,
        )
        pairs = [(name.decode(), value.decode()) for name, value in told[0]["headers"]]
        cookies = tuple(value for name, value in pairs if name == "set-cookie")
        for cookie in cookies:
            name, _, value = cookie.partition(";")[0].partition("=")
            self.cookies.pop(name, None)
            if "Max-Age=0" not in cookie:
                self.cookies[name] = value
        content = b"".join(message.get("body", b"") for message in told[1:])
        text = content.decode(errors="replace")
        return Page(told[0]["status"], dict(pairs), cookies, text, content)


class Issuer:
    """Where people sign in: whoever is `user` comes back, as `says` has it."""

    def __init__(self, now_ms: Any) -> None:
        self.user = USER
        self.says: dict[str, Any] = {}
        self.asked: list[JSON] = []
        self.nonce = ""
        self._now_ms = now_ms
        self._tokens: dict[str, Person] = {}

    async def begin(
        self,
        *,
        acr: tuple[str, ...] = (),
        max_age_s: int | None = None,
        nonce: str | None = None,
    ) -> tuple[str, Attempt]:
        state = f"state-{len(self.asked)}"
        self.asked.append({"acr": acr, "max_age_s": max_age_s, "nonce": nonce, "state": state})
        self.nonce = nonce or "chance"
        return f"https://login.example/?state={state}", Attempt(state, self.nonce, "v")

    async def finish(self, answer: Mapping[str, str], attempt: Attempt, now_ms: int) -> SignedIn:
        if "code" not in answer:
            raise LoginFailed("You were not signed in.", "no code")
        token = self.token(attempt.nonce)
        return SignedIn(await self.person(token, now_ms), token)

    def token(self, nonce: str) -> str:
        """An ID token that nobody verifies: what it says is kept here."""
        now_s = self._now_ms() // 1000
        said: dict[str, Any] = {
            "id": self.user,
            "issuer": "i",
            "jti": f"j-{len(self._tokens)}",
            "auth_time_s": now_s,
            **self.says,
        }
        parts = [{"alg": "none"}, {"nonce": self.says.get("nonce", nonce)}]
        said.pop("nonce", None)
        token = (
            ".".join(_part(part) for part in parts) + f".{encode(str(len(self._tokens)).encode())}"
        )
        self._tokens[token] = Person(**said)
        return token

    async def person(self, token: str, now_ms: int) -> Person:
        return self._tokens[token]


def _part(value: JSON) -> str:
    return encode(json.dumps(value).encode())


class House:
    """The company, its console, and the time."""

    def __init__(
        self,
        directory: Path,
        *,
        approvals: JSON | None = None,
        url: str = URL,
        issuer: bool = True,
        resolvers: Mapping[str, Any] | None = None,
        roles: Mapping[Role, Persons] = ROLES,
    ) -> None:
        self.now_ms: int = START_MS
        self.directory = directory
        base = config(directory, approval_scopes=("deal:update",))
        said = {**APPROVALS, **(approvals or {})}
        root = msgspec.structs.replace(
            base.root,
            approvals=msgspec.convert(said, ApprovalsBlock),
            console=ConsoleBlock(listen="127.0.0.1:8790", url=url, roles=dict(roles)),
        )
        self.task = SimulatedTask(
            msgspec.structs.replace(base, root=root, users=PEOPLE),
            "Close deal D-7.",
            directory=directory,
            policy=Rules(),
            resolvers=resolvers or {"crm.get_deal": lambda **_: {"amount_minor": 1000}},
            user=USER,
            clock=lambda: self.now_ms,
        )
        self.rooms = self.task.rooms
        self.issuer = Issuer(lambda: self.now_ms)
        passkeys = self.rooms.passkeys
        assert passkeys is not None
        self.passkeys = passkeys
        step_up = root.approvals.step_up
        if step_up is not None:
            verifier = SigningIn(self.issuer.person, acr=step_up.acr, max_age_s=step_up.max_age_s)
            desk = self.rooms.desk
            desk.verifiers = {**desk.verifiers, "sign-in": verifier}
        self.people = People(self.rooms.config, self.rooms.state)
        self.url = url
        self.app = site(self.rooms, passkeys, url, self.issuer if issuer else None)

    def browser(self) -> Browser:
        """A browser of somebody who has not signed in yet."""
        return Browser(self.app, self.url)

    async def signed_in(self, user: str, to: str = "/") -> Browser:
        """A browser of somebody who signed in at their issuer."""
        browser = self.browser()
        self.issuer.user = user
        await browser.get(f"/sign-in/issuer?to={to}")
        page = await browser.get(f"/signed-in?code=c&state={self.issuer.asked[-1]['state']}")
        assert (page.status, page.to) == (303, to), page
        return browser

    async def key(self, browser: Browser, label: str = "phone") -> Authenticator:
        """Registers a passkey."""
        key = Authenticator(self.url, "localhost")
        csrf = (await browser.get("/keys")).csrf
        asked = (await browser.post("/keys/options", {"csrf": csrf})).json
        form = {
            "csrf": csrf,
            "ceremony": asked["ceremony"],
            "label": label,
            "response": json.dumps(key.register(asked["publicKey"])),
        }
        page = await browser.post("/keys", form)
        assert page.status == 303, page
        return key

    def records(self, kind: str) -> list[JSON]:
        """What is on record by now."""
        return recorded(self.directory / "audit", kind)

    @property
    def phases(self) -> list[str]:
        """What became of the questions, in order."""
        return [one["phase"] for one in self.records("approval")]

    async def call(self, arguments: JSON | None = None, tool: str = "crm.update_deal") -> Step:
        """The agent calls; whether it ran is in what comes back."""
        given = DEAL if arguments is None else arguments
        return await self.task.call(tool, given, lambda **_: {"done": True})

    async def passed_on(self, task: str) -> None:
        """A part of the task is passed on to a task below it."""
        start = self.records("task")[0]
        record = {name: start[name] for name in start if name not in ADDED}
        user = {**record["user"], "id": USER}
        await self.rooms.log.append(
            {**record, "task": task, "parent": start["task"], "user": user, "at_ms": self.now_ms}
        )

    async def asked(self, arguments: JSON | None = None) -> Question:
        """The agent's call is stopped, and this is the question."""
        step = await self.call(arguments)
        assert step.reason == "approval-required", step
        return self.rooms.desk.pending()[-1]


async def yes(
    browser: Browser, question: str, key: Authenticator, choice: str = "granted", **more: str
) -> Page:
    """Says yes with a passkey, as the script of the page does."""
    csrf = (await browser.get(f"/approvals/{question}")).csrf
    form = {"csrf": csrf, "choice": choice, "means": "passkey", "response": "", **more}
    asked = await browser.post(f"/approvals/{question}/options", form, accept="application/json")
    if asked.status != 200:
        return asked
    key.count += 1
    form["response"] = json.dumps(key.sign(asked.json["publicKey"]))
    return await browser.post(f"/approvals/{question}", form)


async def no(browser: Browser, question: str, said: str = "") -> Page:
    """Says no, which needs no script."""
    csrf = (await browser.get(f"/approvals/{question}")).csrf
    return await browser.post(
        f"/approvals/{question}", {"csrf": csrf, "choice": "denied", "said": said}
    )
