"""When a task goes in circles: what of its calls is counted, and from when on one is stopped. Pure.

Counted are refusals that the same call, or another one like it, would only meet again: not those
that pass by themselves or wait for a person, so that whoever tries again as it was told to is not
stopped for it, and not those that are about the task as a whole. A permit of the tool is progress,
and its refusals count from zero again; that the same change was made again and again is counted by
itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import msgspec

from safeconduct.core.reasons import REASONS

Seen = Mapping[str, int]
"""How often something was there: of a tool its refusals by reason, of a call what is below."""

REFUSED: Final = "refused"
MADE: Final = "made"
"""What is counted of a call, by its digest: refusals for any reason, permits of a change."""

LOOP_STOPPED: Final = "loop-stopped"

_REPEATED: Final = frozenset({"never", "changed"})
# What they say, they say of the task, and it helps more than that it was said before.
_OF_TASKS: Final = frozenset({"delegation", "budget"})
_UNKNOWN: Final = "tool-unknown"
"""To count these would tell tools that are not there from those that are kept from a task."""


class Limits(msgspec.Struct, frozen=True):
    """How many equal refusals a call or a tool gets, and how often the same change is made."""

    same: int
    changes: int


def counted(reason: str) -> bool:
    """Whether a refusal is one that repeating the call brings about again."""
    known = REASONS.get(reason)
    return (
        known is not None
        and known.retry in _REPEATED
        and known.stage not in _OF_TASKS
        and reason != _UNKNOWN
    )


def stopped(limits: Limits, tool: Seen, call: Seen) -> bool:
    """Whether what was seen of a tool and of a call of it is enough."""
    return (
        any(times >= limits.same for times in tool.values())
        or call.get(REFUSED, 0) >= limits.same
        or call.get(MADE, 0) >= limits.changes
    )


def refused(tool: Seen, call: Seen, reason: str) -> tuple[Seen, Seen]:
    """What was seen of both after a refusal that is counted."""
    return (
        {**tool, reason: tool.get(reason, 0) + 1},
        {**call, REFUSED: call.get(REFUSED, 0) + 1},
    )


def permitted(call: Seen, *, changes_state: bool) -> Seen:
    """What was seen of a call after a permit: of the tool nothing any more."""
    return {MADE: call.get(MADE, 0) + 1} if changes_state else {}
