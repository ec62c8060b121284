"""Verifying a log and reading it back, from its bytes alone: without a lock, and without the state
that is derived from it.

1 every frame has its checksum, every group its trailer, every segment follows the one before
2 every entry is a leaf under the root in its group's trailer (RFC 6962)
3 the checkpoint names a tree that the log went through
4 every entry is a canonical record with its own sequence number
5 every outcome belongs to a permit; permits without an outcome are counted as unknown

What is gone together with everything that knew of it cannot be found from within: that takes a
checkpoint kept elsewhere.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal, cast

import msgspec
import orjson

from safeconduct.audit import checkpoint, lock, segments
from safeconduct.audit.faults import Damage, Damaged, LogFault
from safeconduct.audit.records import SEQUENCE, decode
from safeconduct.audit.walk import Walk
from safeconduct.core.merkle import EMPTY_ROOT

MAX_LISTED: Final = 20
_DECISION: Final = b'"kind":"decision"'

_EXIT_CODES: Final[Mapping[str, int]] = {
    "truncated": 10,
    "edited": 11,
    "unpaired": 11,
    "forked": 12,
}


class Finding(msgspec.Struct, frozen=True):
    """One thing that is not as this log writes it; `seq` is the record, where one can be named."""

    code: Damage | Literal["unpaired"]
    sentence: str
    seq: int | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification saw. Everything counted here is proven by the root.

    Attributes:
        records: How many records are proven.
        root: Their Merkle tree hash, in hexadecimal.
        kinds: How many records there are of each kind.
        unknown: Decision ids of permits without an outcome: the oldest 20.
        unknown_count: How many there are. In a log that is being written some are under way.
        pending: Bytes after the last whole group while a writer has the log open.
        findings: What is wrong, at most 20 of records that are in the log.
    """

    records: int
    root: str
    kinds: dict[str, int]
    unknown: tuple[str, ...]
    unknown_count: int
    pending: int
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 intact, 10 truncated, 11 edited, 12 forked; of several findings the gravest."""
        return max((_EXIT_CODES[finding.code] for finding in self.findings), default=0)

    @property
    def sentence(self) -> str:
        """The result in one line."""
        if self.findings:
            return f"audit NOT verified: {self.findings[0].sentence}"
        if not self.records:
            return f"audit verified: 0 records (the log is empty), root {self.root}"
        records = "1 record" if self.records == 1 else f"{self.records} records"
        return f"audit verified: {records}, root {self.root}"


def holds_log(directory: Path) -> bool:
    """Whether anything of a log is in a directory: a segment, or a checkpoint alone.

    Raises:
        OSError: the directory cannot be read.
    """
    if not directory.is_dir():
        return False
    try:
        return (directory / checkpoint.NAME).exists() or bool(segments.listing(directory))
    except Damaged:
        return True


def verify(directory: Path) -> Report:
    """Verifies the log in a directory; it may be in use.

    Raises:
        OSError: the directory or a file in it cannot be read.
    """
    contents = _Contents()
    findings: list[Finding] = []
    root = EMPTY_ROOT
    records = pending = 0
    try:
        # The checkpoint first: the log may grow while we read, and only away from it.
        walk = Walk(directory, checkpoint.load(directory))
        for group in walk:
            contents.add(records, group.entries)
            records, root = group.size, group.root
        if walk.tail and lock.is_held(directory):
            pending = walk.tail
        elif walk.tail:
            torn = f"{walk.tail} bytes at the end are no whole group: a torn write, or a cut"
            findings.append(Finding("truncated", torn, records))
        walk.check_claim()
    except Damaged as damage:
        findings.append(Finding(damage.code, damage.sentence, damage.seq))
    return Report(
        records=records,
        root=root.hex(),
        kinds=dict(sorted(contents.kinds.items())),
        unknown=tuple(islice(contents.waiting, MAX_LISTED)),
        unknown_count=len(contents.waiting),
        pending=pending,
        findings=(*findings, *contents.findings),
    )


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


def decisions(directory: Path) -> Iterator[dict[str, Any]]:
    """The decision records of a log, the oldest first; the log may be in use.

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
                            yield found
        walk.check_claim()
    except Damaged as damage:
        raise LogFault(damage.code, f"{directory}: {damage.sentence}") from damage
    except ValueError as error:
        raise LogFault("edited", f"{directory}: {error}") from error


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


class _Contents:
    """What the records say, taken in one after the other."""

    def __init__(self) -> None:
        self.kinds: Counter[str] = Counter()
        self.findings: list[Finding] = []
        self.waiting: dict[str, None] = {}  # decision ids of permits, until their outcome comes

    def add(self, first: int, entries: list[bytes]) -> None:
        for seq, data in enumerate(entries, first):
            try:
                record = decode(data)
            except ValueError as error:
                self._found("edited", str(error), seq)
                continue
            if record.get(SEQUENCE) != seq:
                self._found("edited", f"says that it is number {record.get(SEQUENCE)}", seq)
            self.kinds[str(record.get("kind"))] += 1
            self._pair(record, seq)

    def _pair(self, record: Mapping[str, Any], seq: int) -> None:
        decision = str(record.get("decision"))
        if record.get("kind") == "decision" and record.get("verdict") == "permit":
            self.waiting[decision] = None
        elif record.get("kind") == "outcome":
            if decision in self.waiting:
                del self.waiting[decision]
            else:
                sentence = f"an outcome for {decision}, for which no permit waits"
                self._found("unpaired", sentence, seq)

    def _found(self, code: Damage | Literal["unpaired"], sentence: str, seq: int) -> None:
        if len(self.findings) < MAX_LISTED:
            self.findings.append(Finding(code, f"record {seq}: {sentence}", seq))


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
