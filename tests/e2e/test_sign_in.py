"""People sign in from their programs at issuers that others wrote, and a task begins."""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import httpx2
import pytest
from examples.stage.chromium import ENTER, TAB, chromium
from mcp.client.auth import OAuthClientProvider
from mcp.client.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.shared.auth import (
    AuthorizationCodeResult,
    OAuthClientInformationFull,
    OAuthClientMetadata,
    OAuthToken,
)
from pydantic import AnyUrl

from safeconduct.config import load
from safeconduct.ports import JSON
from tests.e2e.browser import Browser, Page
from tests.e2e.login import CLIENT, CODE, PASSWORD, SECRET, nanoidp, oidc_provider
from tests.support.certificates import Authority
from tests.support.installation import (
    COPILOT,
    HOST,
    USER,
    Agent,
    Gateway,
    change,
    done,
    free_port,
    install,
    opened_office,
    running,
)
from tests.support.signing_in import DESK, Program, configure
from tests.support.starting import Refused
from tests.support.web import Answer, Asked, Web, serving

pytestmark = [pytest.mark.debian, pytest.mark.timeout(120)]

WEAK = {"user": "u-1", "password": PASSWORD}
STRONG = WEAK | {"code": CODE}
WORDS = "Answer case C-1 and write to dana@customer.example."


class World:
    """A gateway that sends people to an issuer; what a test asks for is all over with it."""

    def __init__(self, directory: Path, stack: ExitStack) -> None:
        self.directory = directory
        self._stack = stack
        self.port = free_port()
        self.redirect = f"http://{HOST}:{self.port}/oauth/signed-in"

    def oidc_provider(self) -> JSON:
        jane = {"password": PASSWORD, "code": CODE, "claims": {"groups": ["sales"]}}
        log = self.directory / "issuer.log"
        issuer = self._stack.enter_context(oidc_provider({"u-1": jane}, log, self.redirect))
        return {"issuer": issuer.url, "untyped": True}

    def nanoidp(self) -> JSON:
        users = {"u-1": {"password": PASSWORD}}
        made = nanoidp(users, self.directory / "issuer", self.redirect)
        return {"issuer": self._stack.enter_context(made).url, "required": {"token_use": "id"}}

    def published(self) -> Web:
        """A server of metadata documents, over TLS, that the gateway trusts."""
        authority = Authority("crm.example")
        certificate, key = authority.server().write(self.directory, "app")
        (self.directory / "authority.pem").write_bytes(authority.pem)
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        patch = self._stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("SSL_CERT_FILE", str(self.directory / "authority.pem"))
        return self._stack.enter_context(serving(tls))

    def gateway(
        self, users: JSON, clients: JSON | None = None, requires: JSON | None = None, **more: bool
    ) -> Gateway:
        directory = self.directory / "gateway"
        office = self._stack.enter_context(opened_office())
        install(directory, office, port=self.port)
        root = directory / "safeconduct.yaml"
        secret = {"login": {"secret": "file:login"}}
        configure(directory, {"audience": CLIENT, **secret, **users}, clients or {})
        (directory / "login").write_text(SECRET)
        said = json.loads(root.read_text())
        said["profiles"]["triage"]["requires"] = requires or {}
        change(root, {"profiles": said["profiles"], "gateway": said["gateway"] | more})
        scopes = ["case:read", "mail:send"]
        change(directory / "users.yaml", {"users": {USER: {"subject": "u-1", "scopes": scopes}}})
        gateway = self._stack.enter_context(running(load(directory)))
        self._stack.callback(gateway.verified)
        return gateway


@pytest.fixture
def world(tmp_path: Path) -> Generator[World]:
    with ExitStack() as stack:
        yield World(tmp_path, stack)


def allowed(url: str, filled: dict[str, str], purpose: str = "") -> Page:
    """The person signs in, reads what is asked, and says yes; where the program gets its code."""
    browser = Browser(DESK)
    page = browser.submit(browser.open(url), **filled)
    assert f"You are <strong>{USER}</strong>" in page.text
    return browser.submit(page, purpose=purpose, answer="allow")


def test_a_person_signs_in_and_says_what_for(world: World) -> None:
    gateway = world.gateway(world.oidc_provider())
    program = Program(gateway)
    back = allowed(program.url(), WEAK, WORDS)
    assert (back.query["state"], back.query["iss"]) == (program.state, gateway.issuer)
    agent = program.redeem(back.query["code"])
    assert isinstance(agent, Agent), agent
    assert done(agent.call("office__get_case", {"case_id": "C-1"}))
    assert done(agent.call("office__send", {"to": "dana@customer.example", "body": "Hello"}))
    (record,) = gateway.records("task")
    assert (record["purpose"], record["purpose_source"]) == (WORDS, "app")
    assert (record["program"], record["user"]["id"]) == ("desk", USER)
    assert record["agent"]["id"] == COPILOT


def test_a_profile_has_the_person_sign_in_more_strongly(world: World) -> None:
    gateway = world.gateway(
        world.oidc_provider(), requires={"acr": ["mfa"], "amr": ["otp"], "max_age_s": 300}
    )
    browser, program = Browser(DESK), Program(gateway)
    page = browser.open(program.url())
    assert 'name="code"' in page.text
    page = browser.submit(browser.submit(page, **STRONG), answer="allow")
    agent = program.redeem(page.query["code"])
    assert isinstance(agent, Agent), agent
    (record,) = gateway.records("task")
    assert (record["user"]["acr"], record["user"]["amr"]) == ("mfa", ["pwd", "otp"])
    # Who has a session there is asked for nothing but the yes.
    again = Program(gateway)
    page = browser.submit(browser.open(again.url()), answer="allow")
    assert isinstance(again.redeem(page.query["code"]), Agent)


def test_an_issuer_that_does_not_step_up_gets_nobody_in(world: World) -> None:
    gateway = world.gateway(world.nanoidp(), requires={"acr": ["mfa"]})
    program = Program(gateway)
    back = allowed(program.url(), {"username": "u-1", "password": PASSWORD})
    answer = program.redeem(back.query["code"])
    assert isinstance(answer, Refused)
    assert answer.told["error"] == "insufficient_user_authentication"
    assert gateway.records("task") == []


def test_a_program_that_is_known_by_its_document(world: World) -> None:
    web = world.published()
    client_id = f"{web.url}/client.json"
    said = {"client_id": client_id, "client_name": "Example App", "redirect_uris": [DESK]}
    web.publish({"/client.json": said})
    clients = {client_id: {"agent": COPILOT, "profile": "triage"}}
    gateway = world.gateway(world.nanoidp(), clients)
    program, browser = Program(gateway, client_id), Browser(DESK)
    page = browser.submit(browser.open(program.url()), username="u-1", password=PASSWORD)
    assert "<strong>Example App</strong> (of 127.0.0.1:" in page.text
    back = browser.submit(page, answer="allow")
    assert isinstance(program.redeem(back.query["code"]), Agent)


class Storage:
    """What the SDK's client keeps."""

    def __init__(self, client: OAuthClientInformationFull | None) -> None:
        self.client = client
        self.tokens: OAuthToken | None = None

    async def get_tokens(self) -> OAuthToken | None:
        return self.tokens

    async def set_tokens(self, tokens: OAuthToken) -> None:
        self.tokens = tokens

    async def get_client_info(self) -> OAuthClientInformationFull | None:
        return self.client

    async def set_client_info(self, client_info: OAuthClientInformationFull) -> None:
        self.client = client_info


class Desktop:
    """A program on the Python SDK, which finds out everything from a 401."""

    def __init__(self, url: str, client_id: str, *, document: bool) -> None:
        self.url = url
        known = None
        if not document:
            known = OAuthClientInformationFull(
                client_id=client_id,
                redirect_uris=[AnyUrl(DESK)],
                token_endpoint_auth_method="none",
            )
        self.storage = Storage(known)
        self._page: Page | None = None
        self._provider = OAuthClientProvider(
            url,
            OAuthClientMetadata(
                redirect_uris=[AnyUrl(DESK)],
                token_endpoint_auth_method="none",
            ),
            self.storage,
            self._redirect,
            self._callback,
            client_metadata_url=client_id if document else None,
        )

    async def _redirect(self, url: str) -> None:
        self._page = await asyncio.to_thread(allowed, url, WEAK, WORDS)

    async def _callback(self) -> AuthorizationCodeResult:
        assert self._page is not None
        query = self._page.query
        return AuthorizationCodeResult(code=query["code"], state=query["state"], iss=query["iss"])

    async def call(self, name: str, arguments: JSON) -> Any:
        """What a tool answers."""
        async with httpx2.AsyncClient(auth=self._provider, trust_env=False) as http:
            transport = streamable_http_client(self.url, http_client=http)
            async with Client(transport) as client:
                return await client.call_tool(name, arguments)


@pytest.mark.parametrize("document", [False, True], ids=["registered", "document"])
def test_the_python_sdk_s_client_finds_its_way_from_a_401(world: World, *, document: bool) -> None:
    client_id, clients = "desk", {}
    if document:
        web = world.published()
        client_id = f"{web.url}/client.json"
        web.publish({"/client.json": {"client_id": client_id, "redirect_uris": [DESK]}})
        clients = {client_id: {"agent": COPILOT, "profile": "triage"}}
    gateway = world.gateway(world.oidc_provider(), clients, unsafe_bearer_tokens=True)
    desktop = Desktop(f"{gateway.issuer}/mcp", client_id, document=document)
    result = asyncio.run(desktop.call("office__get_case", {"case_id": "C-1"}))
    assert not result.is_error
    assert result.content[0].text == "get_case done"
    (record,) = gateway.records("task")
    assert (record["program"], record["purpose_source"]) == (client_id, "app")
    assert "unsafe_bearer_tokens" in record["unsafe"]
    assert desktop.storage.tokens is not None
    assert desktop.storage.tokens.token_type == "Bearer"


def test_the_page_in_a_real_browser_with_the_keyboard_alone(
    world: World, require_program: Callable[[str], Path], tmp_path: Path
) -> None:
    require_program("chromium")
    driver = require_program("chromedriver")
    gateway = world.gateway(world.oidc_provider())

    def arrived(_: Asked) -> Answer:
        return Answer(302, b"", {"Location": f"{further.url}/back"})

    def back(_: Asked) -> Answer:
        return Answer(200, b"<title>Back</title>", {"Content-Type": "text/html"})

    with (
        serving() as desk,
        serving() as further,
        chromium(driver, tmp_path / "driver.log") as window,
    ):
        # A program may send people on to where nobody here knows.
        desk.pages["/callback"], further.pages["/back"] = arrived, back
        program = Program(gateway, redirect_uri=f"{desk.url}/callback")
        window.open(program.url())
        window.press(TAB, *WEAK["user"], TAB, *WEAK["password"], ENTER)
        window.until(f"{gateway.issuer}/oauth/question/")
        # The page can be loaded again, and says what it is.
        window.open(window.url)
        assert window.run("return document.title") == "Allow this application?"
        assert window.run("return document.querySelector('label').htmlFor") == "purpose"
        window.press(TAB, *WORDS, TAB, ENTER)
        window.until(f"{further.url}/back")
        assert window.run("return document.title") == "Back"
        said = window.complaints()
        assert [one for one in said if gateway.issuer in one or "Security Policy" in one] == []
        (asked,) = [one for one in desk.asked if one.path.startswith("/callback?")]
        assert "referer" not in asked.headers
        code = dict(httpx2.URL(desk.url + asked.path).params)["code"]
        assert window.run("return document.cookie") == ""
    assert isinstance(program.redeem(code), Agent)
    (record,) = gateway.records("task")
    assert (record["purpose"], record["purpose_source"]) == (WORDS, "app")
