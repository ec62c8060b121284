"""Tells the story to a reader: both runs side by side, or as JSON."""

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from safeconduct.demo.agent import Attempt
from safeconduct.demo.outcome import Outcome
from safeconduct.demo.plot import REQUEST, USER
from safeconduct.demo.story import Audit, Run, Story

_CALL = 43
_PLAIN = 7


def text(story: Story) -> str:
    """Write the story for a terminal. The last line says what became of the audit log."""
    return "\n".join(_lines(story))


def as_json(story: Story) -> str:
    """Write the story as one JSON object."""
    return msgspec.json.format(msgspec.json.encode(document(story))).decode()


def document(story: Story) -> dict[str, Any]:
    """The story as an object of JSON."""
    return {
        "ungoverned": _run(story.ungoverned),
        "governed": _run(story.governed),
        "audit": msgspec.to_builtins(story.audit),
    }


def _lines(story: Story) -> Iterator[str]:
    yield f"{USER} asks her sales copilot:"
    yield f"  {REQUEST}"
    yield "The case's newest e-mail gives orders of its own, and this copilot obeys all it reads."
    yield ""
    yield f"    {'':7} {'call':{_CALL}} {'plain':{_PLAIN}} through Safeconduct"
    # Both runs start from the same texts; where they part, the shorter one has nothing to show.
    pairs = zip(story.ungoverned.attempts, story.governed.attempts, strict=False)
    for number, (plain, governed) in enumerate(pairs, start=1):
        call = f"{plain.tool} {_brief(plain.arguments)}"
        yield (
            f"{number:2}  {plain.asked_by:7} {_cut(call):{_CALL}} {plain.reply.verdict:{_PLAIN}}"
            f" {_verdict(governed)}"
        )
    yield ""
    yield "What came of it, read from the mailboxes and the CRM:"
    yield from _outcome("plain", story.ungoverned.outcome)
    yield from _outcome("through Safeconduct", story.governed.outcome)
    yield ""
    yield _evidence(story.audit)


def _verdict(attempt: Attempt) -> str:
    reply = attempt.reply
    remedy = f" -> {reply.remedy}" if reply.remedy else ""
    return f"{reply.verdict} {reply.reason}{remedy}".rstrip()


def _brief(arguments: Mapping[str, Any]) -> str:
    """Name the arguments that tell the most, without the text of mails."""
    if "to" in arguments:
        return f"to {arguments['to']}"
    if len(arguments) == 1:
        return str(*arguments.values())
    changes = (f"{name}={value}" for name, value in arguments.items() if name != "opportunity_id")
    return ", ".join(changes)


def _cut(line: str) -> str:
    return line if len(line) <= _CALL else f"{line[: _CALL - 1]}…"


def _outcome(title: str, outcome: Outcome) -> Iterator[str]:
    yield f"  {title}:"
    done = "done" if outcome.task_done else "NOT done"
    yield f"    the user's task is {done}; payment terms are {outcome.payment_terms}"
    for leak in outcome.leaks:
        what = f"{leak.customers} customers" + (" and the case notes" if leak.contracts else "")
        yield f"    LEAKED to {leak.recipient}: {what}"
    if not outcome.leaked:
        yield "    nothing reached anybody whom it does not concern"


def _evidence(audit: Audit) -> str:
    found = "verified" if audit.verified else "NOT verified"
    return f"audit {found}: {audit.records} records, root {audit.root}"


def _run(run: Run) -> dict[str, Any]:
    calls = [
        {
            "tool": attempt.tool,
            "asked_by": attempt.asked_by,
            "verdict": attempt.reply.verdict,
            "reason": attempt.reply.reason,
            "remedy": attempt.reply.remedy,
            "decision_id": attempt.reply.decision_id,
        }
        for attempt in run.attempts
    ]
    return {
        "leaked": run.outcome.leaked,
        "task_done": run.outcome.task_done,
        "payment_terms": run.outcome.payment_terms,
        "leaks": msgspec.to_builtins(run.outcome.leaks),
        "refusals": [call for call in calls if call["verdict"] == "refused"],
        "calls": calls,
    }
