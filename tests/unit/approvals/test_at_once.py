"""Answers that come at once, over real rooms: what is put on record first counts, and nothing else
does.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import pytest

from safeconduct.app.notifying import approver
from safeconduct.approvals.answers import Answer, Approver, NotProven, Proof
from safeconduct.approvals.bypassing import Wanted
from safeconduct.approvals.desk import NoSuchQuestion
from safeconduct.approvals.questions import Question
from safeconduct.ports import JSON
from tests.support.approving import Signs, say
from tests.support.authenticator import Authenticator
from tests.support.consoling import KIM, LEE, House

YES: Final = Answer(choice="granted", means="passkey")
NO: Final = Answer(choice="denied", means="passkey")
Says = Callable[["Hall", str], Awaitable[Question]]


class Hall(House):
    """Two people, and a terminal that counts."""

    def __init__(self, directory: Path, count: int = 1) -> None:
        approvals: JSON = {
            "templates": {"scope": {"ask": "desk", "count": count}},
            "unsafe_terminal": True,
            "bypass_minutes": 10,
        }
        super().__init__(directory, approvals=approvals)
        self.desk = self.rooms.desk

    def person(self, user: str) -> Approver:
        found = approver(self.rooms, user)
        assert found is not None
        return found


def yes(hall: Hall, question: str) -> Awaitable[Question]:
    return say(hall.desk, question, hall.person(KIM), YES)


def no(hall: Hall, question: str) -> Awaitable[Question]:
    return hall.desk.answer(question, hall.person(LEE), NO)


def terminal_yes(hall: Hall, question: str) -> Awaitable[Question]:
    return hall.desk.operate(question, granted=True, by="uid:0")


def terminal_no(hall: Hall, question: str) -> Awaitable[Question]:
    return hall.desk.operate(question, granted=False, by="uid:0")


@pytest.mark.parametrize("second", [yes, no, terminal_yes, terminal_no])
@pytest.mark.parametrize("first", [yes, no, terminal_yes, terminal_no])
async def test_of_two_answers_at_once_one_counts(tmp_path: Path, first: Says, second: Says) -> None:
    hall = Hall(tmp_path)
    hall.desk.verifiers = {"passkey": Signs()}
    question = (await hall.asked()).id
    results = await asyncio.gather(
        first(hall, question), second(hall, question), return_exceptions=True
    )
    assert {type(one) for one in results} == {NoSuchQuestion, Question}
    assert len(hall.phases) == 2
    assert hall.desk.pending() == []
    refused = {"granted": None, "denied": "approval-denied"}[hall.phases[1]]
    assert (await hall.call()).reason == refused


@pytest.mark.parametrize("stop", [no, terminal_no])
@pytest.mark.parametrize("earlier", [True, False])
async def test_a_no_ends_it_whoever_was_saying_yes(
    tmp_path: Path, stop: Says, *, earlier: bool
) -> None:
    hall = Hall(tmp_path, count=2)
    hall.desk.verifiers = {"passkey": Signs()}
    question = (await hall.asked()).id
    both = [stop(hall, question), yes(hall, question)]
    await asyncio.gather(*(both if earlier else reversed(both)), return_exceptions=True)
    assert hall.phases[-1] == "denied"
    assert hall.desk.pending() == []
    assert (await hall.call()).reason == "approval-denied"


class Loses:
    """Verifies as the passkeys do, and then the passkey is removed at once."""

    def __init__(self, hall: Hall) -> None:
        self._hall = hall

    async def verify(
        self, approver: Approver, challenge: bytes, evidence: JSON, now_ms: int
    ) -> Proof:
        proof = await self._hall.passkeys.verify(approver, challenge, evidence, now_ms)
        await self._hall.passkeys.remove(approver.user, proof.kept["credential"], by="sign-in")
        return proof


def sign(hall: Hall, key: Authenticator, who: Approver, challenge: bytes) -> JSON:
    """What the browser of this person answers."""
    signed: JSON = json.loads(json.dumps(key.sign(hall.passkeys.options(who, challenge))))
    return signed


async def test_what_a_passkey_signed_that_was_removed_meanwhile_is_nothing(tmp_path: Path) -> None:
    hall = Hall(tmp_path)
    key, kim = await hall.key(await hall.signed_in(KIM)), hall.person(KIM)
    hall.desk.verifiers = {"passkey": Loses(hall)}
    question = (await hall.asked()).id
    _, challenge = hall.desk.challenge(question, kim, YES)
    with pytest.raises(NotProven, match="removed just now"):
        await hall.desk.answer(question, kim, YES, sign(hall, key, kim, challenge))
    assert hall.phases == ["requested"]
    assert (await hall.call()).reason == "approval-required"


async def test_nor_is_a_bypass_that_it_signed(tmp_path: Path) -> None:
    hall = Hall(tmp_path)
    key, kim = await hall.key(await hall.signed_in(KIM)), hall.person(KIM)
    hall.desk.verifiers = {"passkey": Loses(hall)}
    wanted = Wanted(template="scope", minutes=5, why="the desk is on fire")
    challenge = hall.rooms.bypasses.challenge(kim, wanted)
    with pytest.raises(NotProven, match="removed just now"):
        await hall.rooms.bypasses.give(kim, wanted, sign(hall, key, kim, challenge))
    assert hall.records("bypass") == []
    assert (await hall.call()).reason == "approval-required"
