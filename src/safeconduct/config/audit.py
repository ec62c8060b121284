"""`audit:`, the evidence: where the log lies, how long it is kept, who else sees it."""

from __future__ import annotations

from typing import Annotated, Literal

import msgspec
from msgspec import Meta


class Retention(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long evidence is kept, in days: sealed payloads, and whole records. None: for good."""

    payloads_days: Annotated[int, Meta(ge=1)] | None = None
    records_days: Annotated[int, Meta(ge=1)] | None = None


class AuditBlock(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the log lies; `strict` makes every record durable before anything depends on it.

    `origin` is the log's name, the first line of its checkpoints: `<tenant>/audit` when left out.
    Each node of a cluster has a log, and a name, of its own.
    """

    directory: str
    durability: Literal["strict"] = "strict"
    origin: str | None = None
    retention: Retention = Retention()
