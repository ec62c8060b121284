"""People sign in at the console at an issuer that others wrote, and say yes by doing so again."""

from __future__ import annotations

import json
from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from examples.stage.chromium import Chromium, chromium
from joserfc import jwt
from joserfc.jwk import KeySet

from safeconduct.approvals.answers import Approver, challenge
from safeconduct.core.canonical import digest
from safeconduct.kit.jwk import encode
from safeconduct.ports import JSON
from tests.e2e.browser import Browser
from tests.e2e.desk import REFUND, YES, answered, ask, equip, opened
from tests.e2e.login import CLIENT, CODE, PASSWORD, SECRET, Issuer, oidc_provider
from tests.support.installation import (
    HOST,
    USER,
    Agent,
    Gateway,
    change,
    done,
    free_port,
    opened_office,
    refusal,
)
from tests.support.recorded import payloads
from tests.support.signing_in import DESK, Program, configure
from tests.support.starting import Refused, start

pytestmark = [pytest.mark.debian, pytest.mark.timeout(120)]

APPROVALS: JSON = {
    "templates": {"scope": {"title": "Refund a customer", "means": ["passkey", "sign-in"]}},
    "step_up": {"acr": ["mfa"], "max_age_s": 60},
}
AGAIN = "form[data-ceremony] button[value=sign-in]"


class Desk:
    """A gateway whose people sign in at an issuer, an agent of one of them, and a browser."""

    def __init__(self, tmp_path: Path, driver: Path, stack: ExitStack) -> None:
        directory = tmp_path / "gateway"
        office = stack.enter_context(opened_office())
        port = free_port()
        self.url = equip(directory, office, APPROVALS, port=port)
        users = {
            name: {"password": PASSWORD, "code": CODE, "claims": {}} for name in ("u-1", "u-2")
        }
        back = [f"http://{HOST}:{port}/oauth/signed-in", f"{self.url}/signed-in"]
        self.issuer: Issuer = stack.enter_context(
            oidc_provider(users, tmp_path / "issuer.log", back)
        )
        secret = {"login": {"secret": "file:login"}}
        configure(
            directory,
            {"issuer": self.issuer.url, "audience": CLIENT, "untyped": True, **secret},
            {},
        )
        (directory / "login").write_text(SECRET)
        entries = json.loads((directory / "users.yaml").read_text())["users"]
        entries[USER]["subject"] = "u-1"
        entries["tom@crm.example"] = {"scopes": ["case:read"], "subject": "u-2"}
        change(directory / "users.yaml", {"users": entries})
        self.gateway: Gateway = stack.enter_context(opened(directory))
        self.agent = self._agent()
        self.window: Chromium = stack.enter_context(chromium(driver, tmp_path / "driver.log"))

    def _agent(self) -> Agent:
        """The user's agent begins a task, as from a program of theirs."""
        program, browser = Program(self.gateway), Browser(DESK)
        page = browser.submit(browser.open(program.url()), user="u-1", password=PASSWORD)
        page = browser.submit(page, purpose="Refund order O-1.", answer="allow")
        agent = program.redeem(page.query["code"])
        assert isinstance(agent, Agent)
        return agent

    def sign_in(self, user: str = "u-1", code: str | None = None) -> None:
        """Types into the issuer's page."""
        self.window.until(f"{self.issuer.url}/interaction/")
        self.window.fill("[name=user]", user)
        self.window.fill("[name=password]", PASSWORD)
        if code is not None:
            self.window.fill("[name=code]", code)
        self.window.click("button")

    def enter(self, path: str = "/", user: str = "u-1") -> None:
        """Signs in at the console, on the way to a page."""
        self.window.open(self.url + path)
        self.window.until(f"{self.url}/sign-in?to=")
        self.window.click("a.button")
        self.sign_in(user)
        self.window.until(self.url + path)


@pytest.fixture
def desk(tmp_path: Path, require_program: Callable[[str], Path]) -> Generator[Desk]:
    require_program("chromium")
    with ExitStack() as stack:
        yield Desk(tmp_path, require_program("chromedriver"), stack)


def test_a_person_signs_in_registers_a_passkey_and_comes_back_to_the_question(desk: Desk) -> None:
    question = ask(desk.agent)
    desk.window.authenticator(synced=True)
    desk.enter("/keys")
    desk.window.click("form[data-ceremony] button")
    desk.window.until_run("return document.querySelector('table') !== null")
    assert "synced: other devices of yours can have it" in desk.window.text()
    desk.window.open(f"{desk.url}/approvals/{question}")
    desk.window.click(YES)
    assert answered(desk.window) == "Approved once: Refund a customer."
    assert done(desk.agent.call("office__refund", dict(REFUND)))
    (record,) = desk.gateway.records("passkey")
    assert (record["user"], record["by"], record["synced"]) == (USER, "sign-in", True)


def test_without_a_script_a_yes_is_a_sign_in_for_what_was_shown(desk: Desk) -> None:
    desk.window.devtools("Emulation.setScriptExecutionDisabled", value=True)
    question = ask(desk.agent)
    desk.enter(f"/approvals/{question}")
    desk.window.click(AGAIN)
    desk.sign_in(code=CODE)
    assert answered(desk.window) == "Approved once: Refund a customer."
    assert done(desk.agent.call("office__refund", dict(REFUND)))
    # Whoever has the log and the issuer's keys can tell that it was so.
    (granted,) = [one for one in desk.gateway.records("approval") if one["phase"] == "granted"]
    assert (granted["means"], granted["by"]) == ("sign-in", USER)
    keys = httpx2.get(str(desk.issuer.metadata["jwks_uri"]), trust_env=False).json()
    token = jwt.decode(granted["proof"]["id_token"], KeySet.import_key_set(keys))
    assert (token.claims["sub"], token.claims["acr"]) == ("u-1", "mfa")
    shown = next(one["shown"] for one in payloads(desk.gateway.audit, "approval") if one)
    assert shown["approval"] == question
    by, nonce = Approver(user=USER, tenant=shown["tenant"]), granted["proof"]["nonce"]
    signed = challenge(shown, digest(shown), "granted", granted["to"], by, nonce)
    assert token.claims["nonce"] == encode(signed)
    # And for whoever has the log the token is good for nothing more here.
    told = start(desk.gateway, granted["proof"]["id_token"])
    assert isinstance(told, Refused)
    assert told.told["error"] == "invalid_grant"


@pytest.mark.parametrize(("user", "code"), [("u-2", CODE), ("u-1", "000000")])
def test_another_person_s_or_a_failed_sign_in_is_no_yes(desk: Desk, user: str, code: str) -> None:
    question = ask(desk.agent)
    desk.enter(f"/approvals/{question}")
    desk.window.click(AGAIN)
    desk.sign_in(user, code)
    desk.window.until(f"{desk.url}/signed-in")
    assert "Not done" in desk.window.text()
    assert refusal(desk.agent.call("office__refund", dict(REFUND))) == "approval-required"


def test_who_is_not_asked_sees_nothing(desk: Desk) -> None:
    question = ask(desk.agent)
    desk.enter("/", user="u-2")
    assert "Nothing waits for you" in desk.window.text()
    desk.window.open(f"{desk.url}/approvals/{question}")
    assert "it is not for you" in desk.window.text()
