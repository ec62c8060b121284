"""A second model's say in calls that matter: asked late, on record, and never laxer."""

from __future__ import annotations

from pathlib import Path
from typing import Any, cast

import pytest

from safeconduct.config.inspectors import ReviewerBlock
from safeconduct.core.decide import decide
from safeconduct.core.policy import PolicyAnswer
from safeconduct.core.record import decision_record
from safeconduct.core.replay import disagreeing
from safeconduct.core.review import Reviewed
from safeconduct.simulation import SimulatedTask
from tests.support.facts import call, facts
from tests.support.inspecting import DANA, Says, inspected
from tests.support.recorded import recorded
from tests.support.worlds import Rules

GIVEN = {"to": DANA, "body": "Hello"}


def second(otherwise: Any = "refuse") -> ReviewerBlock:
    return ReviewerBlock(
        wire="openai", url="https://models.example/v1", model="m", otherwise=otherwise
    )


def decision(made: SimulatedTask) -> dict[str, Any]:
    directory = Path(made.config.directory) / made.config.root.audit.directory
    return recorded(directory, "decision")[-1]


async def test_it_is_asked_about_what_matters_and_told_what_the_agent_knows(
    tmp_path: Path,
) -> None:
    says = Says()
    crm = {"get_case": {"returns": {"tokenise": ["pii"]}}}
    mail = {"send": {"sink": {"reveals": ["pii"]}}}
    async with inspected(tmp_path, reviewer=says, second=second(), crm=crm, mail=mail) as made:
        case = {"id": "C-1", "customer_email": DANA}
        step = await made.call("crm.get_case", {"case_id": "C-1"}, lambda **_: case)
        assert (step.verdict, says.asked) == ("done", [])
        token = cast("dict[str, str]", step.value)["customer_email"]
        step = await made.call("mail.send", {"to": token, "body": "Hello"}, lambda **_: {})
        assert step.verdict == "done"
        (asked,) = says.asked
        assert asked.purpose == "Triage case C-1 and answer the customer."
        assert (asked.purpose_source, asked.target, asked.effect.value) == (
            "app", "mail.send", "send",
        )  # fmt: skip
        # A model of others gets no more to see than the agent's.
        assert asked.arguments == {"to": token, "body": "Hello"}
        assert "named-field" in asked.origins["to"]
        assert not asked.untrusted
        assert decision(made)["review"] == {
            "answer": "consistent", "why_code": "because", "otherwise": "refuse",
        }  # fmt: skip


@pytest.mark.parametrize(
    ("says", "otherwise", "reason"),
    [
        (Says("inconsistent"), "refuse", "review-inconsistent"),
        (Says("unsure"), "refuse", "review-inconsistent"),
        (Says(error=TimeoutError()), "refuse", "review-unavailable"),
        (None, "refuse", "review-unavailable"),
        (Says("inconsistent"), "elevate", "approval-required"),
        (Says(error=OSError("dead")), "elevate", "approval-required"),
    ],
)
async def test_what_it_does_not_find_consistent_does_not_pass(
    tmp_path: Path, says: Says | None, otherwise: str, reason: str
) -> None:
    async with inspected(tmp_path, reviewer=says, second=second(otherwise)) as made:
        step = await made.call("mail.send", GIVEN, lambda **_: {})
        assert step.reason == reason
        asked = {one["check"]: one for one in decision(made)["checks"]}["review"]
        assert asked["said"] == ("deny" if otherwise == "refuse" else "elevate")


async def test_what_is_refused_anyway_asks_nobody(tmp_path: Path) -> None:
    says = Says()
    rules = Rules(PolicyAnswer(deny=("no",)))
    async with inspected(tmp_path, reviewer=says, second=second(), policy=rules) as made:
        assert (await made.call("mail.send", GIVEN, lambda **_: {})).reason == "policy-denied"
    async with inspected(tmp_path / "b", reviewer=says, second=second()) as made:
        given = {**GIVEN, "body": "floor price"}
        assert (await made.call("mail.send", given, lambda **_: {})).reason == "content-category"
    assert says.asked == []


def test_a_replay_finds_a_review_that_does_not_say_what_the_check_says() -> None:
    known = facts(review=Reviewed("unsure", "because", "refuse"))
    record = decision_record("d_1", call(), known.gathered, known, decide(call(), known))
    assert disagreeing(record, known.policy, unmet=False) == ()
    forged = {**record, "review": {**record["review"], "answer": "consistent"}}
    assert disagreeing(forged, known.policy, unmet=False) == ("checks.review",)
    checks = [one for one in record["checks"] if one["check"] != "review"]
    assert "checks.review" in disagreeing({**record, "checks": checks}, known.policy, unmet=False)
