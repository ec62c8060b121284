"""What can be wrong with a log, in closed lists of words."""

from __future__ import annotations

from typing import Literal

from safeconduct.ports import LedgerFault

Damage = Literal[
    "truncated",  # records are missing from the end
    "edited",  # bytes are not those that were written
    "forked",  # two different trees are claimed for one size
]

Fault = (
    Literal[
        "busy",  # the log is already open, in this process or another
        "closed",  # the log was closed
        "foreign",  # the directory holds the log of another origin
        "full",  # no space left: nothing was written, and a later append may succeed
        "io",  # the disk failed, or a file was removed, replaced or changed behind the log's back
        "projection",  # the state derived from the log failed
        "unsafe",  # others may write to the directory
    ]
    | Damage
)


class LogFault(LedgerFault):
    """The log refuses: `code` says which kind of fault it is, `sentence` what to look at.

    After any fault but "full" and a "projection" that was rolled back, the log refuses everything
    until it is opened again.
    """

    def __init__(self, code: Fault, sentence: str) -> None:
        super().__init__(sentence)
        self.code: Fault = code
        self.sentence = sentence


class Damaged(Exception):
    """The files of a log contradict themselves; `seq` is the first record that is not proven."""

    def __init__(self, code: Damage, sentence: str, seq: int | None = None) -> None:
        super().__init__(sentence)
        self.code: Damage = code
        self.sentence = sentence
        self.seq = seq
