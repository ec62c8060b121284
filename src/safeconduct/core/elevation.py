"""What a person let an agent do more than once: the plain facts of it."""

from __future__ import annotations

from typing import Final

import msgspec

from safeconduct.core.approvers import Party
from safeconduct.core.labels import Label

MAX_ELEVATIONS: Final = 16
"""How many one task may be given in all."""


class Bypass(msgspec.Struct, frozen=True):
    """For a time, questions of these names are not put to anybody: an emergency, on record. It does
    not hold for what is done for whom it was given `by`, nor where others than `party` have to say
    yes, or more strictly. `key` is the passkey that signed it.
    """

    id: str
    templates: frozenset[str]
    until_ms: int
    by: str = ""
    party: Party | None = None
    key: str = ""


class Elevation(msgspec.Struct, frozen=True, kw_only=True):
    """Good for `left` calls of `tool` until a time, while the task's labels are no higher than
    `labels`.

    `sources` is what it was asked for, `parties` who said yes. `steers` are the digests of the
    values that steered the call which the approver saw, by argument; with `open` others may stand
    there. `most` are its amounts, by argument: none may be higher.
    """

    id: str
    tool: str
    sources: tuple[str, ...]
    parties: tuple[Party, ...]
    left: int
    until_ms: int
    labels: Label
    steers: dict[str, frozenset[str]]
    most: dict[str, str]
    open: bool = False
