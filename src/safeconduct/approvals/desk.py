"""The desk: what waits for a person's yes, shown byte for byte, answered once.

The desk alone judges who may answer what, and by which means: pages, messages and terminals only
carry. The log holds digests and sealed text, so what is asked is kept here, in memory, for as long
as it stands. After a restart the agent asks again.
"""

from __future__ import annotations

import asyncio
import secrets
from collections import OrderedDict
from collections.abc import Callable, Mapping
from typing import Final
from weakref import WeakValueDictionary

import msgspec

from safeconduct.approvals.agreeing import Said, agreed_to
from safeconduct.approvals.answers import (
    MAX_SAID,
    REMOVED,
    TERMINAL,
    USED,
    Answer,
    Approver,
    NotProven,
    NotYours,
    Proof,
    Verifier,
    challenge,
)
from safeconduct.approvals.members import Members, asked_of, groups, speaks_for
from safeconduct.approvals.questions import Question
from safeconduct.approvals.shown import shown
from safeconduct.core.approvers import USER, Means, Party
from safeconduct.core.canonical import digest
from safeconduct.core.elevation import MAX_ELEVATIONS
from safeconduct.core.model import Call, Facts
from safeconduct.core.tokens import concealed
from safeconduct.core.verdict import Requirement
from safeconduct.ports import JSON, Ledger, LedgerConflict, Replied

MAX_PENDING: Final = 500
MAX_PENDING_OF: Final[Mapping[str, int]] = {"task": 10, "agent": 50, "user": 100}
"""How many questions may stand at once, in all, and of one task, of one agent and for one user: a
person must be able to see them, and none must hide another's."""

MAX_SHOWN: Final = 16_384
"""How many bytes of arguments a person is asked to read."""

MAX_REPLIES: Final = 1_000
"""How many answers are remembered for the agents that come back for them."""

CHALLENGE_MS: Final = 120_000
"""For how long a challenge may be signed."""


class NoSuchQuestion(LookupError):
    """Nobody asks this, or not any more."""


class NoSuchElevation(LookupError):
    """Nobody was given this, or it has ended."""


class _Asked(msgspec.Struct, frozen=True):
    """A challenge that somebody was given for one answer."""

    nonce: str
    answer: str
    until_ms: int


class Desk:
    """Questions and answers (`safeconduct.ports.Desk`)."""

    def __init__(
        self,
        ledger: Ledger,
        clock_ms: Callable[[], int],
        new_id: Callable[[str], str],
        *,
        members: Members | None = None,
        terminal: bool = False,
    ) -> None:
        """`members` tells whether somebody is in a group of approvers. `terminal`: whoever opens
        the operator socket may say yes.
        """
        self._ledger = ledger
        self._clock_ms = clock_ms
        self._new_id = new_id
        self._members = members or groups({})
        self.terminal = terminal
        self._questions: dict[str, Question] = {}
        self._challenges: dict[tuple[str, str], _Asked] = {}
        self._replies: OrderedDict[str, Replied] = OrderedDict()
        # A lock lives as long as somebody holds it or waits for it.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self.verifiers: Mapping[Means, Verifier] = {}
        self.heard: list[Callable[[Question], None]] = []
        # By question and user, what a device of theirs shows while it asks.
        self.codes: dict[tuple[str, str], str] = {}
        self.settled: list[Callable[[Question, str, str], None]] = []

    # --- questions --------------------------------------------------------------------------------

    def hold(
        self, approval: str, call: Call, facts: Facts, requirement: Requirement
    ) -> JSON | None:
        """Keeps a question until it is answered or its time is up, and says what is shown of it;
        None when it is too much.
        """
        self._questions = {one.id: one for one in self.pending()}
        if len(self._questions) >= MAX_PENDING or call.size > MAX_SHOWN:
            return None
        seen = shown(approval, call, facts, requirement)
        for whose, most in MAX_PENDING_OF.items():
            if sum(one.shown[whose] == seen[whose] for one in self._questions.values()) >= most:
                return None
        self._questions[approval] = Question(
            shown=seen,
            digest=digest(seen),
            call=call,
            manifest=facts.gathered.tool.manifest,
            requirement=requirement,
            expires_ms=seen["expires_ms"],
        )
        return seen

    def asked(self, approval: str) -> None:
        """The question is on record: those who are to answer can be told."""
        for heard in self.heard:
            heard(self._questions[approval])

    def withdraw(self, approval: str | None) -> None:
        """Forgets a question that did not come to be asked."""
        self._questions.pop(approval or "", None)

    def holds(self, approval: str) -> bool:
        """Whether a person can still see and answer this question."""
        question = self._questions.get(approval)
        return question is not None and self._clock_ms() < question.expires_ms

    def pending(self) -> list[Question]:
        """Every question that stands, the oldest first."""
        return [one for one in self._questions.values() if self.holds(one.id)]

    def question(self, approval: str) -> Question:
        """One question. Raises NoSuchQuestion."""
        if not self.holds(approval):
            raise NoSuchQuestion(approval)
        return self._questions[approval]

    def asks_user(self, approval: str) -> bool:
        """Whether the delegating user is one of those who have still to say yes."""
        return self.holds(approval) and any(
            one.who == USER for one in self._questions[approval].missing()
        )

    def replied(self, approval: str) -> Replied:
        """What the agent gets with a refusal that an approver gave."""
        return self._replies.get(approval, Replied())

    # --- who may answer ---------------------------------------------------------------------------

    def sees(self, approver: Approver, question: Question) -> bool:
        """Whether this person is one of those who are asked."""
        return asked_of(approver, question, self._members)

    def party(self, approver: Approver, question: Question) -> Party:
        """For whom this person would say yes now. Raises NotYours."""
        return speaks_for(approver, question, self._members)

    # --- answers ----------------------------------------------------------------------------------

    def challenge(self, approval: str, approver: Approver, answer: Answer) -> tuple[str, bytes]:
        """A nonce and what has to be signed so that this answer counts; the last one given counts.

        Raises NoSuchQuestion, NotYours.
        """
        question = self.question(approval)
        party = self.party(approver, question)
        if answer.means not in party.means:
            raise NotYours("A yes to this has to be given in another way.")
        to = agreed_to(question, answer)
        nonce = secrets.token_urlsafe(24)
        until_ms = self._clock_ms() + CHALLENGE_MS
        now_ms = self._clock_ms()
        self._challenges = {
            key: one for key, one in self._challenges.items() if one.until_ms > now_ms
        }
        self._challenges[approval, approver.user] = _Asked(nonce, _words(answer), until_ms)
        return nonce, challenge(question.shown, question.digest, answer.choice, to, approver, nonce)

    async def answer(
        self, approval: str, approver: Approver, answer: Answer, evidence: JSON | None = None
    ) -> Question:
        """Takes a person's answer and records it: a no from anybody who is asked, a yes that is
        proven. It counts once all have said it who have to.

        Raises:
            NoSuchQuestion: not asked, answered already, or too late.
            NotYours, NotProven: it does not count; nothing was recorded.
            LedgerFault: the answer could not be recorded, so it does not count.
        """
        question = self.question(approval)
        if answer.choice == "denied":
            if not self.sees(approver, question):
                raise NotYours("You are not one of those who are asked.")
            return await self._record(question, approver.user, answer, None, None)
        party = self.party(approver, question)
        to = agreed_to(question, answer)
        asked = self._challenges.pop((approval, approver.user), None)
        verifier = self.verifiers.get(answer.means) if answer.means in party.means else None
        if asked is None or verifier is None or asked.answer != _words(answer):
            raise NotProven("This was not what you were asked to confirm. Look at it again.")
        if self._clock_ms() >= asked.until_ms:
            raise NotProven("That took too long. Look at it again.")
        signed = challenge(
            question.shown, question.digest, answer.choice, to, approver, asked.nonce
        )
        proof = await verifier.verify(approver, signed, evidence or {}, self._clock_ms())
        if party.keys == "device-bound" and not proof.device_bound:
            raise NotProven("This needs a passkey that cannot leave the device it was made on.")
        kept: JSON = {**proof.kept, "nonce": asked.nonce}
        proof = msgspec.structs.replace(proof, kept=kept)
        # Meanwhile others may have answered.
        async with self._turns.setdefault(approval, asyncio.Lock()):
            question = self.question(approval)
            if msgspec.structs.replace(self.party(approver, question), count=party.count) != party:
                # What was proven may be less than another party wants.
                raise NotYours("Somebody else has answered meanwhile: look at it again.")
            return await self._record(question, approver.user, answer, proof, party)

    async def operate(self, approval: str, *, granted: bool, by: str, said: str = "") -> Question:
        """An answer by whoever can open the operator socket, and what a no says to the agent.
        Raises as `answer` does.
        """
        question = self.question(approval)
        if not granted:
            answer = Answer(choice="denied", means=TERMINAL, said=said)
            return await self._record(question, by, answer, None, None)
        if not self.terminal:
            raise NotYours(
                "A yes needs the approver's passkey: `safeconduct approvals approve` opens the page"
            )
        answer = Answer(choice="granted", means=TERMINAL)
        return await self._record(question, by, answer, Proof(kept={}), None)

    async def end(self, elevation: str, task: str, tenant: str, by: str) -> None:
        """Ends an elevation before its time: no call rests on it from now on.

        Raises NoSuchElevation; LedgerFault.
        """
        try:
            await self._ledger.append(
                {
                    "kind": "elevation",
                    "phase": "ended",
                    "elevation": elevation,
                    "task": task,
                    "tenant": tenant,
                    "by": by,
                    "at_ms": self._clock_ms(),
                }
            )
        except LedgerConflict:
            raise NoSuchElevation(elevation) from None

    async def _record(
        self,
        question: Question,
        by: str,
        answer: Answer,
        proof: Proof | None,
        party: Party | None,
    ) -> Question:
        """Puts an answer on record, where it is judged once more: of two that come at once, the
        second finds that the question does not wait for it any more.
        """
        said = Said(by=by, answer=answer, proof=proof, party=party, at_ms=self._clock_ms())
        question, records = said.recorded(question, self._new_id)
        approval, phase = question.id, records[0]["phase"]
        try:
            await self._ledger.append(*records)
        except LedgerConflict as conflict:
            if conflict.reason == "elevation":
                raise NotYours(
                    f"A task can be given {MAX_ELEVATIONS} elevations at most."
                ) from None
            if conflict.reason == "passkey":
                raise NotProven(REMOVED) from None
            if conflict.reason == "consumed":
                raise NotProven(USED) from None
            raise NoSuchQuestion(approval) from None
        if phase == "agreed":
            # A no may have come meanwhile.
            if approval in self._questions:
                self._questions[approval] = question
            return question
        self._questions.pop(approval, None)
        self._reply(question, answer)
        for settled in self.settled:
            settled(question, phase, by)
        return question

    def _reply(self, question: Question, answer: Answer) -> None:
        """Keeps what the agent gets to hear."""
        if answer.choice in ("denied", "narrowed"):
            less = concealed(answer.arguments or {}, question.call.revealed)
            given = less if answer.choice == "narrowed" else None
            self._replies[question.id] = Replied(said=answer.said[:MAX_SAID], arguments=given)
            while len(self._replies) > MAX_REPLIES:
                self._replies.popitem(last=False)


def _words(answer: Answer) -> str:
    """What an answer says, so that another one is told from it."""
    return digest([answer.choice, answer.means, answer.arguments])
