"""Where a call stands in a distributed trace (W3C Trace Context, level 1). Pure.

A trace context correlates and is trusted for nothing else: it is text of the caller's that nobody
vouches for. It goes on to an upstream only where anything may that the task has read, as 16 bytes
of a caller's choice could carry out what it must not; elsewhere the trace begins anew, under an id
of our own. Baggage, which is free text, is not read at all.
"""

from __future__ import annotations

import hashlib
import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

import msgspec

if TYPE_CHECKING:
    from safeconduct.core.model import Gathered

PARENT: Final = "traceparent"
STATE: Final = "tracestate"
FIELDS: Final = frozenset({PARENT, STATE})
"""What a trace context is called, as a header field and as a member of `_meta` (SEP-414)."""

_MAX_PARENT: Final = 256
_MAX_STATE: Final = 512
_MAX_MEMBERS: Final = 32
_SAMPLED: Final = 1

# Section 3.2.2: what a later version appends comes after a dash; there is none of version 00.
_PARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]*)?"
)
# Section 3.3.1.3.
_KEY: Final = r"(?:[a-z][a-z0-9_*/-]{0,255}|[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13})"
_MEMBER: Final = re.compile(rf"({_KEY})=[ -+\x2d-<>-~]{{0,255}}[!-+\x2d-<>-~]")


class Trace(msgspec.Struct, frozen=True, kw_only=True):
    """A caller's claim: the trace's id, the caller's own span in it, whether the caller records it,
    and what the systems before it have noted. Ids are in lower-case hexadecimal.
    """

    id: str
    parent: str
    sampled: bool = False
    state: str = ""


def claimed(parent: object, state: object = None) -> Trace | None:
    """What `traceparent` and `tracestate` say; None unless the first is as the standard has it.

    A `tracestate` that is not is left out, as section 3.3.1 has it.
    """
    if not isinstance(parent, str) or len(parent) > _MAX_PARENT:
        return None
    found = _PARENT.fullmatch(parent)
    if found is None or (found[1] == "00" and found[5]):
        return None
    sampled = bool(int(found[4], 16) & _SAMPLED)
    return Trace(id=found[2], parent=found[3], sampled=sampled, state=_state(state))


@lru_cache(maxsize=1024)  # each is needed for the record, and again for the upstream
def span_of(decision_id: str) -> str:
    """The id of a call's span."""
    return hashlib.sha256(b"span\0" + decision_id.encode()).hexdigest()[:16]


@lru_cache(maxsize=1024)
def trace_of(task_id: str) -> str:
    """The id of the trace of a task, for calls that claim none."""
    return hashlib.sha256(b"trace\0" + task_id.encode()).hexdigest()[:32]


def recorded(decision_id: str, task_id: str, trace: Trace | None) -> dict[str, object]:
    """What a decision record says of the trace: whose it is, and the span of this call in it."""
    span = span_of(decision_id)
    if trace is None:
        return {"trace": trace_of(task_id), "span": span}
    return {"trace": trace.id, "span": span, "trace_claimed": True, "span_parent": trace.parent}


def onward(decision_id: str, gathered: Gathered) -> dict[str, str]:
    """The trace context that goes on to the upstream, with this call's span as the parent."""
    span, trace = span_of(decision_id), gathered.trace
    if trace is None or not _passes(gathered):
        return {PARENT: f"00-{trace_of(gathered.task.id)}-{span}-01"}
    fields = {PARENT: f"00-{trace.id}-{span}-{'01' if trace.sampled else '00'}"}
    if trace.state:
        fields[STATE] = trace.state
    return fields


def _passes(gathered: Gathered) -> bool:
    """Whether anything that the task has read may flow to the tool, by what is known of it here."""
    labels, tool = gathered.task.labels, gathered.tool
    refused = () if tool.manifest is None else tool.manifest.sink.categories_refused
    return (
        labels.has_sink
        and labels.confidentiality <= tool.clearance
        and labels.readers is None
        and labels.categories.isdisjoint(refused)
    )


def _state(state: object) -> str:
    """The members of a `tracestate`, without the white space around them; "" for what is none."""
    if not isinstance(state, str) or len(state) > _MAX_STATE:
        return ""
    members = [member for part in state.split(",") if (member := part.strip(" \t"))]
    found = [_MEMBER.fullmatch(member) for member in members]
    keys = {one[1] for one in found if one is not None}
    whole = len(keys) == len(members) <= _MAX_MEMBERS
    return ",".join(members) if whole else ""
