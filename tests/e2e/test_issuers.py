"""Issuers of users that others wrote: a person signs in there, and the token starts a task here."""

from __future__ import annotations

import json
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from safeconduct.config import load
from safeconduct.ports import JSON
from tests.e2e.backchannel import ask, shown
from tests.e2e.login import CLIENT, CODE, PASSWORD, Issuer, asked_for, nanoidp, oidc_provider
from tests.support.installation import (
    USER,
    Agent,
    Gateway,
    change,
    done,
    install,
    opened_office,
    running,
)
from tests.support.starting import Refused, start

pytestmark = [pytest.mark.debian, pytest.mark.timeout(120)]

WEAK = {"user": "u-1", "password": PASSWORD}
STRONG = WEAK | {"code": CODE}
BOB = "bob@partner.example"
JOE = "joe@crm.example"


@pytest.fixture
def main(tmp_path: Path) -> Generator[Issuer]:
    claims = {"groups": ["sales"], "email": USER, "email_verified": True}
    jane = {"password": PASSWORD, "code": CODE, "claims": claims}
    joe = {"password": PASSWORD, "code": CODE, "claims": {}}
    with oidc_provider({"u-1": jane, "u-2": joe}, tmp_path / "issuer.log") as issuer:
        yield issuer


@pytest.fixture
def partner(tmp_path: Path) -> Generator[Issuer]:
    users = {name: {"password": PASSWORD, "groups": ["guests"]} for name in ("bob", "u-1", USER)}
    with nanoidp(users, tmp_path / "partner") as issuer:
        yield issuer


@pytest.fixture
def gateway(tmp_path: Path, main: Issuer, partner: Issuer) -> Generator[Gateway]:
    """A gateway that finds the keys of both, and wants a strong sign-in for one of its profiles."""
    with opened_office() as office:
        directory = tmp_path / "gateway"
        install(directory, office)
        change(directory / "safeconduct.yaml", users_of(main, partner))
        scopes = ["case:read", "mail:send"]
        jane, bob = {"subject": "u-1"}, {"subject": "bob", "issuer": partner.url, "kind": "service"}
        users = {USER: jane, JOE: {"subject": "u-2"}, BOB: bob}
        entries = {name: entry | {"scopes": scopes} for name, entry in users.items()}
        change(directory / "users.yaml", {"users": entries})
        copilot = directory / "agents" / "copilot.yaml"
        registered = json.loads(copilot.read_text())
        registered["agent"]["delegation"]["on_behalf_of"] = [f"user:{name}" for name in users]
        change(copilot, registered)
        with running(load(directory)) as gateway:
            yield gateway


def users_of(main: Issuer, partner: Issuer) -> JSON:
    common = {"audience": CLIENT, "algorithms": ["RS256"]}
    other = common | {"issuer": partner.url, "required": {"token_use": "id"}}
    profile: JSON = {"scopes": ["case:read"], "budgets": {}, "max_refusals": 9}
    return {
        "users": common
        | {
            "issuer": main.url,
            # Its ID tokens have no type, and no name either.
            "untyped": True,
            "entitlements": "users.yaml",
            "others": [other],
        },
        "profiles": {
            "triage": profile,
            "once": profile
            | {"requires": {"acr": ["mfa"], "amr": ["otp"], "max_age_s": 60, "groups": ["sales"]}},
        },
    }


def started(gateway: Gateway, id_token: str, profile: str = "triage") -> Agent:
    agent = start(gateway, id_token, profile)
    assert isinstance(agent, Agent), agent
    return agent


def refused(gateway: Gateway, id_token: str, profile: str = "triage") -> JSON:
    answer = start(gateway, id_token, profile)
    assert isinstance(answer, Refused)
    assert answer.status == 400
    return answer.told


def user_of(gateway: Gateway, agent: Agent) -> JSON:
    """The user of a task, as it is on record."""
    (record,) = [one for one in gateway.records("task") if one["task"] == agent.task.task]
    user: JSON = record["user"]
    return user


def test_a_sign_in_starts_one_task(gateway: Gateway, main: Issuer) -> None:
    token = main.sign_in(main.browser(), WEAK)["id_token"]
    agent = started(gateway, token)
    assert done(agent.call("office__get_case", {"case_id": "C-1"}))
    user = user_of(gateway, agent)
    assert (user["id"], user["kind"], user["groups"]) == (USER, "person", ["sales"])
    assert (user["acr"], user["amr"], user["device"]) == ("pwd", ["pwd"], [])
    assert refused(gateway, token)["error"] == "invalid_grant"
    gateway.verified()


def test_what_the_answer_asks_for_is_what_the_issuer_is_asked_for(
    gateway: Gateway, main: Issuer
) -> None:
    browser = main.browser()
    weak = main.sign_in(browser, WEAK)["id_token"]
    told = refused(gateway, weak, "once")
    assert told["error"] == "insufficient_user_authentication"
    assert (told["acr_values"], told["max_age"]) == ("mfa", 60)
    # The refused token was not used up; for less it still does.
    started(gateway, weak)
    strong = main.sign_in(browser, STRONG, acr=told["acr_values"].split())["id_token"]
    user = user_of(gateway, started(gateway, strong, "once"))
    assert (user["acr"], user["amr"]) == ("mfa", ["pwd", "otp"])


def test_a_yes_on_a_device_starts_one_task_of_who_said_it(gateway: Gateway, main: Issuer) -> None:
    jane, joe = ask(main, "u-1", "case-C-1"), ask(main, "u-2", "case-C-2")
    assert (shown(main, "u-1"), shown(main, "u-2")) == (["case-C-1"], ["case-C-2"])
    for request in (jane, joe):
        told = request.poll()
        assert (told.status, told.json["error"]) == (400, "authorization_pending")
    signed_in_s = int(time.time()) - 90
    joe.says("yes", signed_in_s=signed_in_s)
    # Nobody's yes is another's.
    assert jane.poll().json["error"] == "authorization_pending"
    answer = joe.poll()
    assert answer.status == 200, answer.body
    token = answer.json["id_token"]
    again = joe.poll()
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    agent = started(gateway, token)
    assert done(agent.call("office__get_case", {"case_id": "C-1"}))
    user = user_of(gateway, agent)
    assert (user["id"], user["kind"], user["auth_time_s"]) == (JOE, "person", signed_in_s)
    assert (user["acr"], user["amr"]) == ("mfa", ["swk", "mca"])
    assert refused(gateway, token)["error"] == "invalid_grant"
    assert len(gateway.records("task")) == 1
    gateway.verified()


def test_a_no_on_a_device_starts_nothing(gateway: Gateway, main: Issuer) -> None:
    request = ask(main, "u-1", "case-C-1")
    request.says("no")
    assert shown(main, "u-1") == []
    told = request.poll()
    assert (told.status, told.json["error"]) == (400, "access_denied")
    assert "id_token" not in told.json
    again = request.poll()
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    # The name of a request is no token of its user.
    assert refused(gateway, request.auth_req_id)["error"] == "invalid_request"
    assert gateway.records("task") == []


def test_a_partner_vouches_for_its_own_users_alone(
    gateway: Gateway, main: Issuer, partner: Issuer
) -> None:
    told = partner.sign_in(partner.browser(), {"username": "bob", "password": PASSWORD})
    user = user_of(gateway, started(gateway, told["id_token"]))
    assert (user["id"], user["kind"]) == (BOB, "service")
    assert refused(gateway, told["access_token"])["error"] == "invalid_request"
    for name in ("u-1", USER):
        theirs = partner.sign_in(partner.browser(), {"username": name, "password": PASSWORD})
        answer = refused(gateway, theirs["id_token"])
        assert answer["error"] in {"invalid_request", "unauthorized_client"}
    started(gateway, main.sign_in(main.browser(), WEAK)["id_token"])


def test_a_rotation_in_mid_flight_refuses_nobody(gateway: Gateway, partner: Issuer) -> None:
    bob = {"username": "bob", "password": PASSWORD}
    for _ in range(3):
        before = partner.sign_in(partner.browser(), bob)["id_token"]
        assert asked_for(f"{partner.url}/api/keys/rotate", b"")["success"] is True
        after = partner.sign_in(partner.browser(), bob)["id_token"]
        started(gateway, after)
        started(gateway, before)


def test_an_issuer_that_died_still_vouches_for_whom_it_has_vouched(
    gateway: Gateway, main: Issuer, partner: Issuer
) -> None:
    before, after = (main.sign_in(main.browser(), WEAK)["id_token"] for _ in range(2))
    started(gateway, before)
    main.process.kill()
    main.process.wait()
    started(gateway, after)
    forged = after[:-8] + "AAAAAAAA"
    assert refused(gateway, forged)["error"] == "invalid_request"
    bob = {"username": "bob", "password": PASSWORD}
    started(gateway, partner.sign_in(partner.browser(), bob)["id_token"])
