"""Reading a log back, from its bytes alone: without a lock, and without the state derived from it.

What is read stands under the root of its group; that the log is whole is for `verify`.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final, cast

import orjson

from safeconduct.audit import checkpoint
from safeconduct.audit.faults import Damaged, LogFault
from safeconduct.audit.payloads.opening import Opener
from safeconduct.audit.records import decode
from safeconduct.audit.walk import Walk

_DECISION: Final = b'"kind":"decision"'


def read(
    directory: Path,
    *,
    decision: str | None = None,
    task: str | None = None,
    last: int | None = None,
    opener: Opener | None = None,
) -> Iterator[dict[str, Any]]:
    """The records of a log, the oldest first; the log may be in use.

    Args:
        directory: Where the log is.
        opener: Tells who the users are; without one they stay pseudonyms.
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
    if last is not None:
        records = iter(deque(records, maxlen=last))
    return records if opener is None else (dict(opener.shown(record)) for record in records)


def decisions(directory: Path, opener: Opener | None = None) -> Iterator[dict[str, Any]]:
    """The decision records of a log, the oldest first; the log may be in use. An opener makes them
    whole, with what they are replayed from. Raises as `decided`.
    """
    for _, record in decided(directory):
        yield record if opener is None else opener.whole(record)


def decided(directory: Path) -> Iterator[tuple[bytes, dict[str, Any]]]:
    """The decision records of a log, with their exact bytes.

    That they stand under its root is looked at, and at the end that the log got as far as its
    checkpoint; that each is in canonical form, by `verify` alone.

    Raises: as `read`.
    """
    try:
        walk = Walk(directory, checkpoint.load(directory))
        for group in walk:
            for data in group.entries:
                # Written without white space, so that most of what is none need not be decoded.
                if _DECISION in data:
                    record: Any = orjson.loads(data)
                    if isinstance(record, dict):
                        found = cast("dict[str, Any]", record)
                        if found.get("kind") == "decision":
                            yield data, found
        walk.check_claim()
    except Damaged as damage:
        raise LogFault(damage.code, f"{directory}: {damage.sentence}") from damage
    except ValueError as error:
        raise LogFault("edited", f"{directory}: {error}") from error


def find_decision(
    directory: Path, decision: str, opener: Opener | None = None
) -> tuple[dict[str, Any], dict[str, Any] | None]:
    """A decision record, which an opener makes whole, and its outcome record, if there is one.

    Raises:
        LookupError: the log knows no such decision.
        LogFault: the log is damaged before the decision, or before its outcome.
        OSError: the log cannot be read.
    """
    found: dict[str, Any] | None = None
    for record in read(directory, decision=decision):
        if record.get("kind") == "decision":
            found = record if opener is None else opener.whole(record)
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
