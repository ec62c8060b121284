"""What the log says of people who are asked."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any, Final

import msgspec
import pytest

from safeconduct.app.notifying import approver
from safeconduct.approvals.answers import Answer
from safeconduct.approvals.fatigue import metrics
from safeconduct.approvals.proposing import FAST_MS, STREAK, Proposal
from safeconduct.cli import main
from safeconduct.core.manifest import Argument, Effect, Threshold, ToolManifest
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
                "requires": ["policy:refund"],
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


AMOUNTS: Final = ToolManifest(
    effect=Effect.send,
    scopes=("crm:refund",),
    arguments={
        "amount": Argument(role="amount", decimals=2),
        "fee": Argument(role="amount"),
        "id": Argument(role="object-id"),
    },
    asks=(
        Threshold(template="refund", argument="amount", above=1_000),
        Threshold(template="refund", argument="ids", items=5),
    ),
)
EACH: Final = msgspec.structs.replace(
    AMOUNTS,
    arguments={"amount": AMOUNTS.arguments["amount"]},
    asks=(Threshold(template="refund", calls=0),),
)


class Refunds(Log):
    """Questions of a threshold, about so much."""

    def __init__(self, requires: str = "threshold:refund:amount") -> None:
        super().__init__()
        self.requires = requires

    def refund(self, amount: Any, phase: str = "granted", after_ms: int = FAST_MS) -> None:
        approval = self.ask(f"t_{self.count}")
        self.records[-1] |= {"requires": [self.requires], "arguments": {"amount": amount}}
        self.say(approval, phase, after_ms=after_ms)

    def proposals(self, tool: ToolManifest = AMOUNTS) -> list[Proposal]:
        return metrics(self.records, {"refund": True}, {"crm.refund": tool}).proposals


def test_where_all_up_to_an_amount_was_approved_only_more_is_asked_about() -> None:
    log = Refunds()
    for number in range(STREAK):
        log.refund(20 + number / 100, "elevated" if number % 2 else "granted")
    # What people refused, agreed to in part, did not read or were not asked about bounds it, or
    # says nothing.
    log.refund(-30.0, "denied")
    log.refund(25, "narrowed")
    log.refund(24, after_ms=FAST_MS - 1)
    log.refund(31)
    log.refund("much")
    log.refund(20.001)
    log.ask()
    (found,) = log.proposals()
    assert found == Proposal(
        templates=["refund"],
        tool="crm.refund",
        why=(
            f"all {STREAK} calls up to amount 2019 that people read got their yes: let this "
            "threshold of refund, in the manifest, ask above that alone"
        ),
        yaml=(
            'tools:\n  "refund":\n'
            '    asks: [{"template": "refund", "argument": "amount", "above": 2019}]'
        ),
    )


def test_a_tool_about_whose_every_call_people_are_asked_gets_a_threshold() -> None:
    log = Refunds("threshold:refund:calls")
    for _ in range(STREAK):
        log.refund(50)
    (found,) = log.proposals(EACH)
    assert '"argument": "amount", "above": 5000' in found.yaml
    # With two amounts nobody could say which one matters.
    several = msgspec.structs.replace(EACH, arguments=AMOUNTS.arguments)
    assert log.proposals(several) == []


@pytest.mark.parametrize("why", ["too few", "a no to less", "another question", "sealed", "gone"])
def test_no_threshold_is_proposed_where_it_would_rest_on_nothing(why: str) -> None:
    log = Refunds("scope:crm:refund" if why == "another question" else "threshold:refund:amount")
    if why == "a no to less":
        log.refund(1, "denied")
    for _ in range(STREAK - (why == "too few")):
        log.refund(50)
    for record in log.records:
        if why == "sealed":
            record.pop("arguments", None)
    gone = msgspec.structs.replace(AMOUNTS, asks=())
    assert log.proposals(gone if why == "gone" else AMOUNTS) == []


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
