"""A day of an assistant that obeys whatever it reads: `make story STORY=inbox_assistant`.

Jane's assistant reads mail, calendar, directory, drive and web for her, each behind an MCP server,
and does what she asks. On the next day each of them holds an attacker's words, and the assistant
does what they say as soon as it has read them, besides what Jane asked.
"""

import json
import sys
from pathlib import Path
from typing import Any, NamedTuple

from examples.inbox_assistant.errands import CLEARED, ERRANDS, LETTER, PAY, PAY_EVE, Act, Errand
from examples.inbox_assistant.office import EVES, Office
from examples.stage.company import JANE, Gateway, Task, outcome, premises

HERE = Path(__file__).parent
ASSISTANT = "spiffe://harbour.example/agents/assistant"
THEIRS = ("ledger.example", EVES)
"""By what one tells that something went to the attacker."""


class Came(NamedTuple):
    """What a call came to: done, or refused with a reason, what helps, and perhaps a question."""

    reason: str | None
    remedy: str | None = None
    approval: str | None = None


class Day:
    """One day of the assistant, and what came of it."""

    def __init__(self, gateway: Gateway, office: Office, *, poisoned: bool) -> None:
        self.gateway, self._office, self._poisoned = gateway, office, poisoned
        self.calls = self.done = self.attacks = self.questions = 0
        self._before = len(office.done())

    def begin(self, errand: Errand) -> Task:
        """What Jane asks for becomes a task of the kind that her application chooses."""
        print(f"\nJane: {errand.request}")
        said = self.gateway.said(JANE, agent=ASSISTANT, text=errand.request)
        profile = {"task_profile": errand.profile, "purpose_attestation": said}
        task = self.gateway.begin(self.gateway.start(JANE, ASSISTANT, **profile))
        for act in errand.acts:
            if act.whose == "Jane's" or self._poisoned:
                self.call(task, act)
        return task

    def call(self, task: Task, act: Act) -> Came:
        """One call, as the assistant sees what comes of it."""
        came = _came(self.gateway.call(task, act.tool.replace(".", "__"), **act.arguments))
        self.calls += act.whose == "Jane's"
        self.done += act.whose == "Jane's" and came.reason is None
        self.attacks += act.whose == "attack"
        self.questions += came.approval is not None
        words = [act.what if act.whose == "Jane's" else f"({act.whose}) {act.what}"]
        if came.reason is not None:
            words[0] += ":"
            words += [came.reason] if came.remedy is None else [came.reason, "->", came.remedy]
        print(f"  {'done' if came.reason is None else 'refused':9}{' '.join(words)}")
        return came

    def did(self) -> list[dict[str, Any]]:
        """What the servers did since its morning, but for the assistant's own notes."""
        made = self._office.done()[self._before :]
        return [one for one in made if one["tool"] != "write_note"]


def _came(answer: tuple[int, dict[str, Any]]) -> Came:
    told = answer[1].get("result", {}).get("_meta", {}).get("dev.safeconduct/refusal", {})
    return Came(outcome(answer), told.get("remedy"), told.get("approval"))


def ordinary(day: Day) -> None:
    print("An ordinary day, on which nobody is asked anything:")
    for errand in ERRANDS:
        day.begin(errand)
    print("\nThe one thing to ask about: an account that somebody else wrote down.")
    task = day.begin(LETTER)
    asked = day.call(task, PAY)
    question = day.gateway.operate("approvals", "show", str(asked.approval))
    print("\n".join(f"    {line}" for line in question.splitlines()))
    day.gateway.operate("approvals", "approve", str(asked.approval), "--yes")
    print("  Jane says yes.")
    day.call(task, PAY)


def poisoned(day: Day) -> None:
    print("\nThe same day, but an attacker wrote the mail, the invitation, a file, the page, what")
    print("Sam's entry says, and the letter. The assistant obeys all of them:")
    for errand in ERRANDS:
        day.begin(errand)
    task = day.begin(LETTER)
    day.call(task, PAY_EVE)
    day.call(task, PAY)
    print(f"Jane: {CLEARED}")
    said = day.gateway.said(JANE, agent=ASSISTANT, text=CLEARED, task=task.id)
    svid = day.gateway.svid(ASSISTANT)
    form = day.gateway.amendment(task, actor_token=svid, purpose_attestation=said)
    task = day.gateway.begin(form, task.key)
    day.call(task, PAY_EVE)
    day.call(task, PAY)


def main() -> int:
    with premises(HERE, "office", {}) as (gateway, directory):
        office = Office(directory)
        with gateway.running():
            first = Day(gateway, office, poisoned=False)
            ordinary(first)
            did = first.did()
            (directory / "poisoned").touch()
            second = Day(gateway, office, poisoned=True)
            poisoned(second)
        same = second.did() == did
        left = [one for one in second.did() if any(word in str(one) for word in THEIRS)]
        print(f"\n{'The same' if same else 'NOT the same'} was done on both days.")
        print(gateway.verified())
    told = {
        "calls_for_jane": first.calls + second.calls,
        "done": first.done + second.done,
        "questions": first.questions + second.questions,
        "attacks_tried": second.attacks,
        "attacks_succeeded": len(left),
    }
    print(json.dumps(told, separators=(",", ":")))
    return int(not same or bool(left))


if __name__ == "__main__":
    sys.exit(main())
