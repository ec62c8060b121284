"""What a yes is to, and what an answer leaves on record."""

from __future__ import annotations

from collections.abc import Callable

import msgspec

from safeconduct.approvals.answers import MAX_SAID, TERMINAL, Answer, NotYours, Proof
from safeconduct.approvals.questions import Question
from safeconduct.core import elevations
from safeconduct.core.approvers import Offer, Party
from safeconduct.core.canonical import NotCanonical, canonical, digest, sha256
from safeconduct.core.narrowing import narrower
from safeconduct.ports import JSON


def agreed_to(question: Question, answer: Answer) -> str:
    """The digest of what a yes is to. Raises NotYours: it may not be given."""
    if answer.choice == "narrowed":
        to = _narrowed(question, answer.arguments or {})
    elif answer.choice == "elevated":
        to = digest(_elevation(question))
    else:
        to = question.call.digest
    if question.to is not None and to != question.to:
        raise NotYours("Somebody has said yes to something else here: agree to that, or deny.")
    return to


def _narrowed(question: Question, arguments: JSON) -> str:
    manifest, call = question.manifest, question.call
    if manifest is None or not narrower(call.arguments, arguments, manifest):
        raise NotYours("Only smaller amounts, or fewer of those who are named, are less.")
    try:
        return sha256(call.covered + canonical(arguments))
    except NotCanonical:
        raise NotYours("These arguments cannot be written down exactly.") from None


def _elevation(question: Question) -> JSON:
    """What an elevation lets the agent do, as its record and its digest have it."""
    offer: Offer | None = question.requirement.offers
    if offer is None or question.manifest is None:
        raise NotYours("No more than this call can be agreed to here.")
    steers, most = elevations.steering(question.call.arguments, question.manifest)
    return {
        "tool": question.call.target,
        "calls": offer.calls,
        "minutes": offer.minutes,
        "open": offer.objects == "any",
        "steers": {name: sorted(values) for name, values in steers.items()},
        "most": most,
    }


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """An answer that counts: by whom, when, with what shows it, and for which party. A no needs no
    proof, and what the terminal says is for everybody.
    """

    by: str
    answer: Answer
    proof: Proof | None
    party: Party | None
    at_ms: int

    def recorded(
        self, question: Question, new_id: Callable[[str], str]
    ) -> tuple[Question, list[JSON]]:
        """The question after it, and what goes on record, the answer first. Raises NotYours."""
        record: JSON = {
            "kind": "approval",
            "phase": self.answer.choice,
            "approval": question.id,
            "digest": question.call.digest,
            "task": question.shown["task"],
            "tenant": question.shown["tenant"],
            "by": self.by,
            "means": self.answer.means,
            "shown": question.digest,
            "at_ms": self.at_ms,
        }
        if self.answer.said:
            record["said"] = self.answer.said[:MAX_SAID]
        if self.proof is None:
            return question, [record]
        call, answer = question.call, self.answer
        to = call.digest if answer.means == TERMINAL else agreed_to(question, answer)
        record |= {"proof": self.proof.kept, "choice": answer.choice, "to": to}
        if self.proof.consumes:
            record["consumes"] = [*self.proof.consumes]
        agreed = question.agreed
        if self.party is not None:
            agreed = (*agreed, (self.by, self.party.who))
            record["for"] = self.party.who
        question = msgspec.structs.replace(
            question, agreed=agreed, to=to, choice=answer.choice, less=answer.arguments
        )
        if self.party is not None and question.missing():
            record["phase"] = "agreed"
        if record["phase"] == "narrowed":
            record |= {"as": new_id("a"), "narrowed": to}
        if record["phase"] == "elevated":
            return question, [record, self._given(question, new_id("e"))]
        return question, [record]

    def _given(self, question: Question, elevation: str) -> JSON:
        """The elevation that follows from a yes to more."""
        value = _elevation(question)
        minutes: int = value.pop("minutes")
        return {
            "kind": "elevation",
            "phase": "granted",
            "elevation": elevation,
            "approval": question.id,
            "task": question.shown["task"],
            "tenant": question.shown["tenant"],
            "by": self.by,
            "at_ms": self.at_ms,
            "until_ms": self.at_ms + minutes * 60_000,
            **value,
        }
