"""Reading records back, each one proven by its group's root before it is shown."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from safeconduct.audit.faults import Damaged, LogFault
from safeconduct.audit.records import decode
from safeconduct.audit.walk import Walk


def read(
    directory: Path,
    *,
    decision: str | None = None,
    task: str | None = None,
    last: int | None = None,
) -> Iterator[dict[str, Any]]:
    """The records of a log, the oldest first; the log may be in use.

    Args:
        directory: Where the log is.
        decision: Only records of this decision.
        task: Only records of this task, and outcomes of its decisions.
        last: Only that many, from the end.

    Raises:
        LogFault: the log is damaged; what comes before the damage was shown, except with `last`.
        OSError: the log cannot be read.
    """
    records = _records(directory)
    if decision is not None:
        records = (record for record in records if record.get("decision") == decision)
    if task is not None:
        records = _of_task(records, task)
    return records if last is None else iter(deque(records, maxlen=last))


def find_decision(directory: Path, decision: str) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """A decision record and its outcome record, if there is one.

    Raises:
        LookupError: the log knows no such decision.
        LogFault: the log is damaged before the decision, or before its outcome.
        OSError: the log cannot be read.
    """
    found: dict[str, Any] | None = None
    for record in read(directory, decision=decision):
        if record.get("kind") == "decision":
            found = record
        elif record.get("kind") == "outcome" and found is not None:
            return found, record
    if found is None:
        raise LookupError(f"no decision {decision!r} in {directory}")
    return found, None


def _records(directory: Path) -> Iterator[dict[str, Any]]:
    try:
        for group in Walk(directory):
            for data in group.entries:
                yield decode(data)
    except (Damaged, ValueError) as error:
        raise LogFault("edited", f"{directory}: {error}") from error


def _of_task(records: Iterator[dict[str, Any]], task: str) -> Iterator[dict[str, Any]]:
    decisions: set[object] = set()
    for record in records:
        if record.get("task") == task:
            if record.get("kind") == "decision":
                decisions.add(record.get("decision"))
            yield record
        elif record.get("decision") in decisions:
            yield record
