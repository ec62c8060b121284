"""Verifying a log from its bytes alone: without a lock, and without the state derived from it.

1 every frame has its checksum, every group its trailer, every segment follows the one before
2 every entry is a leaf under the root in its group's trailer (RFC 6962)
3 the checkpoint names a tree that the log went through
4 every entry is a canonical record with its own sequence number
5 every outcome belongs to a permit; permits without an outcome are counted as unknown

What is gone together with everything that knew of it cannot be found from within: that takes a
checkpoint kept elsewhere.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from itertools import islice
from pathlib import Path
from typing import Any, Final, Literal

import msgspec

from safeconduct.audit import checkpoint, lock, segments
from safeconduct.audit.faults import Damage, Damaged
from safeconduct.audit.records import SEQUENCE, decode
from safeconduct.audit.walk import Walk
from safeconduct.core.merkle import EMPTY_ROOT

MAX_LISTED: Final = 20

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
