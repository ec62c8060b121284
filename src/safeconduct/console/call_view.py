"""A call in words: who authorised it, what the model saw, and what overruled whom."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, TypeGuard, cast

import msgspec

from safeconduct.audit.payloads.opening import WHY, Opened
from safeconduct.console.call_records import CallRecords
from safeconduct.console.view import EFFECTS, SAID, asks, label_words
from safeconduct.core.canonical import canonical
from safeconduct.core.reasons import REASONS, Reason

CHECKS: Final = {
    "delegation": "who calls, for whom, and in a task that lives",
    "tool": "whether this task may call it, and whether it is what was reviewed",
    "zone": "whether the agent's zone may reach that system",
    "budget": "whether anything is left of what the task may use",
    "flow": "where the values that steer the call come from",
    "sink": "whether what the task has read may go there",
    "content": "what is in the arguments",
    "review": "what a second model makes of it",
    "policy": "what the rules say",
    "elevation": "whether a person has to say yes",
}
"""What each check looks at."""

REMEDIES: Final = {
    "narrow-arguments": "call again with other arguments",
    "use-other-tool": "use another tool",
    "ask-user": "ask the user",
    "wait-for-approval": "wait for the yes",
    "stop": "stop",
}
"""What the agent was told to do instead."""

SEALED: Final = {
    "arguments": "Arguments",
    "input": "What the rules saw that the record does not say",
    "asked": "What was asked",
    "result": "What was delivered",
    "admitted": "What else is known of it",
}
"""What is sealed with records, by its member of the payload."""

RETRIES: Final = {
    "later": "trying again later can help",
    "changed": "trying again with other arguments can help",
    "same-arguments": "trying the same again helps once it is approved",
}
"""When it can help to try again; it is not in here where it never does."""

LONGEST: Final = 100_000
"""How many characters of a member of what was sealed are shown: a result can be of millions, and
be written so that a page of it takes long. No call waits for that.
"""

_YES: Final = ("agreed", "granted", "narrowed", "elevated")

Record = Mapping[str, Any]


class Fact(msgspec.Struct, frozen=True):
    """One thing that the record says."""

    name: str
    text: str


class Member(msgspec.Struct, frozen=True):
    """What was sealed under a name, its beginning, and how many characters more there are."""

    name: str
    text: str
    more: int


class Check(msgspec.Struct, frozen=True):
    """What a check looks at, what it said, and on what account."""

    name: str
    about: str
    said: str
    because: str
    instead: str


class CallView(msgspec.Struct, frozen=True, kw_only=True):
    """What is shown of a call."""

    record: Record
    outcome: Record | None
    task: Record
    vouched: str
    sentences: list[str]
    reason: Reason | None
    remedy: str
    checks: list[Check]
    rules: list[Fact]
    call: list[Fact]
    arguments: list[Fact]
    labels: list[Fact]
    result: list[Fact]
    answers: list[Record]
    before: str
    after: str
    unfound: bool


def call_view(call: CallRecords, shown: Callable[[Record], Record]) -> CallView:
    """The view of a call; `shown` turns pseudonyms into users."""
    record = shown(call.decision.record)
    outcome = None if call.outcome is None else shown(call.outcome.record)
    answers = [shown(hit.record) for hit in call.given]
    reason = REASONS.get(record.get("reason", ""))
    brought = [
        hit.record["labels"] for hit in call.results
        if hit.entry.facet.kind == "memory" and "labels" in hit.record
    ]  # fmt: skip
    return CallView(
        record=record,
        outcome=outcome,
        task={} if call.started is None else call.started.record,
        vouched=SAID.get(record.get("purpose_source", ""), ""),
        sentences=_sentences(record, answers),
        reason=reason,
        remedy="" if reason is None else _remedy(reason),
        checks=[_check(one) for one in record.get("checks", ())],
        rules=_rules(record.get("policy")),
        call=_facts(record, _CALL),
        arguments=[
            Fact(name, ", ".join(places) or "nowhere that is known")
            for name, places in record.get("provenance", {}).items()
        ],
        labels=_labels(record.get("labels"), brought),
        result=[] if outcome is None else _facts(outcome, _RESULT),
        answers=answers,
        before="" if call.before is None else call.before.record["decision"],
        after="" if call.after is None else call.after.record["decision"],
        unfound=call.unfound,
    )


def _remedy(reason: Reason) -> str:
    told = (REMEDIES[reason.remedy.value], RETRIES.get(reason.retry, ""))
    return "; ".join(filter(None, told))


def opened_facts(payload: Opened) -> tuple[list[Member], str]:
    """What was sealed with a record, by its members; or why it cannot be seen."""
    if payload.why is not None:
        return [], WHY[payload.why]
    return [_member(name, one) for name, one in (payload.content or {}).items()], ""


def _member(name: str, value: object) -> Member:
    if isinstance(value, str):
        text = value
    else:
        text = msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
    return Member(SEALED.get(name, name), text[:LONGEST], max(0, len(text) - LONGEST))


def words(value: object) -> str:
    """A value of a record as text; what is nested as JSON."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, str):
        return value
    if _texts(value):
        return ", ".join(value)
    if isinstance(value, Mapping):
        members = cast("Mapping[str, object]", value)
        return "; ".join(f"{name} {words(one)}" for name, one in members.items())
    return canonical(value).decode()


def _texts(value: object) -> TypeGuard[Sequence[str]]:
    if not isinstance(value, list | tuple):
        return False
    return all(isinstance(one, str) for one in cast("Sequence[object]", value))


# --- what overruled whom ------------------------------------------------------------------------


def _sentences(record: Record, answers: Sequence[Record]) -> list[str]:
    checks = record.get("checks", ())
    refused = [one["check"] for one in checks if one["said"] == "deny"]
    asked = [one["check"] for one in checks if one["said"] == "elevate"]
    rules = record.get("policy", {}).get("permit", ())
    told: list[str] = []
    match record.get("verdict"):
        case "deny":
            told.append(f"{_list(refused) or 'The gateway'} refused it, and a refusal beats all.")
            if rules and "policy" not in refused:
                told.append(f"The policy would have permitted it: {', '.join(rules)}.")
            if asked:
                told.append(f"{_list(asked)} would have asked a person.")
        case "elevate":
            told.append(f"{_list(asked) or 'The gateway'} asked for a person's yes, so it waited.")
            told += [f"Asked because {asks(one)}." for one in record.get("requires", ())]
        case _:
            by = f", and the policy permitted it: {', '.join(rules)}" if rules else ""
            told.append(f"Nothing was against it{by}.")
            told += _authorised(record, answers)
    told += [
        f"{_list([one['check']])} would have refused it ({one['instead']}); a rule of the policy "
        "has a person asked instead."
        for one in checks
        if one.get("instead")
    ]
    would = record.get("policy", {}).get("would_have")
    if would:
        told.append(f"Rules that are only logged would have said: {would}.")
    return told


def _authorised(record: Record, answers: Sequence[Record]) -> list[str]:
    """Whose word a permit rests on, besides the policy's."""
    told = [
        f"{one.get('by', 'Somebody')} said yes to it, by {one.get('means', 'other means')}."
        for one in answers
        if one.get("phase") in _YES
    ]
    if record.get("follows"):
        told.append("It follows from a yes to an earlier call of this task.")
    for name, what in (("elevation", "a yes to more calls"), ("bypass", "a bypass")):
        if record.get(name):
            told.append(f"Nobody was asked because of {what}: {record[name]}.")
    if record.get("unsafe"):
        told.append(f"Unsafe switches were on: {', '.join(record['unsafe'])}.")
    return told


def _check(one: Record) -> Check:
    because = one.get("reason") or "; ".join(asks(each) for each in one.get("asks", ()))
    name = one["check"]
    return Check(name, CHECKS.get(name, ""), one["said"], because, one.get("instead", ""))


def _rules(policy: Record | None) -> list[Fact]:
    if policy is None:
        return []
    said = (
        ("permit", "Permitted by"), ("elevate", "Asked for a person by"), ("deny", "Denied by"),
        ("obligations", "Demands"), ("log_only", "Only logged"), ("would_have", "Would have said"),
        ("error", "Could not be asked"), ("masked", "Not shown of the input"),
        ("bundle", "Bundle"), ("engine", "Engine"),
    )  # fmt: skip
    return [Fact(name, words(policy[key])) for key, name in said if policy.get(key)]


_CALL: Final[tuple[tuple[str, str], ...]] = (
    ("method", "Method"), ("effect", "Effect"), ("pin", "Definition"),
    ("credential", "Credential of the upstream"), ("scopes", "Scopes"), ("objects", "Objects"),
    ("facts", "Facts of the system of record"), ("findings", "Found in the arguments"),
    ("failures", "Could not be had"), ("review", "Second model"), ("constrained", "Set by a rule"),
    ("obligations", "Under these obligations"), ("spends", "Uses up"), ("model", "Model"),
    ("size", "Bytes of the arguments"), ("digest", "Digest"), ("trace", "Trace"), ("span", "Span"),
)  # fmt: skip
_RESULT: Final[tuple[tuple[str, str], ...]] = (
    ("status", "Status"), ("reason", "Reason"), ("may_have_happened", "May have taken effect"),
    ("dur_us", "Microseconds since the decision"), ("findings", "Found in it"),
    ("redacted", "Findings taken out"), ("unread", "Not looked into"), ("documents", "Documents"),
    ("model", "Model"), ("bytes", "Bytes"), ("result", "Digest of what was delivered"),
)  # fmt: skip


def _facts(record: Record, names: Iterable[tuple[str, str]]) -> list[Fact]:
    found: list[Fact] = []
    for key, name in names:
        value = record.get(key)
        if value is None or value in ([], {}):
            continue
        text = EFFECTS.get(value, "") if key == "effect" else ""
        found.append(Fact(name, text or words(value)))
    return found


def _labels(had: Record | None, brought: Sequence[Record]) -> list[Fact]:
    told = [] if had is None else [Fact("The task had read", _label(had))]
    return told + [Fact("Its result is", _label(one)) for one in brought]


def _label(label: Record) -> str:
    return "; ".join(f"{name} {text}" for name, text in label_words(label))


def _list(checks: Sequence[str]) -> str:
    if not checks:
        return ""
    names = " and ".join(f"the check of {one}" for one in checks)
    return names[0].upper() + names[1:]
