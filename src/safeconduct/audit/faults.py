"""What can be wrong with a log, in closed lists of words."""

from __future__ import annotations

from typing import Literal

from safeconduct.audit.damage import Damage, Damaged
from safeconduct.ports import LedgerFault

__all__ = ["Damage", "Damaged", "Fault", "LogFault"]

Fault = (
    Literal[
        "busy",  # the log is already open, in this process or another
        "closed",  # the log was closed
        "foreign",  # the directory holds the log of another origin
        "full",  # no space left: nothing was written, and a later append may succeed
        "keys",  # the keystore, without which nothing is sealed, cannot be used
        "io",  # the disk failed, or a file was removed, replaced or changed behind the log's back
        "projection",  # the state derived from the log failed
        "unsafe",  # others may write to the directory, or read the key
        "unsigned",  # no checkpoint could be signed for a minute: refused until one is
    ]
    | Damage
)


class LogFault(LedgerFault):
    """The log refuses: `code` says which kind of fault it is, `sentence` what to look at.

    After any fault but "full", "unsigned" and a "projection" that was rolled back, the log refuses
    everything until it is opened again.
    """

    def __init__(self, code: Fault, sentence: str) -> None:
        super().__init__(sentence)
        self.code: Fault = code
        self.sentence = sentence
