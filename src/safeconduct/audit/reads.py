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
Phase = Literal[
    "query", "show", "timeline", "export", "explain", "diff", "publish", "replay", "live"
]


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
    is the SHA-256 of an exported bundle's `case.json`; `opened` says that payloads were opened,
    `unsafe_visit` that somebody looked as this user whom nobody signed in.
    """

    phase: Phase
    tenant: str
    asked: dict[str, str | int | bool]
    task: str | None = None
    case: Digest | None = None
    opened: bool = False
    unsafe_visit: bool = False


class Answering:
    """What is to be said of an answer, taken down record by record, in their order."""

    def __init__(self) -> None:
        self._digest = sha256()
        self._count = 0
        self._first: int | None = None
        self._last: int | None = None

    def take(self, n: int, data: bytes) -> None:
        """Takes down a record, by its number and exact bytes."""
        self._digest.update(leaf_hash(data))
        self._first, self._last = n if self._first is None else self._first, n
        self._count += 1

    def answer(self) -> Answer:
        """What is to be said of all that were taken down."""
        return Answer(
            records=self._count,
            answer=self._digest.hexdigest(),
            first=self._first,
            last=self._last,
        )


def answer(entries: Iterable[tuple[int, bytes]]) -> Answer:
    """What is to be said of an answer: numbers and exact bytes of its records, in their order."""
    said = Answering()
    for n, data in entries:
        said.take(n, data)
    return said.answer()


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
