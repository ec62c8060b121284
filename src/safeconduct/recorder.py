"""Steps 5, 10 and 11 as they reach the log: what was decided, remembered and came of it.

Nothing may be done that depends on a record before the log has it, so each of these waits for the
log, and says by an exception what may not go on.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress

import msgspec

from safeconduct.core.admit import Admitted
from safeconduct.core.asks import INPUT_REQUIRED
from safeconduct.core.labels import Label
from safeconduct.core.model import Call, Facts, Gathered
from safeconduct.core.record import (
    approval_request,
    decision_record,
    memory_records,
    outcome_record,
)
from safeconduct.core.recorded_input import without_input
from safeconduct.core.verdict import Decision, Deny, Elevate, Permit
from safeconduct.ports import (
    JSON,
    Desk,
    Ledger,
    LedgerConflict,
    LedgerFault,
    NotRecorded,
    Refused,
)


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that is on record. `approval` is the question that waits for a person, if any."""

    id: str
    call: Call
    gathered: Gathered
    decision: Decision
    approval: str | None = None


class Recorder:
    """Writes records, and waits until they are durable.

    Everything here raises NotRecorded when the log is not available.
    """

    def __init__(
        self,
        ledger: Ledger,
        desk: Desk,
        clock_ms: Callable[[], int],
        new_id: Callable[[str], str],
        mask_key: bytes,
    ) -> None:
        """`mask_key` is what records hash masked values with."""
        self._ledger = ledger
        self._desk = desk
        self._clock_ms = clock_ms
        self._new_id = new_id
        self._mask_key = mask_key

    async def decided(
        self, call: Call, gathered: Gathered, facts: Facts | None, decision: Decision
    ) -> Made | None:
        """Step 5: the decision, and what it reserves or asks, in one step.

        None when the task's state moved on since the facts were gathered: nothing was written.
        """
        made = Made(id=self._new_id("d"), call=call, gathered=gathered, decision=decision)
        question: JSON | None = None
        if isinstance(decision.verdict, Elevate) and facts is not None:
            made, question = self._asked(made, facts, decision.verdict)
        record = decision_record(made.id, call, gathered, facts, made.decision, self._mask_key)
        try:
            await self._append_decision(record, [] if question is None else [question])
        except LedgerConflict:
            if question is not None:
                self._desk.withdraw(made.approval)
            return None
        except asyncio.CancelledError:
            # The log takes what it was given even when nobody waits for it any more; where it did
            # not take the decision it does not take an outcome either.
            if isinstance(decision.verdict, Permit):
                with suppress(LedgerConflict):
                    await asyncio.shield(self.ended(made, "cancelled", "cancelled"))
            raise
        except ValueError:  # too large, or without exact bytes
            return await self.refused(call, gathered, "record-too-large")
        return made

    async def refused(self, call: Call, gathered: Gathered, code: str) -> Made:
        """Records a refusal that no check pronounced."""
        decision = Decision(Deny(code), ())
        made = Made(id=self._new_id("d"), call=call, gathered=gathered, decision=decision)
        await self._append(decision_record(made.id, call, gathered, None, decision))
        return made

    def _asked(self, made: Made, facts: Facts, elevate: Elevate) -> tuple[Made, JSON | None]:
        """The decision with the question it asks, and the record of a question that is new.

        A question that no person could be shown is a refusal.
        """
        standing = facts.approval
        if standing is not None and standing.state == "pending" and self._desk.holds(standing.id):
            return msgspec.structs.replace(made, approval=standing.id), None
        approval = self._new_id("a")
        if not self._desk.hold(approval, made.call, made.gathered, elevate.requirement):
            decision = Decision(Deny("desk-full"), made.decision.answers)
            return msgspec.structs.replace(made, decision=decision), None
        asked = approval_request(approval, made.id, made.call, made.gathered, elevate)
        return msgspec.structs.replace(made, approval=approval), asked

    async def remembered(self, made: Made, admitted: Admitted) -> None:
        """Step 10 of a stream: labels are durable before its first byte."""
        await self._append(*self._memory(made, admitted))

    async def done(self, made: Made, admitted: Admitted, *, known: bool) -> None:
        """Steps 10 and 11 of a call that came to a result, in one flush.

        `known`: the task remembers all of it already.
        """
        memory = [] if known else self._memory(made, admitted)
        outcome = outcome_record(
            made.id,
            made.gathered.task.id,
            self._clock_ms(),
            _status(admitted.result),
            may_have_happened=True,
            result_digest=admitted.digest,
            redacted=admitted.redacted,
        )
        await self._append(*memory, outcome)

    async def passed(self, made: Made) -> None:
        """The outcome of a reply that an upstream is about to get."""
        at_ms = self._clock_ms()
        outcome = outcome_record(
            made.id, made.gathered.task.id, at_ms, "ok", may_have_happened=True
        )
        await self._append(outcome)

    async def handed_over(self, made: Made, label: Label) -> None:
        """Steps 10 and 11 of a call that another enforcement point makes: nobody here will see what
        comes of it, and the task is taken to know what brings this label.
        """
        memory = (
            [] if label <= made.gathered.task.labels else self._memory(made, Admitted(label=label))
        )
        at_ms = self._clock_ms()
        task = made.gathered.task.id
        outcome = outcome_record(made.id, task, at_ms, "handed-over", may_have_happened=True)
        await self._append(*memory, outcome)

    async def ended(
        self, made: Made, reason: str, status: str = "refused", *, happened: bool = False
    ) -> Refused:
        """Step 11 of a call that ended without a result."""
        await self._append(
            outcome_record(
                made.id,
                made.gathered.task.id,
                self._clock_ms(),
                status,
                reason=reason,
                may_have_happened=happened,
            )
        )
        may = happened and made.gathered.tool.effect.changes_state
        return Refused(decision=made.id, code=reason, may_have_happened=may)

    def _memory(self, made: Made, admitted: Admitted) -> list[JSON]:
        return memory_records(made.id, made.gathered.task.id, self._clock_ms(), admitted)

    async def _append_decision(self, record: JSON, questions: list[JSON]) -> None:
        """What resolvers and issuers tell can be more than a record holds: the policy input is for
        replays, and a decision is evidence without it.
        """
        try:
            await self._append(record, *questions)
        except ValueError:
            shorter = without_input(record)
            if shorter is None:
                raise
            await self._append(shorter, *questions)

    async def _append(self, *records: JSON) -> None:
        try:
            await self._ledger.append(*records)
        except LedgerFault as fault:
            raise NotRecorded(self._new_id("i")) from fault


def _status(result: JSON) -> str:
    if result.get("resultType") == INPUT_REQUIRED:
        return "input-required"
    return "error" if result.get("isError") is True else "ok"
