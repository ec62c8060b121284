"""Who is told of which question: those who are asked, by every way that is for them."""

from __future__ import annotations

from collections.abc import Callable, Collection
from typing import Final

import msgspec

from safeconduct.approvals.answers import Approver
from safeconduct.approvals.desk import Desk
from safeconduct.approvals.notifying.notice import Choice, Settled, notice
from safeconduct.approvals.notifying.notifier import Notifier
from safeconduct.approvals.questions import Question

_FINAL: Final[dict[str, Choice]] = {
    "granted": "granted",
    "narrowed": "narrowed",
    "elevated": "elevated",
    "denied": "denied",
}

Persons = Callable[[str], Approver | None]
"""Who somebody is by their user id, if they may say yes to anything at all."""


class Way(msgspec.Struct, frozen=True):
    """A notifier, and the groups whose questions it tells of; none: all questions."""

    notifier: Notifier
    groups: Collection[str] = ()

    def concerns(self, question: Question) -> bool:
        """Whether anybody is told of this question so."""
        asked = {one.who for one in question.requirement.parties}
        return not self.groups or not asked.isdisjoint(self.groups)


class Telling:
    """Hears of questions and answers at the desk."""

    def __init__(self, desk: Desk, ways: Collection[Way], persons: Persons, console: str) -> None:
        """`console` is the URL of the pages, to which every notice leads."""
        self._desk = desk
        self._ways = ways
        self._persons = persons
        self._console = console
        desk.heard.append(self._asked)
        desk.settled.append(self._settled)

    def _asked(self, question: Question) -> None:
        told = notice(question, self._console)

        def concerned(user: str) -> bool:
            person = self._persons(user)
            return person is not None and self._desk.sees(person, question)

        for one in self._ways:
            if one.concerns(question):
                one.notifier.tell(told, concerned)

    def _settled(self, question: Question, phase: str, by: str) -> None:
        told = notice(question, self._console)
        for one in self._ways:
            if one.concerns(question):
                one.notifier.settle(told, Settled(_FINAL[phase], by))
