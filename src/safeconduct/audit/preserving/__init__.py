"""Copies of the log that nobody can change, whoever owns this machine: write once, read many."""

from __future__ import annotations

from typing import Protocol


class Altered(Exception):
    """What was preserved under a name is not what the log has under it now."""


class NotPreserved(Exception):
    """It could not be put where nobody can change it; the sentence says what to do."""


class Store(Protocol):
    """A place where what was put stays as it is."""

    def names(self) -> frozenset[str]:
        """What is there. Raises NotPreserved."""
        ...

    def put(self, name: str, data: bytes) -> None:
        """Puts what is to stay under a name that is new. Raises NotPreserved, OSError."""
        ...

    def read(self, name: str) -> bytes:
        """What is there. Raises NotPreserved, OSError."""
        ...

    def point(self, name: str, data: bytes) -> None:
        """Puts, also in the place of what said less, and locks it no less. Raises NotPreserved,
        OSError.
        """
        ...
