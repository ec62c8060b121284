"""Showing that an answer is all there is: bounded, and on record before anybody sees it."""

from __future__ import annotations

from pathlib import Path
from typing import Final, NamedTuple

from msgspec.structs import replace

from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.index.evidence import Evidence, Proven, bare, counter_of, gather, prove
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Hit, Search
from safeconduct.console.wrong import Wrong

MOST: Final = 5_000
"""How many records at most are proven, or exported, here."""

TOO_MANY: Final = (
    f"That takes more than {MOST:,} records, which is too much for a page. Ask for a shorter time, "
    "or use `safeconduct audit query --prove` and `safeconduct audit export`."
)


class Looked(NamedTuple):
    """An answer, and what was gathered to show that it is all."""

    found: list[Hit]
    gathered: Evidence


class Shown(NamedTuple):
    """What was proven, under which checkpoint and its note."""

    gathered: Evidence
    tree: Checkpoint
    note: bytes
    proven: list[Proven]


def look(search: Search, query: Query) -> Looked:
    """The answer to a question that says until when. Raises Wrong: it takes too much."""
    found = search.find(replace(query, limit=MOST + 1))
    whole = found
    if counter_of(query) is not None:
        whole = search.find(replace(bare(query), until_ms=None, limit=MOST + 1))
    if max(len(found), len(whole)) > MOST:
        raise Wrong(400, TOO_MANY)
    return Looked(found, gather(search, query))


def show(search: Search, query: Query, directory: Path) -> Shown:
    """What shows that; to be asked once the reading is on record, which is the next one counted."""
    gathered = gather(search, query)
    return Shown(gathered, *prove(directory, gathered.hits))
