"""How much work it may be to look at something. It is counted and not timed, so that the same text
ends in the same way on every machine and under any load.

A unit is about a microsecond of one processor. Whoever looks says what it takes as it goes along;
whoever has it look says how much there is. Where nobody does, there is no bound.
"""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Final

from safeconduct.core.findings import UNINSPECTED, Unexamined

AT_ONCE: Final = 200_000
"""How much nobody else waits for noticeably, in an event loop."""

MOST: Final = 6_000_000
"""How much one value may take in all."""


class TooMuch(Unexamined):
    """It takes more work than there is. What was found until then is not all."""

    def __init__(self) -> None:
        super().__init__(UNINSPECTED, "it takes too long to look at")


class Work:
    """How much is left."""

    __slots__ = ("left",)

    def __init__(self, units: int) -> None:
        self.left = units


_spending: ContextVar[Work | None] = ContextVar("work", default=None)


@contextmanager
def bounded_by(work: Work) -> Generator[None]:
    """What is spent while this lasts is spent of this work."""
    token = _spending.set(work)
    try:
        yield
    finally:
        _spending.reset(token)


def spend(units: int) -> None:
    """Says what was, or will be, done. Raises TooMuch: there was not so much left."""
    work = _spending.get()
    if work is not None:
        work.left -= units
        if work.left < 0:
            raise TooMuch
