"""Who may answer: of which parties of a question somebody is, and for which one they speak."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping

from safeconduct.approvals.answers import Approver, NotYours
from safeconduct.approvals.questions import Question
from safeconduct.core.approvers import USER, Party

Members = Callable[[Approver, str], bool]
"""Whether somebody is in a group of approvers."""


def groups(
    known: Mapping[str, tuple[Collection[str], Collection[str]]],
) -> Members:
    """Whether somebody is in a group, by its users and by groups of the entitlements."""

    def member(approver: Approver, group: str) -> bool:
        users, more = known.get(group, ((), ()))
        return approver.user in users or not approver.groups.isdisjoint(more)

    return member


def asked_of(approver: Approver, question: Question, members: Members) -> bool:
    """Whether this person is one of those who are asked."""
    if approver.tenant != question.shown["tenant"]:
        return False
    return any(_is(approver, one, question, members) for one in question.requirement.parties)


def speaks_for(approver: Approver, question: Question, members: Members) -> Party:
    """For whom this person would say yes now. Raises NotYours."""
    if approver.tenant != question.shown["tenant"]:
        raise NotYours("This is asked in another tenant.")
    if any(by == approver.user for by, _ in question.agreed):
        raise NotYours("You have said yes already; somebody else has to, as well.")
    for one in question.missing():
        if _is(approver, one, question, members):
            return one
    if approver.user == question.shown["user"]:
        raise NotYours("This is done for you, and others have to say yes to it.")
    raise NotYours("You are not one of those who are asked.")


def _is(approver: Approver, party: Party, question: Question, members: Members) -> bool:
    own = approver.user == question.shown["user"]
    return own if party.who == USER else not own and members(approver, party.who)
