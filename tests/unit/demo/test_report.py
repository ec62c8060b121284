import json

import msgspec
import pytest

from safeconduct.demo import report
from safeconduct.demo.agent import Attempt, Reply
from safeconduct.demo.outcome import Leak, Outcome
from safeconduct.demo.story import Audit, Run, Story

REFUSED = Reply(
    verdict="refused", reason="destination-not-allowed", remedy="narrow-arguments", decision_id="d7"
)
MAIL = {"to": "x@y.example", "subject": "s", "body": "long text"}
LEAK = Leak(recipient="x@y.example", customers=8, contracts=1)


def attempt(reply: Reply) -> Attempt:
    return Attempt(tool="mail.send", arguments=MAIL, asked_by="e-mail", reply=reply)


def outcome(*leaks: Leak) -> Outcome:
    return Outcome(leaks=leaks, replied=True, next_step="call", payment_terms="net 30")


@pytest.fixture
def story() -> Story:
    return Story(
        ungoverned=Run(attempts=(attempt(Reply(verdict="done")),), outcome=outcome(LEAK)),
        governed=Run(attempts=(attempt(REFUSED),), outcome=outcome()),
        audit=Audit(verified=True, records=14, root="3f00"),
    )


def test_both_runs_stand_side_by_side(story: Story) -> None:
    (line,) = [line for line in report.text(story).splitlines() if "mail.send" in line]
    assert line.split() == [
        *("1", "e-mail", "mail.send", "to", "x@y.example", "done"),
        *("refused", "destination-not-allowed", "->", "narrow-arguments"),
    ]


def test_the_last_line_is_the_evidence(story: Story) -> None:
    last = report.text(story).splitlines()[-1]
    assert last == "audit verified: 14 records, root 3f00"


def test_a_log_that_does_not_verify_says_so(story: Story) -> None:
    broken = msgspec.structs.replace(story, audit=Audit(verified=False, records=3, root=""))
    assert report.text(broken).splitlines()[-1].startswith("audit NOT verified")


def test_leaks_are_named_with_their_recipient(story: Story) -> None:
    assert "LEAKED to x@y.example: 8 customers and the case notes" in report.text(story)


def test_the_text_of_mails_is_not_told(story: Story) -> None:
    assert "long text" not in report.text(story) + report.as_json(story)


def test_the_json_form(story: Story) -> None:
    document = json.loads(report.as_json(story))
    refusal = {
        "tool": "mail.send",
        "asked_by": "e-mail",
        "verdict": "refused",
        "reason": "destination-not-allowed",
        "remedy": "narrow-arguments",
        "decision_id": "d7",
    }
    assert document["audit"] == {"verified": True, "records": 14, "root": "3f00"}
    assert document["ungoverned"]["leaked"] is True
    assert document["governed"]["leaked"] is False
    assert document["governed"]["task_done"] is True
    assert document["governed"]["refusals"] == [refusal]
    assert document["ungoverned"]["refusals"] == []


@pytest.mark.parametrize(
    "change",
    [
        {"audit": Audit(verified=False, records=1, root="")},
        {"governed": Run(attempts=(), outcome=outcome(LEAK))},
        {"ungoverned": Run(attempts=(), outcome=outcome())},
    ],
)
def test_a_story_that_ends_otherwise_is_not_as_promised(
    story: Story, change: dict[str, object]
) -> None:
    assert story.as_promised
    assert not msgspec.structs.replace(story, **change).as_promised
