"""What an index keeps of a record."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final, NamedTuple, cast

from safeconduct.core.trace import trace_of

DAY_MS: Final = 86_400_000
_MONDAY: Final = 3  # 1970-01-01 was a Thursday


class Party(NamedTuple):
    """Whose a record is: what an agent does for a user of a tenant. Empty where it names none."""

    tenant: str
    agent: str
    user: str


class Facet(NamedTuple):
    """What a record says of itself in closed or few words; many records share one.

    `said` is the verdict of a decision, the status of an outcome, or a phase. `labels` are words,
    each between two spaces.
    """

    kind: str
    said: str
    tool: str
    reason: str
    labels: str


class Entry(NamedTuple):
    """A record as an index keeps it; `place` is where in the log its frame begins.

    `marks` are hashes of what a single record is looked up by, see `mark`.
    """

    n: int
    at_ms: int
    place: int
    party: Party
    task: str
    facet: Facet
    marks: tuple[int, ...]


PartyOf = Callable[[str], Party | None]
"""Whose a task is, as far as is known."""

_OFFSET_BITS: Final = 27


def place(segment: int, offset: int) -> int:
    """A segment and an offset in it as one number, in the order of the log."""
    return segment << _OFFSET_BITS | offset


def placed(number: int) -> tuple[int, int]:
    """The segment and the offset in a `place`."""
    return number >> _OFFSET_BITS, number & ((1 << _OFFSET_BITS) - 1)


def week(at_ms: int) -> int:
    """The number of the ISO week (Monday to Sunday, UTC) that a time is in, from 1970's first."""
    return (at_ms // DAY_MS + _MONDAY) // 7


def week_start_ms(number: int) -> int:
    """When a week begins, in milliseconds since the epoch."""
    return (number * 7 - _MONDAY) * DAY_MS


def mark(what: str, value: str) -> int:
    """32 bits of a hash: few records share one by chance, and those are told apart by reading."""
    return int.from_bytes(sha256(f"{what} {value}".encode()).digest()[:4], signed=True)


class Entries:
    """Turns records into entries, in the order of the log.

    A record that names no tenant belongs to that of the gateway that wrote it, as its last start
    said; one that names a task alone to whom the task belongs. One without a time has that of the
    one before it. `tenant` and `at_ms` are what is known so far.
    """

    def __init__(self, tenant: str, party_of: PartyOf) -> None:
        self.tenant = tenant
        self.at_ms = 0
        self._party_of = party_of

    def entry(self, n: int, place: int, record: Mapping[str, Any]) -> Entry:
        """What is kept of one record."""
        kind = _text(record, "kind")
        if kind == "config" and (tenant := _text(record, "tenant")):
            self.tenant = tenant
        at_ms = record.get("at_ms", record.get("started_ms"))
        if type(at_ms) is int and at_ms >= 0:
            self.at_ms = at_ms
        task = _text(record, "task")
        said = _text(record, "verdict") or _text(record, "status") or _text(record, "phase")
        tool, reason = _text(record, "tool"), _text(record, "reason")
        return Entry(
            n,
            self.at_ms,
            place,
            self._party(record, task),
            task,
            Facet(kind, said, tool, reason, _labels(record.get("labels"))),
            _marks(kind, record),
        )

    def _party(self, record: Mapping[str, Any], task: str) -> Party:
        agent, user = _id(record, "agent"), _id(record, "user")
        if task and not (agent and user):
            known = self._party_of(task)
            if known is not None:
                return known
        return Party(_text(record, "tenant") or self.tenant, agent, user)


def _marks(kind: str, record: Mapping[str, Any]) -> tuple[int, ...]:
    if kind == "approval":
        return (mark("approval", _text(record, "approval")),)
    if kind == "task" and record.get("phase") == "started":
        of_task = mark("trace", trace_of(_text(record, "task")))
        parent = _text(record, "parent")
        return (of_task, mark("parent", parent)) if parent else (of_task,)
    if kind != "decision":
        return ()
    found = [mark("decision", _text(record, "decision"))]
    trace, objects = record.get("trace"), record.get("objects")
    if record.get("trace_claimed") is True:  # a derived one is that of the task's start
        found.append(mark("trace", str(trace)))
    if objects:
        found += [mark("object", one) for one in sorted(set(_strings(objects)))]
    return tuple(found)


def _strings(value: object) -> list[str]:
    """The values of arguments that name objects, however they are nested."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, Mapping):
        return _strings(list(cast("Mapping[str, object]", value).values()))
    if isinstance(value, list | tuple):
        return [text for one in cast("list[object]", value) for text in _strings(one)]
    return []


def _labels(value: object) -> str:
    if not isinstance(value, Mapping):
        return ""
    label = cast("Mapping[str, Any]", value)
    words = [label.get("integrity"), label.get("confidentiality"), *label.get("categories", ())]
    return f" {' '.join(str(word) for word in words)} "


def _id(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    if isinstance(value, Mapping):
        return _text(cast("Mapping[str, Any]", value), "id")
    return value if isinstance(value, str) else ""


def _text(record: Mapping[str, Any], name: str) -> str:
    value = record.get(name)
    return value if isinstance(value, str) else ""
