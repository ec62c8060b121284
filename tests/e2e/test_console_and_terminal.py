"""What a person in Chromium says at the console, and what a terminal beside it hears and ends."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import ExitStack
from pathlib import Path

import pytest

from safeconduct.ports import JSON
from tests.e2e.desk import (
    LESS,
    REFUND,
    YES,
    Desk,
    ask,
    ended,
    enrolment,
    register,
    said,
    verb,
)
from tests.support.installation import done, refusal

pytestmark = [pytest.mark.debian, pytest.mark.timeout(120)]

KIM = "kim@crm.example"
OFFER = {"calls": 3, "minutes": 5}
APPROVALS: JSON = {
    "unsafe_enrolment": True,
    "bypass_minutes": 10,
    "groups": {"desk": {"users": [KIM]}},
    "templates": {"scope": {"title": "Refund a customer", "ask": "desk", "offers": OFFER}},
}


def yes(desk: Desk) -> None:
    desk.window.click(YES)


def less(desk: Desk) -> None:
    desk.window.click(f"{LESS} summary")
    desk.window.fill('[name="less.amount_minor"]', "5000")
    desk.window.click(f"{LESS} {YES}")


def more(desk: Desk) -> None:
    desk.window.click("details:nth-of-type(2) summary")
    desk.window.click(f"details:nth-of-type(2) {YES}")


def no(desk: Desk) -> None:
    desk.window.fill("#said", "Ask the customer first.")
    desk.window.click("button.no")


@pytest.fixture
def desk(tmp_path: Path, require_program: Callable[[str], Path]) -> Generator[Desk]:
    """Kim answers for what is done for somebody else."""
    require_program("chromium")
    with ExitStack() as stack:
        made = Desk(tmp_path, require_program("chromedriver"), stack, APPROVALS, (KIM,))
        register(made.window, enrolment(made.directory, KIM))
        yield made


@pytest.mark.parametrize(
    ("answer", "code", "state", "told"),
    [
        (yes, 0, "granted", {}),
        (more, 0, "granted", {}),
        (less, 1, "narrowed", {}),
        (no, 1, "denied", {"said": "Ask the customer first."}),
    ],
)
def test_approve_ends_as_the_person_at_the_page_says(
    desk: Desk, answer: Callable[[Desk], None], code: int, state: str, told: JSON
) -> None:
    question = ask(desk.agent)
    waits = verb(desk.directory, "approve", question)
    assert waits.stderr is not None
    # Whoever is asked goes where the terminal sends them.
    line = waits.stderr.readline()
    assert line.startswith("to be answered there, by 1 of desk: ")
    assert waits.poll() is None
    desk.window.open(line.rpartition(" ")[2].strip())
    answer(desk)
    desk.answered()
    assert ended(waits) == (code, {"approval": question, "state": state, **told})
    reply = desk.agent.call("office__refund", dict(REFUND))
    assert done(reply) if code == 0 else refusal(reply) == f"approval-{state}"


def test_a_bypass_is_signed_at_the_page_and_ended_at_the_terminal(desk: Desk) -> None:
    ask(desk.agent)
    desk.window.open(f"{desk.url}/bypass")
    desk.window.fill("#minutes", "11")
    desk.window.fill("#why", "The desk is on fire.")
    desk.window.click("button.no")
    assert "10 minutes at most" in said(desk.window, "form .said")
    desk.window.fill("#minutes", "5")
    desk.window.verified(desk.authenticator, verified=False)
    desk.window.click("button.no")
    assert said(desk.window, "form .said") == "The passkey was not used. Try again."
    assert desk.gateway.records("bypass") == []
    desk.window.verified(desk.authenticator, verified=True)
    desk.window.click("button.no")
    told = desk.answered()
    (given,) = desk.gateway.records("bypass")
    bypass = given["bypass"]
    assert told == f"Nobody is asked about scope for 5 minutes ({bypass})."
    assert (given["by"], given["means"], given["why"]) == (KIM, "passkey", "The desk is on fire.")
    assert given["proof"]["signature"]

    # Nobody is asked, and every decision says why not.
    assert done(desk.agent.call("office__refund", {**REFUND, "amount_minor": 80_000}))
    decision = desk.gateway.records("decision")[-1]
    assert (decision["verdict"], decision["bypass"]) == ("permit", bypass)

    assert ended(verb(desk.directory, "end-bypass", bypass)) == (0, {"ended": bypass})
    reply = desk.agent.call("office__refund", {**REFUND, "amount_minor": 70_000})
    assert refusal(reply) == "approval-required"
    code, wrong = ended(verb(desk.directory, "end-bypass", bypass))
    assert (code, "no such bypass" in wrong) == (3, True)
    _, ending = desk.gateway.records("bypass")
    assert (ending["phase"], ending["by"].partition(":")[0]) == ("ended", "uid")
    assert desk.office.effects["refund"] == 1
    assert [one for one in desk.window.complaints() if "Security Policy" in one] == []
