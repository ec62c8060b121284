"""A person in Chromium, with a passkey of its virtual authenticator, says yes and no at the console
of a gateway that runs, to calls of an agent that waits for it.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from safeconduct.ports import JSON
from tests.e2e.desk import LESS, REFUND, YES, Desk, ask, said
from tests.support.installation import USER, done, refusal

pytestmark = [pytest.mark.debian, pytest.mark.timeout(120)]

OFFER = {"calls": 3, "minutes": 5}
APPROVALS: JSON = {
    "unsafe_enrolment": True,
    "templates": {"scope": {"title": "Refund a customer", "offers": OFFER}},
}


@pytest.fixture
def desk(tmp_path: Path, require_program: Callable[[str], Path]) -> Generator[Desk]:
    require_program("chromium")
    with ExitStack() as stack:
        yield Desk(tmp_path, require_program("chromedriver"), stack, APPROVALS)


@pytest.fixture
def hurried(tmp_path: Path, require_program: Callable[[str], Path]) -> Generator[Desk]:
    """One whose questions stand for as short as they may."""
    require_program("chromium")
    templates = {"scope": {"title": "Refund a customer", "wait_s": 10}}
    with ExitStack() as stack:
        approvals = APPROVALS | {"templates": templates}
        yield Desk(tmp_path, require_program("chromedriver"), stack, approvals)


def test_a_person_registers_a_passkey_and_approves_one_call_once(desk: Desk) -> None:
    desk.register()
    assert "Nothing waits for you" in desk.window.text()
    question = desk.asked()
    page = desk.window.text()
    for shown in ("CUST-7", "90000", USER, "Refund order O-1.", "the scope refund:pay needs a yes"):
        assert shown in page
    desk.window.click(YES)
    assert desk.answered() == "Approved once: Refund a customer."
    assert done(desk.agent.call("office__refund", dict(REFUND)))
    assert refusal(desk.agent.call("office__refund", dict(REFUND))) == "approval-required"
    assert desk.office.effects["refund"] == 1
    (granted,) = [one for one in desk.gateway.records("approval") if one["phase"] == "granted"]
    assert (granted["approval"], granted["by"], granted["means"]) == (question, USER, "passkey")
    assert granted["proof"]["signature"]
    complaints = [one for one in desk.window.complaints() if "Security Policy" in one]
    assert complaints == []


def test_less_is_approved_and_the_agent_gets_exactly_that(desk: Desk) -> None:
    desk.register()
    desk.asked()
    desk.window.click(f"{LESS} summary")
    desk.window.fill('[name="less.amount_minor"]', "5000")
    desk.window.click('[name="keep.orders.1"]')
    desk.window.click(f"{LESS} {YES}")
    assert desk.answered() == "Approved less: Refund a customer."
    reply = desk.agent.call("office__refund", dict(REFUND))
    assert refusal(reply) == "approval-narrowed"
    less = {**REFUND, "amount_minor": 5000, "orders": ["O-1", "O-3"]}
    told = reply.json["result"]["_meta"]["dev.safeconduct/refusal"]
    assert told["arguments"] == less
    assert done(desk.agent.call("office__refund", less))
    assert desk.office.effects["refund"] == 1


def test_more_than_was_asked_for_is_no_less(desk: Desk) -> None:
    desk.register()
    desk.asked()
    desk.window.click(f"{LESS} summary")
    desk.window.fill('[name="less.amount_minor"]', "90001")
    desk.window.click(f"{LESS} {YES}")
    assert "Only smaller amounts" in said(desk.window, f"{LESS} .said")
    assert [one["phase"] for one in desk.gateway.records("approval")] == ["requested"]


def test_several_calls_are_allowed_and_no_more(desk: Desk) -> None:
    desk.register()
    desk.asked()
    desk.window.click("details:nth-of-type(2) summary")
    assert "Everything else, such as texts, is open" in desk.window.text()
    desk.window.click(f"details:nth-of-type(2) {YES}")
    assert desk.answered() == "Allowed more: Refund a customer."
    for amount in (90_000, 500, 1):
        assert done(desk.agent.call("office__refund", {**REFUND, "amount_minor": amount}))
    assert refusal(desk.agent.call("office__refund", dict(REFUND))) == "approval-required"
    assert desk.office.effects["refund"] == 3


def test_a_no_needs_no_script_and_tells_the_agent_why(desk: Desk) -> None:
    desk.register()
    desk.window.devtools("Emulation.setScriptExecutionDisabled", value=True)
    desk.asked()
    desk.window.fill("#said", "Ask the customer first.")
    desk.window.click("button.no")
    assert desk.answered() == "Denied: Refund a customer."
    reply = desk.agent.call("office__refund", dict(REFUND))
    assert refusal(reply) == "approval-denied"
    assert "Ask the customer first." in reply.body.decode()
    assert desk.office.effects["refund"] == 0


def test_a_yes_is_of_this_very_call(desk: Desk) -> None:
    desk.register()
    desk.asked()
    desk.window.click(YES)
    desk.answered()
    for drift in ({"amount_minor": 90_001}, {"to": "CUST-8"}, {"orders": ["O-1"]}):
        assert refusal(desk.agent.call("office__refund", REFUND | drift)) == "approval-required"
    other = desk.gateway.task("Refund order O-1.")
    assert refusal(other.call("office__refund", dict(REFUND))) == "approval-required"
    assert desk.office.effects["refund"] == 0
    assert done(desk.agent.call("office__refund", dict(REFUND)))


def test_whoever_does_not_prove_to_be_the_user_signs_nothing(desk: Desk) -> None:
    desk.register()
    desk.asked()
    desk.window.verified(desk.authenticator, verified=False)
    desk.window.click(YES)
    assert said(desk.window, "form .said") == "The passkey was not used. Try again."
    assert refusal(desk.agent.call("office__refund", dict(REFUND))) == "approval-required"
    desk.window.verified(desk.authenticator, verified=True)
    desk.window.click(YES)
    assert desk.answered() == "Approved once: Refund a customer."


def test_what_was_signed_once_is_good_once(desk: Desk) -> None:
    desk.register()
    desk.asked()
    # What the script sends is kept, so that it can be sent again.
    desk.window.run(
        "HTMLFormElement.prototype.submit = function () {"
        " window.kept = new URLSearchParams(new FormData(this)).toString();"
        " window.where = this.action; }"
    )
    desk.window.click(YES)
    sent = [desk.window.until_run("return window.kept"), desk.window.run("return window.where")]
    post = (
        "const r = new XMLHttpRequest(); r.open('POST', window.where, false);"
        " r.setRequestHeader('content-type', 'application/x-www-form-urlencoded');"
        " r.send(window.kept); return [r.status, r.responseText];"
    )
    assert all(sent)
    assert "Approved once" in desk.window.run(post)[1]
    assert desk.window.run(post)[0] == 404
    # The same question again is another one, with another challenge.
    assert done(desk.agent.call("office__refund", dict(REFUND)))
    again = ask(desk.agent)
    replay = f"window.where = '{desk.url}/approvals/{again}';" + post
    status, text = desk.window.run(replay)
    assert (status, "not what you were asked to confirm" in text) == (403, True)
    assert desk.office.effects["refund"] == 1


def test_what_nobody_answers_in_time_is_not_done(hurried: Desk) -> None:
    hurried.register()
    hurried.asked()
    hurried.window.until_run(
        "return document.querySelector('[data-left]').textContent === 'too late'"
    )
    hurried.window.click(YES)
    assert said(hurried.window, "form .said").startswith("This does not wait for an answer")
    assert refusal(hurried.agent.call("office__refund", dict(REFUND))) == "approval-required"
    assert hurried.office.effects["refund"] == 0
