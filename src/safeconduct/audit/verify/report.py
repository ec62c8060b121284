"""What a verification found, in closed lists of words, each with its exit code."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, Literal

import msgspec

from safeconduct.audit.damage import Damage

MAX_LISTED: Final = 20

Code = (
    Damage
    | Literal[
        "unpaired",  # an outcome belongs to no permit
        "unsigned",  # records stand behind the newest checkpoint for too long
        "gap",  # a counter skips a number, or has one twice
        "payload-missing",  # a payload is gone, and no erasure says so
        "unwitnessed",  # too few witnesses have cosigned
    ]
)

EXIT_CODES: Final[Mapping[Code, int]] = {
    # The gravest first: what makes the log two logs, then what was changed, then what is gone.
    "forked": 12,
    "edited": 11,
    "unpaired": 11,
    "gap": 11,
    "unsigned": 11,
    "truncated": 10,
    "payload-missing": 13,
    "unwitnessed": 14,
}
_GRAVITY: Final[Mapping[int, int]] = {
    code: place for place, code in enumerate(dict.fromkeys(EXIT_CODES.values()))
}


class Finding(msgspec.Struct, frozen=True):
    """One thing that is not as this log writes it; `seq` is the record, where one can be named."""

    code: Code
    sentence: str
    seq: int | None = None


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification saw. Everything counted here is proven by the root.

    Attributes:
        records: How many records are proven.
        answers: How many of them a bundle says were asked for; the others only show that none is
            missing, and that the question is on record. None of a log.
        root: Their Merkle tree hash, in hexadecimal.
        kinds: How many records there are of each kind.
        unknown: Decision ids of permits without an outcome: the oldest 20.
        unknown_count: How many there are. In a log that is being written some are under way.
        pending: Bytes after the last whole group while a writer has the log open.
        unsigned: How many of the records are behind the newest good checkpoint: who could write to
            the files could have written these.
        payloads: How many payloads are the bytes that were sealed.
        erased: How many payloads an erasure took, so that nobody can read them.
        pruned: How many records at the beginning were pruned; their hashes are still in the tree.
        expired: How many payloads of records that are there were pruned.
        signed_by: The verifier key under which the checkpoint is signed; empty without one.
        pinned: Whether that key was given, and not taken from beside the log.
        witnesses: Who cosigned, as far as the policy knows them.
        unwitnessed: How many of the records came after what they saw.
        notes: What else there is to know, in sentences: how far all this is proven.
        findings: What is wrong, the gravest first: at most 20 of records that are in the log.
    """

    records: int
    answers: int | None = None
    root: str
    kinds: dict[str, int]
    unknown: tuple[str, ...] = ()
    unknown_count: int = 0
    pending: int = 0
    unsigned: int = 0
    payloads: int
    erased: int = 0
    pruned: int = 0
    expired: int = 0
    signed_by: str
    pinned: bool
    witnesses: tuple[str, ...] = ()
    unwitnessed: int = 0
    notes: tuple[str, ...] = ()
    findings: tuple[Finding, ...]

    @property
    def exit_code(self) -> int:
        """0 intact, else that of the gravest finding."""
        return EXIT_CODES[self.findings[0].code] if self.findings else 0

    @property
    def sentence(self) -> str:
        """The result in one line."""
        if self.findings:
            return f"audit NOT verified: {self.findings[0].sentence}"
        if not self.records:
            return f"audit verified: 0 records (the log is empty), root {self.root}"
        said = [_count(self.records, "record")]
        if self.answers is not None:
            beside = self.records - self.answers
            said[0] += f" ({self.answers} asked for, {beside} only as evidence)"
        if self.unsigned:
            said.append(f"{self.unsigned} of them not signed yet")
        if self.unwitnessed:
            said.append(f"{self.unwitnessed} of them not witnessed")
        if self.payloads:
            said.append(_count(self.payloads, "payload"))
        if self.erased:
            said.append(f"{_count(self.erased, 'payload')} erased")
        if self.expired:
            said.append(f"{_count(self.expired, 'payload')} pruned")
        if self.pruned:
            said.append(f"the first {self.pruned} pruned")
        return f"audit verified: {', '.join(said)}, root {self.root}"


def gravest_first(findings: Iterable[Finding]) -> tuple[Finding, ...]:
    """In the order of their gravity, and of their finding among the like."""
    return tuple(sorted(findings, key=lambda finding: _GRAVITY[EXIT_CODES[finding.code]]))


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
