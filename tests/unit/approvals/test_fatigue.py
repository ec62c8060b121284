"""What the log says of people who are asked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from safeconduct.app.notifying import approver
from safeconduct.approvals.answers import Answer
from safeconduct.approvals.fatigue import STREAK, Proposal, metrics
from safeconduct.cli import main
from tests.support.approving import Signs, say
from tests.support.consoling import KIM, House


class Log:
    """Records of questions and answers."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.count = 0

    def ask(self, task: str = "t_1", tool: str = "crm.refund", value: str = "v") -> str:
        self.count += 1
        approval = f"a_{self.count}"
        self.records.append(
            {
                "phase": "requested",
                "approval": approval,
                "task": task,
                "tool": tool,
                "agent": "spiffe://x/a",
                "at_ms": 1_000_000 * self.count,
                "templates": ["refund"],
                "values": [value],
            }
        )
        return approval

    def say(self, approval: str, phase: str, by: str = "kim", after_ms: int = 5_000) -> None:
        at_ms = 1_000_000 * int(approval[2:]) + after_ms
        self.records.append({"phase": phase, "approval": approval, "by": by, "at_ms": at_ms})


def test_what_is_counted_of_a_gate_and_of_a_person() -> None:
    log = Log()
    log.say(log.ask(), "granted", after_ms=1_999)
    log.say(log.ask(), "denied", after_ms=100)
    log.say(log.ask("t_2"), "granted", after_ms=2_000)
    two = log.ask("t_2")
    log.say(two, "agreed", "lee", 7_000)
    log.say(two, "granted", "kim", 9_000)
    log.ask("t_2")
    found = metrics(log.records, {})
    (gate,) = found.gates
    assert (gate.templates, gate.tool) == (["refund"], "crm.refund")
    assert (gate.asked, gate.answered, gate.yes, gate.no, gate.lapsed) == (5, 4, 3, 1, 1)
    assert (gate.tasks, gate.most_per_task, gate.yes_share) == (2, 3, 75)
    kim, lee = found.approvers
    assert (kim.by, kim.answered, kim.streak, kim.fast, kim.median_ms) == ("kim", 4, 2, 1, 1_999)
    assert (lee.by, lee.answered, lee.yes_share, lee.median_ms) == ("lee", 1, 100, 7_000)
    assert found.warnings == [
        "kim about refund of crm.refund: 1 of 3 times yes in less than two seconds"
    ]
    assert [one.asked for one in found.repeats] == [5]
    assert found.proposals == []


def test_who_never_says_no_is_named_and_a_narrower_rule_proposed() -> None:
    log = Log()
    for number in range(STREAK):
        log.say(log.ask(f"t_{number // 4}", value=str(number)), "granted")
    found = metrics(log.records, {"refund": False})
    assert found.warnings == [f"kim about refund of crm.refund: yes {STREAK} times in a row"]
    assert found.proposals == [
        Proposal(
            templates=["refund"],
            tool="crm.refund",
            why=(
                f"{STREAK} times yes and never no, up to 4 times for one task: "
                "let one yes be good for that many calls"
            ),
            yaml=(
                "approvals:\n  templates:\n    refund:\n"
                "      offers: {calls: 4, minutes: 15, objects: same}"
            ),
        )
    ]
    assert found.repeats == []
    assert metrics(log.records, {"refund": True}).proposals == []


@pytest.mark.parametrize("why", ["a no", "one question a task", "too few"])
def test_nothing_is_proposed_where_people_still_decide(why: str) -> None:
    log = Log()
    for number in range(STREAK - (why == "too few")):
        log.say(log.ask(f"t_{number if why.startswith('one') else 0}"), "granted")
    if why == "a no":
        log.records.insert(2, {**log.records[1], "phase": "denied"})
    assert metrics(log.records, {}).proposals == []


def test_answers_to_questions_that_are_not_there_any_more_are_left_out() -> None:
    log = Log()
    log.say("a_9", "granted")
    found = metrics(log.records, {})
    assert (found.gates, found.approvers) == ([], [])


async def test_the_verb_reads_the_log(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    house = House(tmp_path, approvals={"templates": {"scope": {"ask": "desk"}}})
    house.rooms.desk.verifiers = {"passkey": Signs()}
    question = await house.asked()
    kim = approver(house.rooms, KIM)
    assert kim is not None
    await say(house.rooms.desk, question.id, kim, Answer(choice="granted", means="passkey"))
    await house.rooms.close()
    log = str(shutil.copytree(tmp_path / "audit", tmp_path / "elsewhere" / "audit"))
    assert main.main(["approvals", "metrics", log, "--format", "json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [(one["asked"], one["yes"]) for one in found["gates"]] == [(1, 1)]
    assert [one["fast"] for one in found["approvers"]] == [1]
    assert main.main(["approvals", "metrics", log]) == 0
    assert "asked 1 times in 1 tasks, 1 yes, 0 no" in capsys.readouterr().out
