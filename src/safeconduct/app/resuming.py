"""Resumptions: an operator has looked at a task that was refused too much, and lets it go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec
from msgspec import Meta

from safeconduct.ports import JSON, LedgerConflict
from safeconduct.rooms import Rooms


class NotResumed(ValueError):
    """Nothing was resumed; the message says why."""


class Asked(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What an operator asks for."""

    task: str
    why: Annotated[str, Meta(min_length=1, max_length=500)]


async def resume(rooms: Rooms, request: Mapping[str, object], by: str) -> JSON:
    """Puts on record that a task goes on, and says which.

    Raises:
        NotResumed: it makes no sense, or the task does not live.
        LedgerFault: it could not be recorded.
    """
    given = {name: value for name, value in request.items() if name != "verb"}
    try:
        asked = msgspec.convert(given, Asked)
    except msgspec.ValidationError as error:
        raise NotResumed(f"this is no resumption: {error}") from None
    record: JSON = {
        "kind": "resumption",
        "task": asked.task,
        "tenant": rooms.config.root.gateway.tenant,
        "at_ms": rooms.clock_ms(),
        "by": by,
        "why": asked.why,
    }
    try:
        await rooms.log.append(record)
    except LedgerConflict:
        raise NotResumed("no such task runs") from None
    return {"resumed": asked.task}
