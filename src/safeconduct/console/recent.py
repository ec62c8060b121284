"""What was answered lately: a person sees whether the same was asked, and agreed to, before."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from safeconduct.approvals.questions import Question

KEPT: Final = 200
"""How many answers are kept; the oldest make room. A restart forgets all."""

SHOWN: Final = 5


class Answered(msgspec.Struct, frozen=True):
    """An answer that somebody gave."""

    question: Question
    choice: str
    by: str
    at_ms: int


class Recent:
    """The last answers."""

    def __init__(self, clock_ms: Callable[[], int]) -> None:
        self._clock_ms = clock_ms
        self._kept: deque[Answered] = deque(maxlen=KEPT)

    def note(self, question: Question, choice: str, by: str) -> None:
        """Keeps one."""
        self._kept.append(Answered(question, choice, by, self._clock_ms()))

    def like(self, question: Question, sees: Callable[[Question], bool]) -> list[Answered]:
        """Answers about the same tool and agent, the newest first, of those that this person could
        see when they were asked.
        """
        found = [
            one
            for one in reversed(self._kept)
            if one.question.shown["tool"] == question.shown["tool"]
            and one.question.shown["agent"] == question.shown["agent"]
            and sees(one.question)
        ]
        return found[:SHOWN]
