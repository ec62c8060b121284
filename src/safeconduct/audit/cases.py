"""Exporting the answer to a question, as evidence for somebody who has neither the log nor this
program: first the case is named and put on record, then the bundle is made, with that record in it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from importlib import resources
from pathlib import Path
from typing import Any, Final

import msgspec

from safeconduct.audit import bundle
from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.index.evidence import Evidence, gather, prove
from safeconduct.audit.index.family import children
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Hit, Search

_RECENT: Final = 1_000
"""Among how many readings one's own is looked for."""

_VERIFIER: Final = "library/verify_log"


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """A question, its answer, and `case.json` of both. `last` is a task that the record of the
    export has to name to be counted as the next. `below`: the tasks directly below the one that was
    asked about, which are not in it; None where none was.
    """

    query: Query
    found: Sequence[Hit]
    content: bytes
    last: str | None
    below: Sequence[str] | None

    @property
    def digest(self) -> str:
        """What the record of the export calls it: SHA-256 of its `case.json`."""
        return sha256(self.content).hexdigest()


def case(name: str, search: Search, query: Query, found: Sequence[Hit], before: Evidence) -> Case:
    """The case of an answer, and of what was gathered to show that it is all."""
    below = None
    if query.task is not None:
        below = children(search, query.tenant, query.task, query.until_ms)
    content = bundle.case(name, search.origin(), query, found, before.counter, below)
    return Case(query=query, found=found, content=content, last=before.last, below=below)


def write(
    path: Path,
    search: Search,
    directory: Path,
    one: Case,
    n: int | None,
    opened: Mapping[int, Any],
) -> tuple[Evidence, Checkpoint]:
    """Writes the bundle of a case that record `n` says was exported, or none; what it shows, and
    under which checkpoint. `opened` is what goes into it in clear.

    Raises: as `bundle.write`, `gather` and `prove`.
    """
    evidence = gather(search, one.query)
    hits = {hit.entry.n: hit for hit in evidence.hits}
    if n is not None:
        own = Query(tenant=one.query.tenant, kind="audit.read", limit=_RECENT)
        hits |= {hit.entry.n: hit for hit in search.find(own) if hit.entry.n == n}
    tree, note, proven = prove(directory, [hits[number] for number in sorted(hits)])
    bundle.write(
        path,
        directory,
        case_json=one.content,
        note=note,
        proven=proven,
        sealed=bundle.payloads(directory, one.found),
        opened=opened,
        verifier=resources.files("safeconduct").joinpath(_VERIFIER).read_bytes(),
    )
    return evidence, tree
