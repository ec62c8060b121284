"""The desk: what waits for a person's yes, shown byte for byte, answered once.

The log holds the digest of the arguments, not their text, so the text is kept here, in memory, for
as long as the question stands. After a restart the agent asks again.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import msgspec

from safeconduct.core.canonical import canonical
from safeconduct.core.model import Call, Gathered
from safeconduct.core.record import label_value
from safeconduct.core.verdict import Requirement
from safeconduct.ports import JSON, Ledger, LedgerConflict

MAX_PENDING: Final = 500
MAX_PENDING_PER_TASK: Final = 10
"""How many questions may stand at once, in all and of one task: a person must be able to see them,
and one agent must not hide another's."""

MAX_SHOWN: Final = 16_384
"""How many bytes of arguments a person is asked to read."""


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """What a person is asked. `arguments` are the exact canonical bytes that would be sent,
    `templates` the names that who asks (`requires`) gave to what is to be judged.
    """

    approval: str
    tool: str
    arguments: str
    digest: str
    agent: str
    user: str
    task: str
    purpose: str
    purpose_source: str
    effect: str
    reversible: bool
    labels: JSON
    requires: tuple[str, ...]
    templates: tuple[str, ...]
    origins: dict[str, tuple[str, ...]]
    asked_ms: int
    expires_ms: int


class NoSuchQuestion(LookupError):
    """Nobody asks this, or not any more."""


class Desk:
    """Questions and answers (`safeconduct.ports.Desk`)."""

    def __init__(self, ledger: Ledger, clock_ms: Callable[[], int]) -> None:
        self._ledger = ledger
        self._clock_ms = clock_ms
        self._questions: dict[str, Question] = {}

    def hold(self, approval: str, call: Call, gathered: Gathered, requirement: Requirement) -> bool:
        """Keeps a question until it is answered or its time is up; False when it is too much."""
        self._questions = {one.approval: one for one in self.pending()}
        same_task = sum(one.task == gathered.task.id for one in self._questions.values())
        if (
            len(self._questions) >= MAX_PENDING
            or same_task >= MAX_PENDING_PER_TASK
            or call.size > MAX_SHOWN
        ):
            return False
        manifest = gathered.tool.manifest
        self._questions[approval] = Question(
            approval=approval,
            tool=call.target,
            arguments=canonical(call.arguments).decode(),
            digest=call.digest,
            agent=gathered.agent.id,
            user=gathered.user.id,
            task=gathered.task.id,
            purpose=gathered.task.purpose,
            purpose_source=gathered.task.purpose_source,
            effect=gathered.tool.effect.value,
            reversible=manifest is not None and manifest.reversible,
            labels=label_value(gathered.task.labels),
            requires=requirement.sources,
            templates=requirement.templates,
            origins=requirement.origins,
            asked_ms=gathered.now_ms,
            expires_ms=gathered.now_ms + requirement.ttl_s * 1000,
        )
        return True

    def withdraw(self, approval: str | None) -> None:
        """Forgets a question that did not come to be asked."""
        self._questions.pop(approval or "", None)

    def holds(self, approval: str) -> bool:
        """Whether a person can still see and answer this question."""
        question = self._questions.get(approval)
        return question is not None and self._clock_ms() < question.expires_ms

    def pending(self) -> list[Question]:
        """Every question that stands, the oldest first."""
        return [one for one in self._questions.values() if self.holds(one.approval)]

    def question(self, approval: str) -> Question:
        """One question. Raises NoSuchQuestion."""
        if not self.holds(approval):
            raise NoSuchQuestion(approval)
        return self._questions[approval]

    async def answer(self, approval: str, *, granted: bool, by: str) -> Question:
        """Records a person's answer; the yes is good for the question's digest, once.

        Raises:
            NoSuchQuestion: not asked, answered already, or too late.
            LedgerFault: the answer could not be recorded, so it does not count.
        """
        question = self.question(approval)
        try:
            await self._ledger.append(
                {
                    "kind": "approval",
                    "phase": "granted" if granted else "denied",
                    "approval": approval,
                    "digest": question.digest,
                    "task": question.task,
                    "by": by,
                    "at_ms": self._clock_ms(),
                }
            )
        except LedgerConflict:
            raise NoSuchQuestion(approval) from None
        self._questions.pop(approval, None)
        return question
