"""What signs a log's checkpoints, apart from what writes the log.

It believes nobody: it reads the durable bytes itself, and refuses to sign what does not continue
what it signed before. There are two of it, one in this process (`notary`) and one in a process of
its own that alone holds the key (`apart`); design 0017 says why.
"""

from __future__ import annotations

from typing import Protocol

from safeconduct.audit.notes import Key


class Signing(Protocol):
    """A signer of one log. For one thread at a time; all calls block."""

    def start(self) -> Key:
        """Makes it ready to sign, and says what checks its signatures.

        Raises:
            Refused: it will not sign for this log.
            Unavailable: it could not be asked.
        """
        ...

    def sign(self, size: int, *, last: bool = False) -> str:
        """Signs the log's first `size` records, which are durable, and stores the checkpoint.

        After the `last` ones the log is closed: what stands behind them when it is opened again,
        nobody acknowledged. Returns the signed note.

        Raises:
            Refused: they are not a log that goes on from what was signed before. Asked again, it
                refuses again.
            Unavailable: not this time.
        """
        ...

    def close(self) -> None:
        """Lets go of the key."""
        ...


class Refused(Exception):
    """The signer will not sign; `code` is one of `faults.Fault`."""

    def __init__(self, code: str, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence


class Unavailable(Exception):
    """The signer could not sign, and may later."""
