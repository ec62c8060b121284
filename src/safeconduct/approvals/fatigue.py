"""Whether people still look: how often they are asked, how fast they answer, and what would spare
them questions. Computed from records of kind `approval` alone.

A yes that comes in less than two seconds was hardly read, and a person who never says no is not
asked but trained. What is always approved is better put into a rule, once, than in front of people
every time.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from statistics import median
from typing import Any, Final

import msgspec

from safeconduct.approvals.proposing import FAST_MS, STREAK, Proposal, raised
from safeconduct.core.manifest import ToolManifest

Record = Mapping[str, Any]

MAX_CALLS: Final = 100
MINUTES: Final = 15

_YES: Final = frozenset({"agreed", "granted", "narrowed", "elevated"})


class Answered(msgspec.Struct, kw_only=True):
    """How a question is answered, or a person answers. `streak` is how many yes came since the last
    no, `fast` how many in less than two seconds; `yes_share` is in hundredths.
    """

    answered: int = 0
    yes: int = 0
    no: int = 0
    yes_share: int = 0
    streak: int = 0
    fast: int = 0
    median_ms: int | None = None


class Gate(Answered, kw_only=True):
    """A question by its templates and tool; `lapsed` are those that nobody answered."""

    templates: list[str]
    tool: str
    asked: int
    lapsed: int
    tasks: int
    most_per_task: int


class Person(Answered, kw_only=True):
    """An approver, at one gate."""

    by: str
    templates: list[str]
    tool: str


class Repeat(msgspec.Struct, frozen=True, kw_only=True):
    """The same question about the same values, again and again."""

    templates: list[str]
    tool: str
    agent: str
    values: list[str]
    asked: int


class Metrics(msgspec.Struct, frozen=True, kw_only=True):
    """What the log says of questions and answers."""

    gates: list[Gate]
    approvers: list[Person]
    repeats: list[Repeat]
    warnings: list[str]
    proposals: list[Proposal]


class _Times:
    """Answers of one gate or person, in the order of the log."""

    def __init__(self) -> None:
        self.said: list[tuple[bool, int]] = []

    def counted(self) -> dict[str, Any]:
        """What `Answered` has."""
        yes = sum(good for good, _ in self.said)
        streak = 0
        for good, _ in self.said:
            streak = streak + 1 if good else 0
        count = len(self.said)
        return {
            "answered": count,
            "yes": yes,
            "no": count - yes,
            "yes_share": 100 * yes // count if count else 0,
            "streak": streak,
            "fast": sum(good and took_ms < FAST_MS for good, took_ms in self.said),
            "median_ms": int(median(took for _, took in self.said)) if count else None,
        }


_Name = tuple[tuple[str, ...], str]


def metrics(
    records: Iterable[Record],
    offered: Mapping[str, bool],
    tools: Mapping[str, ToolManifest] | None = None,
) -> Metrics:
    """What records of kind `approval` say, in the order of the log. `offered` says of each template
    whether it offers an elevation already; `tools` are the manifests of today, by which a question
    that has its `arguments` is judged.
    """
    asked: dict[str, Record] = {}
    ended: dict[str, Record] = {}
    gates: defaultdict[_Name, _Times] = defaultdict(_Times)
    persons: defaultdict[tuple[str, _Name], _Times] = defaultdict(_Times)
    for record in records:
        approval: str = record["approval"]
        if record["phase"] == "requested":
            asked[approval] = record
        elif (question := asked.get(approval)) is not None:
            said = (record["phase"] in _YES, record["at_ms"] - question["at_ms"])
            persons[record["by"], _name(question)].said.append(said)
            if record["phase"] != "agreed":
                ended[approval] = record
                gates[_name(question)].said.append(said)
    found = _gates(asked, ended, gates)
    people = [
        Person(by=by, templates=[*name[0]], tool=name[1], **times.counted())
        for (by, name), times in sorted(persons.items())
    ]
    return Metrics(
        gates=found,
        approvers=people,
        repeats=_repeats(asked.values()),
        warnings=[*_warnings(people)],
        proposals=[*_proposals(found, offered), *raised(asked.values(), ended, tools or {})],
    )


def _name(question: Record) -> _Name:
    return tuple(question["templates"]), str(question["tool"])


def _gates(
    asked: Mapping[str, Record], ended: Mapping[str, Record], times: Mapping[_Name, _Times]
) -> list[Gate]:
    by_name: defaultdict[_Name, list[Record]] = defaultdict(list)
    for record in asked.values():
        by_name[_name(record)].append(record)
    found: list[Gate] = []
    for name, questions in sorted(by_name.items()):
        tasks = Counter(str(one["task"]) for one in questions)
        found.append(
            Gate(
                templates=[*name[0]],
                tool=name[1],
                asked=len(questions),
                lapsed=sum(one["approval"] not in ended for one in questions),
                tasks=len(tasks),
                most_per_task=max(tasks.values()),
                **times[name].counted() if name in times else {},
            )
        )
    return found


def _repeats(asked: Iterable[Record]) -> list[Repeat]:
    """The same tool, agent and values that steer, more than once; the most frequent first."""
    counts = Counter(
        (_name(one), str(one["agent"]), tuple(sorted(map(str, one.get("values", ())))))
        for one in asked
    )
    return [
        Repeat(templates=[*name[0]], tool=name[1], agent=agent, values=[*values], asked=count)
        for (name, agent, values), count in counts.most_common()
        if count > 1
    ]


def _warnings(people: Iterable[Person]) -> Iterable[str]:
    for one in people:
        about = f"{one.by} about {', '.join(one.templates)} of {one.tool}"
        if one.fast:
            yield f"{about}: {one.fast} of {one.yes} times yes in less than two seconds"
        if one.streak >= STREAK:
            yield f"{about}: yes {one.streak} times in a row"


def _proposals(gates: Iterable[Gate], offered: Mapping[str, bool]) -> Iterable[Proposal]:
    """Where people never say no, and are asked more than once for a task: one yes for several
    calls, about the same objects and no higher amounts.
    """
    for one in gates:
        missing = [name for name in one.templates if not offered.get(name)]
        if one.streak < STREAK or one.no or one.most_per_task < 2 or not missing:
            continue
        calls = min(MAX_CALLS, one.most_per_task)
        offers = f"offers: {{calls: {calls}, minutes: {MINUTES}, objects: same}}"
        lines = [f"    {name}:\n      {offers}" for name in missing]
        yield Proposal(
            templates=one.templates,
            tool=one.tool,
            why=(
                f"{one.yes} times yes and never no, up to {one.most_per_task} times for one task: "
                "let one yes be good for that many calls"
            ),
            yaml="\n".join(["approvals:", "  templates:", *lines]),
        )
