"""Reading the log is on record itself: who asked what, and which answer they got."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from safeconduct.audit.index.query import Query
from safeconduct.audit.retention.holding import Hold, Retained
from safeconduct.core.merkle import leaf_hash

Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$")]
Phase = Literal["query", "show", "timeline", "export"]


class Answer(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How many records somebody got, from which number to which, and the digest of them: SHA-256
    of their leaf hashes, one after the other.
    """

    records: Annotated[int, Meta(ge=0)]
    answer: Digest
    first: int | None = None
    last: int | None = None


class AuditRead(
    Answer, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True,
    tag_field="kind", tag="audit.read",
):  # fmt: skip
    """A record of kind `audit.read`, but for when and by whom.

    `task` is named so that the record is counted: it then shows that nothing came before it. `case`
    is the SHA-256 of an exported bundle's `case.json`; `opened` says that payloads were opened.
    """

    phase: Phase
    tenant: str
    asked: dict[str, str | int | bool]
    task: str | None = None
    case: Digest | None = None
    opened: bool = False


def answer(entries: Iterable[tuple[int, bytes]]) -> Answer:
    """What is to be said of an answer: numbers and exact bytes of its records, in their order."""
    digest, count = sha256(), 0
    first = last = None
    for n, data in entries:
        digest.update(leaf_hash(data))
        first, last = n if first is None else first, n
        count += 1
    return Answer(records=count, answer=digest.hexdigest(), first=first, last=last)


def asked(query: Query) -> dict[str, str | int | bool]:
    """A question as a record holds it; the tenant has a field of its own there."""
    value: dict[str, str | int | bool] = msgspec.to_builtins(query)
    return {name: one for name, one in value.items() if name != "tenant"}


def noted(value: object, at_ms: int, by: str) -> dict[str, Any]:
    """The record of what somebody wants noted, with when and by whom.

    Raises:
        ValueError: it is not of the shape that its kind has.
    """
    shape = msgspec.convert(value, AuditRead | Hold | Retained)
    record: dict[str, Any] = msgspec.to_builtins(shape)
    return {**record, "at_ms": at_ms, "by": by}
