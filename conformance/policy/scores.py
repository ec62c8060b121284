"""What a suite comes to: by group of cases, how many our engine passes."""

from collections.abc import Callable, Iterable
from pathlib import Path

import msgspec


class Score(msgspec.Struct, frozen=True):
    """How many cases came out as the suite says, how many did not, and how many ask for what the
    engine says it cannot do.
    """

    passed: int = 0
    failed: int = 0
    unsupported: int = 0

    def __add__(self, other: "Score") -> "Score":
        return Score(
            self.passed + other.passed,
            self.failed + other.failed,
            self.unsupported + other.unsupported,
        )


Scores = dict[str, Score]
"""By group of cases, in the order in which they are shown."""

Suite = Callable[[Path], Scores]
"""Runs what lies in the directory of vectors. Raises FileNotFoundError where it does not."""


def total(scores: Iterable[Score]) -> Score:
    return sum(scores, Score())
