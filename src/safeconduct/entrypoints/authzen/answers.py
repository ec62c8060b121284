"""What decisions look like on the wire, and how they tell what a permit obliges to."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

import msgspec

from safeconduct.core.reasons import REASONS
from safeconduct.core.verdict import Obligation
from safeconduct.ports import JSON, Refused

OBLIGATIONS: Final = ("custom",)
"""The types of obligations that are told here (Obligations Profile, section 6.4)."""


def permitted(context: JSON) -> JSON:
    """A permit, and what is told with it."""
    return {"decision": True, "context": context}


def denied(context: JSON) -> JSON:
    """A refusal, and why."""
    return {"decision": False, "context": context}


def unfit(sentence: str) -> JSON:
    """The refusal of a question that nobody can answer: it makes no sense, or is about nothing."""
    return denied({"error": {"status": 400, "message": sentence}})


def refused(answer: Refused) -> JSON:
    """Why the page refuses, as an agent of the gateway itself would read it."""
    reason = REASONS[answer.code]
    told: JSON = {
        "evaluation_id": answer.decision,
        "reason": reason.code,
        "message": reason.sentence,
        "remedy": reason.remedy.value,
        "retry": reason.retry,
    }
    if answer.argument is not None:
        told["argument"] = answer.argument
    if answer.scopes:
        told["scopes"] = list(answer.scopes)
    if answer.replied.said:
        told["said"] = answer.replied.said
    if answer.replied.arguments is not None:
        told["arguments"] = answer.replied.arguments
    return told


class Duties(msgspec.Struct, frozen=True, kw_only=True):
    """What a permit obliges to, as the enforcement point is told, if it can be.

    `told`: the draft of the profile is spoken. `supported` are the types that the enforcement point
    says it meets, None when it says nothing.
    """

    told: bool
    supported: tuple[str, ...] | None = None

    def carried(self, duties: list[JSON]) -> bool:
        """Whether all of them reach somebody who meets them."""
        if not duties:
            return True
        return self.told and (self.supported is None or "custom" in self.supported)


def duty(number: int, action: str, **properties: object) -> JSON:
    """One obligation, of our own kind."""
    told = {"vendor": "safeconduct", "action": action, **properties}
    return {"id": f"o{number}", "type": "custom", "properties": told}


def duties(obligations: tuple[Obligation, ...], arguments: JSON | None) -> list[JSON]:
    """All of a call: those of the verdict, and the arguments that were set, if any were."""
    found = [] if arguments is None else [duty(1, "set-arguments", arguments=arguments)]
    for one in obligations:
        members: JSON = msgspec.to_builtins(one)
        found.append(duty(len(found) + 1, members.pop("type"), **members))
    return found


def timestamp(at_ms: int) -> str:
    """A time as RFC 3339 has it."""
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
