"""What an index offers, whatever keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import NamedTuple, Protocol

import msgspec

from safeconduct.audit.index.entry import Entry, Party
from safeconduct.audit.index.query import Query


class IndexDamaged(Exception):
    """An index cannot be read, or says what the log does not: it has to be built anew."""


class IndexUnavailable(Exception):
    """What keeps an index cannot be reached or used; nothing is known of the index."""


class Position(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far an index has come in a log: all of the tree `size` and `nodes`, which ends at an
    offset in a segment. `tenant` is that of the gateway by then.
    """

    origin: str
    size: int
    segment: int
    offset: int
    nodes: tuple[str, ...]
    tenant: str


class Found(NamedTuple):
    """A record's number, and where its frame begins: see `entry.place`."""

    n: int
    place: int


class Task(NamedTuple):
    """Whose a task is, and the first and the last millisecond that an index knows of it."""

    party: Party
    first_ms: int
    last_ms: int


class Count(NamedTuple):
    """How many records said this from `start_ms` on, for as long as was asked; see `Facet.said`."""

    start_ms: int
    said: str
    records: int


class Index(Protocol):
    """The entries of one log. Everything raises IndexDamaged, IndexUnavailable."""

    def position(self) -> Position | None:
        """How far it has come; None: nothing is in it."""
        ...

    def add(self, entries: Sequence[Entry], position: Position) -> None:
        """Adds entries, those that are there already too, and moves on."""
        ...

    def find(self, query: Query) -> list[Found]:
        """Where the records are that answer, the oldest first.

        Of a question with a mark, all that have it: whosever they are, and those that fit by
        chance.
        """
        ...

    def count(self, query: Query, every_ms: int) -> list[Count]:
        """How many records answer a question that has neither a mark nor a limit, in order: for
        each stretch of `every_ms` milliseconds since the epoch that has any, by what they said.
        """
        ...

    def task(self, name: str) -> Task | None:
        """What is known of a task."""
        ...

    def writing(self) -> AbstractContextManager[None]:
        """Waits until nobody else adds to it. What was added stays, however it ends."""
        ...

    def clear(self) -> None:
        """Forgets all of it."""
        ...

    def close(self) -> None:
        """Lets go of it."""
        ...
