"""What happened in a task, call by call, and how labels came to it and to what end.

Made of the records of a task and of those below it, as they stand in the log. Nothing here reads or
writes anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

import msgspec

from safeconduct.core.labels import Confidentiality, Integrity

FLOW: Final = frozenset({"flow", "sink", "content"})
"""The checks whose answer hangs on what the task has read."""

_CALLS: Final = frozenset({"decision", "outcome", "memory"})


class Source(msgspec.Struct, frozen=True):
    """A word of a task's label, and the call whose result brought it: None where it had it before
    any call of this task.
    """

    word: str
    decision: str | None = None
    tool: str | None = None


class Event(msgspec.Struct, kw_only=True, omit_defaults=True):
    """A call, or another record of a task.

    `had` is the label that the call was decided on, `brought` the words by which its result raised
    the task's. `because` are the words of `had` that a refusal or a question hangs on, with where
    they came from.
    """

    n: int
    at_ms: int
    task: str
    kind: str
    said: str = ""
    about: str = ""
    decision: str | None = None
    reason: str | None = None
    status: str | None = None
    had: tuple[str, ...] = ()
    brought: tuple[str, ...] = ()
    because: tuple[Source, ...] = ()


def timeline(records: Iterable[Mapping[str, Any]]) -> list[Event]:
    """The events of tasks, in the order of the log; outcome and memory belong to their call."""
    events: list[Event] = []
    calls: dict[str, Event] = {}
    tasks: dict[str, _Labels] = {}
    for record in records:
        kind, decision = record["kind"], record.get("decision")
        call = calls.get(decision) if decision is not None else None
        if kind not in _CALLS or (kind != "decision" and call is None):
            events.append(_other(record))
        elif call is None:
            labels = tasks.setdefault(record["task"], _Labels())
            call = _call(record, labels)
            calls[record["decision"]] = call
            events.append(call)
        elif kind == "outcome":
            call.status, call.reason = record["status"], record.get("reason")
        else:
            labels = tasks.setdefault(record["task"], _Labels())
            call.brought = (*call.brought, *labels.raised(record["labels"], call))
    return events


class _Labels:
    """Where the words of one task's label came from."""

    def __init__(self) -> None:
        self._sources: dict[str, Source] = {}

    def raised(self, label: Mapping[str, Any], call: Event) -> list[str]:
        """The words that a call's result adds."""
        new = [word for word in _words(label) if word not in self._sources]
        for word in new:
            self._sources[word] = Source(word, call.decision, call.about)
        return new

    def sources(self, label: Mapping[str, Any]) -> tuple[Source, ...]:
        """Where the words of a label that may stop something came from."""
        return tuple(self._sources.get(word, Source(word)) for word in _words(label))


def _call(record: Mapping[str, Any], labels: _Labels) -> Event:
    label: Mapping[str, Any] = record.get("labels", {})
    asked = any(
        check.get("check") in FLOW and check.get("said") in ("deny", "elevate")
        for check in record.get("checks", ())
    )
    return Event(
        n=record["n"],
        at_ms=record.get("at_ms", 0),
        task=record["task"],
        kind="call",
        said=record["verdict"],
        about=record.get("tool", ""),
        decision=record["decision"],
        reason=record.get("reason"),
        had=tuple(_words(label)),
        because=labels.sources(label) if asked else (),
    )


def _other(record: Mapping[str, Any]) -> Event:
    said = record.get("phase") or record.get("verdict") or record.get("status") or ""
    about = record.get("purpose") or record.get("tool") or record.get("id") or ""
    return Event(
        n=record["n"],
        at_ms=record.get("at_ms", record.get("started_ms", 0)),
        task=record.get("task", ""),
        kind=record["kind"],
        said=said,
        about=about,
        decision=record.get("decision"),
        reason=record.get("reason"),
    )


def _words(label: Mapping[str, Any]) -> list[str]:
    """The words of a label that are not those of the lowest one."""
    lowest = (Integrity(0).name, Confidentiality(0).name)
    words = [label.get("integrity"), label.get("confidentiality"), *label.get("categories", ())]
    return [word for word in words if word and word not in lowest]
