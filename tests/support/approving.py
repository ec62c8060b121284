"""People at the desk, without a browser."""

from __future__ import annotations

from safeconduct.approvals.answers import Answer, Approver, NotProven, Proof
from safeconduct.approvals.desk import Desk
from safeconduct.approvals.questions import Question
from safeconduct.ports import JSON


class Signs:
    """Believes who repeats the challenge, and keeps what a passkey's answer leaves on record.
    `once`: what shows it is used up, as the token of a sign-in is.
    """

    def __init__(self, *, device_bound: bool = False, once: bool = False) -> None:
        self.device_bound = device_bound
        self.once = once

    async def verify(
        self, approver: Approver, challenge: bytes, evidence: JSON, now_ms: int
    ) -> Proof:
        if evidence.get("signed") != challenge.hex():
            raise NotProven("not signed")
        consumes = (f"signed:{challenge.hex()}",) if self.once else ()
        return Proof(kept={"by": approver.user}, device_bound=self.device_bound, consumes=consumes)


async def say(desk: Desk, approval: str, who: Approver, answer: Answer) -> Question:
    """Somebody says this, and signs it."""
    _, signed = desk.challenge(approval, who, answer)
    return await desk.answer(approval, who, answer, {"signed": signed.hex()})
