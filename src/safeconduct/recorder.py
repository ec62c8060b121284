"""Steps 5, 10 and 11 as they reach the log: what was decided, remembered and came of it.

Nothing may be done that depends on a record before the log has it, so each of these waits for the
log, and says by an exception what may not go on.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter_ns
from typing import Final

import msgspec

from safeconduct.copies import Copies
from safeconduct.core.admit import NOT_KEPT, Admitted
from safeconduct.core.asks import INPUT_REQUIRED
from safeconduct.core.canonical import digest
from safeconduct.core.checks.elevation import ANSWERED
from safeconduct.core.evidence import documents, found_in, needles, prompted, sampled
from safeconduct.core.findings import Unexamined
from safeconduct.core.keeping import kept
from safeconduct.core.labels import BOTTOM, Label
from safeconduct.core.loops import LOOP_STOPPED
from safeconduct.core.masks import Mask, unkept
from safeconduct.core.model import Call, Facts, Gathered
from safeconduct.core.record import (
    approval_request,
    decision_record,
    memory_records,
    outcome_record,
    prints_record,
)
from safeconduct.core.recorded_input import parted
from safeconduct.core.verdict import Decision, Deny, Elevate, Permit
from safeconduct.core.writing import created, objects_named, written, written_records
from safeconduct.ports import (
    JSON,
    About,
    Desk,
    Ledger,
    LedgerConflict,
    LedgerFault,
    NotRecorded,
    PayloadOf,
    Refused,
    Replied,
    Sealed,
    Sealer,
)

MAX_TASKS: Final = 256
"""Of how many tasks it is known which texts they were given."""

MAX_TEXTS: Final = 64
"""How many texts of one task are known, the newest."""

EXHAUSTED: Final = "refusals-exhausted"
_MANY: Final = {"loop": LOOP_STOPPED, "refusals": EXHAUSTED}
"""What a task answers to one more refusal, by what its state says of that."""

MAX_CONTAINED: Final = 32
MAX_MODEL: Final = 128
"""How many decisions, and how many characters of a model's name, a record holds."""


class Made(msgspec.Struct, frozen=True, kw_only=True):
    """A decision that is on record. `approval` is the question that waits for a person, if any,
    `masks` what is not kept of its result, and `begun_ns` when it was recorded, by a clock of its
    own.
    """

    id: str
    call: Call
    gathered: Gathered
    decision: Decision
    approval: str | None = None
    masks: tuple[Mask, ...] | None = None
    begun_ns: int = 0


class Recorder:
    """Writes records, and waits until they are durable.

    Everything here raises NotRecorded when the log is not available.
    """

    def __init__(
        self,
        ledger: Ledger,
        sealer: Sealer,
        desk: Desk,
        clock_ms: Callable[[], int],
        new_id: Callable[[str], str],
        mask_key: bytes,
        copies: Copies,
    ) -> None:
        """`mask_key` is what records hash masked values with."""
        self._ledger = ledger
        self._sealer = sealer
        self._masks: tuple[Mask, ...] | None = None
        self._given: OrderedDict[str, OrderedDict[str, str]] = OrderedDict()
        self._desk = desk
        self._clock_ms = clock_ms
        self._new_id = new_id
        self._mask_key = mask_key
        self._copies = copies

    async def decided(
        self, call: Call, gathered: Gathered, facts: Facts | None, decision: Decision
    ) -> Made | None:
        """Step 5: the decision, and what it reserves or asks, in one step.

        None when the task's state moved on since the facts were gathered: nothing was written.
        """
        if facts is not None:
            self._masks = facts.policy.masks
        made = self._made(call, gathered, decision)
        question: JSON | None = None
        if isinstance(decision.verdict, Elevate) and facts is not None:
            made, question = self._asked(made, facts, decision.verdict)
        if isinstance(decision.verdict, Deny) and decision.verdict.code in ANSWERED:
            # What a person answered comes with the refusal.
            approval = None if facts is None else facts.approval
            made = msgspec.structs.replace(made, approval=approval and approval.id)
        record = decision_record(made.id, call, gathered, facts, made.decision, self._mask_key)
        try:
            record = self._with_payload(made, record)
            more = self._written(made, facts) if question is None else [question]
            await self._append(record, *more)
        except LedgerConflict as conflict:
            if question is not None:
                self._desk.withdraw(made.approval)
            # A refusal that is one too many is the same however often it is decided again: the
            # checks before the budget end it before anybody asks how many there were.
            many = _MANY.get(conflict.reason) if isinstance(decision.verdict, Deny) else None
            return None if many is None else await self._one_too_many(call, gathered, many)
        except asyncio.CancelledError:
            # The log takes what it was given even when nobody waits for it any more; where it did
            # not take the decision it does not take an outcome either.
            if isinstance(decision.verdict, Permit):
                with suppress(LedgerConflict):
                    await asyncio.shield(self.ended(made, "cancelled", "cancelled"))
            raise
        except ValueError:  # too large, or without exact bytes
            self._desk.withdraw(made.approval)
            return await self.refused(call, gathered, "record-too-large")
        if question is not None and made.approval is not None:
            self._desk.asked(made.approval)
        return made

    async def refused(self, call: Call, gathered: Gathered, code: str) -> Made:
        """Records a refusal that no check pronounced."""
        decision = Decision(Deny(code), ())
        made = self._made(call, gathered, decision)
        record = decision_record(made.id, call, gathered, None, decision)
        await self._append(self._with_payload(made, record))
        return made

    async def _one_too_many(self, call: Call, gathered: Gathered, code: str) -> Made:
        try:
            return await self.refused(call, gathered, code)
        except LedgerConflict:
            return await self.refused(call, gathered, EXHAUSTED)

    def replied(self, made: Made) -> Replied:
        """What an approver said to the agent whose call they refused."""
        answered = isinstance(made.decision.verdict, Deny) and made.approval is not None
        return self._desk.replied(made.approval or "") if answered else Replied()

    def forget_masks(self) -> None:
        """Other rules judge from now on: what may be kept is known when they have spoken."""
        self._masks = None

    def _made(self, call: Call, gathered: Gathered, decision: Decision) -> Made:
        return Made(
            id=self._new_id("d"),
            call=call,
            gathered=gathered,
            decision=decision,
            masks=self._masks,
            begun_ns=perf_counter_ns(),
        )

    def _asked(self, made: Made, facts: Facts, elevate: Elevate) -> tuple[Made, JSON | None]:
        """The decision with the question it asks, and the record of a question that is new.

        A question that no person could be shown is a refusal.
        """
        standing = facts.approval
        if standing is not None and standing.state == "pending" and self._desk.holds(standing.id):
            return msgspec.structs.replace(made, approval=standing.id), None
        approval = self._new_id("a")
        shown = self._desk.hold(approval, made.call, facts, elevate.requirement)
        if shown is None:
            decision = Decision(Deny("desk-full"), made.decision.answers)
            return msgspec.structs.replace(made, decision=decision), None
        asked = approval_request(approval, made.id, made.call, made.gathered, elevate)
        asked["shown"] = digest(shown)
        asked["payload"], _ = self._sealed(made, "approval", {"shown": shown}, {})
        return msgspec.structs.replace(made, approval=approval), asked

    async def remembered(self, made: Made, admitted: Admitted) -> None:
        """Step 10 of a stream: labels are durable before its first byte."""
        prints = await self._prints(made, admitted)
        await self._append(*self._memory(made, admitted), *prints)

    async def done(self, made: Made, admitted: Admitted, *, known: bool) -> None:
        """Steps 10 and 11 of a call that came to a result, in one flush.

        `known`: the task remembers all of it already.
        """
        memory = await self._prints(made, admitted)
        memory += [] if known else self._memory(made, admitted)
        if made.gathered.tool.effect.changes_state:
            objects = created(made.gathered.tool, admitted.read)
            memory += self._wrote(made, [], objects)
        result = admitted.result
        sealed, model = self._sealed(made, "outcome", {"result": result}, prompted(result))
        await self._append(*memory, self._came(made, admitted, sealed, model))
        self._remember_texts(made, result)

    async def quarantined(self, made: Made, withheld: Admitted, reason: str) -> Refused:
        """Step 11 of a call whose result is sealed, and withheld from the agent for a reason. What
        a person cannot release, as not all of it is kept, has another.

        A finding makes nothing laxer: of whatever it was that spoke to the agent, the task counts
        as having read it. Nothing in it vouches, and nothing of it can be told.
        """
        prompt = prompted(withheld.result)
        sealed, said = self._sealed(made, "outcome", {"result": withheld.result}, prompt)
        if sealed.whole:  # else more of it would have what must not be kept
            more, _ = self._sealed(made, "outcome", kept(withheld), prompt)
            sealed = more if more.whole else sealed
            reason = reason if more.whole else NOT_KEPT
        else:
            reason = NOT_KEPT
        memory = self._read(made, Label(integrity=withheld.label.integrity))
        try:
            await self._append(*memory, self._came(made, withheld, sealed, said, reason))
        except LedgerConflict:  # the state has no room for it
            reason = NOT_KEPT
            await self._append(*memory, self._came(made, withheld, sealed, said, reason))
        return self._refused(made, reason, happened=True)

    async def passed(self, made: Made) -> None:
        """The outcome of a reply that an upstream is about to get."""
        await self._append(self._outcome(made, "ok", may_have_happened=True))

    async def handed_over(self, made: Made, label: Label) -> None:
        """Steps 10 and 11 of a call that another enforcement point makes: nobody here will see what
        comes of it, and the task is taken to know what brings this label.
        """
        memory = self._read(made, label)
        await self._append(*memory, self._outcome(made, "handed-over", may_have_happened=True))

    async def ended(
        self,
        made: Made,
        reason: str,
        status: str = "refused",
        *,
        happened: bool = False,
        unread: Unexamined | None = None,
    ) -> Refused:
        """Step 11 of a call that ended without a result; `unread` could not be looked at in it."""
        seen = {} if unread is None else {"findings": [unread.kind], "unread": unread.why}
        outcome = self._outcome(made, status, reason=reason, may_have_happened=happened, seen=seen)
        await self._append(outcome)
        return self._refused(made, reason, happened=happened)

    def _refused(self, made: Made, reason: str, *, happened: bool) -> Refused:
        may = happened and made.gathered.tool.effect.changes_state
        return Refused(decision=made.id, code=reason, may_have_happened=may)

    def _written(self, made: Made, facts: Facts | None) -> list[JSON]:
        """What a permitted change writes, remembered before it can be read again.

        Raises ValueError: more than can be followed.
        """
        gathered = made.gathered
        permitted = isinstance(made.decision.verdict, Permit)
        if facts is None or not (permitted and gathered.tool.effect.changes_state):
            return []
        values = written(made.call, facts)
        return self._wrote(made, values, objects_named(made.call, gathered.tool))

    def _wrote(self, made: Made, values: list[str], objects: list[str]) -> list[JSON]:
        gathered = made.gathered
        label = gathered.task.labels
        if not (values or (objects and label != BOTTOM)):
            return []
        at_ms, system = self._clock_ms(), gathered.tool.system
        task = gathered.task.id
        return written_records(made.id, task, at_ms, system, values, objects, label)

    async def _prints(self, made: Made, admitted: Admitted) -> list[JSON]:
        """Keeps the fingerprints of a result, and what the log says of it. Raises OSError."""
        now_ms = self._clock_ms()
        memories = await self._copies.remember(made.gathered, admitted, now_ms)
        task = made.gathered.task.id
        return [prints_record(made.id, task, now_ms, memories)] if memories else []

    def _read(self, made: Made, label: Label) -> list[JSON]:
        """What a task remembers of a result that it did not get: its label, and no more."""
        if label <= made.gathered.task.labels:
            return []
        return self._memory(made, Admitted(label=label))

    def _memory(self, made: Made, admitted: Admitted) -> list[JSON]:
        return memory_records(made.id, made.gathered.task.id, self._clock_ms(), admitted)

    def _came(
        self, made: Made, admitted: Admitted, sealed: Sealed, model: JSON, reason: str | None = None
    ) -> JSON:
        """The outcome of a call that came to a result; `reason`: why it is not delivered."""
        seen: JSON = {"bytes": admitted.size, "payload": sealed, **documents(admitted.read)}
        if model:
            seen["model"] = model
        if admitted.findings:
            seen["findings"] = list(admitted.findings)
        return self._outcome(
            made,
            _status(admitted.result) if reason is None else "withheld",
            reason=reason,
            may_have_happened=True,
            result_digest=admitted.digest,
            redacted=admitted.redacted,
            seen=seen,
        )

    def _outcome(
        self,
        made: Made,
        status: str,
        *,
        may_have_happened: bool,
        reason: str | None = None,
        result_digest: str | None = None,
        redacted: int = 0,
        seen: JSON | None = None,
    ) -> JSON:
        took_us = (perf_counter_ns() - made.begun_ns) // 1000
        return outcome_record(
            made.id,
            made.gathered.task.id,
            self._clock_ms(),
            status,
            reason=reason,
            may_have_happened=may_have_happened,
            result_digest=result_digest,
            redacted=redacted,
            seen={"dur_us": took_us} if seen is None else {"dur_us": took_us, **seen},
        )

    def _with_payload(self, made: Made, record: JSON) -> JSON:
        """The record of a decision as it stands in the log, with its payload.

        Raises: NotRecorded; ValueError: the payload is no JSON.
        """
        call = made.call
        record, content = parted(record)
        content["arguments"] = call.arguments
        if call.asked is not None:
            content["asked"] = call.asked
        claimed, parts = sampled(call)
        record["payload"], model = self._sealed(made, "decision", content, parts)
        if claimed is not None:
            model["claimed"] = claimed[:MAX_MODEL]
        if model:
            record["model"] = {**record.get("model", {}), **model}
        for place in unkept(made.masks, "arguments"):
            if place == ("arguments",):
                record.pop("objects", None)
            elif "objects" in record:
                record["objects"].pop(place[-1], None)
        return record

    def _sealed(
        self, made: Made, kind: PayloadOf, content: JSON, parts: JSON
    ) -> tuple[Sealed, JSON]:
        """The payload, and what the record says of the prompt and the completion in it.

        Raises: NotRecorded; ValueError: it is no JSON.
        """
        gathered = made.gathered
        about = About(kind, made.id, gathered.tenant, gathered.user.id, gathered.now_ms)
        member = "arguments" if kind == "decision" else "result"
        try:
            sealed = self._sealer.seal(about, content, unkept(made.masks, member), parts)
        except LedgerFault as fault:
            raise NotRecorded(self._new_id("i")) from fault
        model: JSON = dict(sealed.commits)
        if "prompt" in parts:
            given = self._given.get(gathered.task.id)
            if given and (found := found_in(parts["prompt"], given.items())):
                model["contains"] = found[-MAX_CONTAINED:]
        return sealed, model

    def _remember_texts(self, made: Made, result: JSON) -> None:
        """Which decision gave a task which texts, so that prompts can be linked to them."""
        task = made.gathered.task.id
        given = self._given.setdefault(task, OrderedDict())
        self._given.move_to_end(task)
        for needle in needles(result):
            given[needle] = made.id
            if len(given) > MAX_TEXTS:
                given.popitem(last=False)
        if len(self._given) > MAX_TASKS:
            self._given.popitem(last=False)

    async def _append(self, *records: JSON) -> None:
        try:
            await self._ledger.append(*records)
        except LedgerFault as fault:
            raise NotRecorded(self._new_id("i")) from fault


def _status(result: JSON) -> str:
    if result.get("resultType") == INPUT_REQUIRED:
        return "input-required"
    return "error" if result.get("isError") is True else "ok"
