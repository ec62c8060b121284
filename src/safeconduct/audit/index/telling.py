"""What was proven of an answer, for people in a sentence and for programs record by record; and
why there may be none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import Any

from safeconduct.audit.checkpoint import Checkpoint
from safeconduct.audit.index.evidence import Evidence, Proven
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Search
from safeconduct.core.merkle import leaf_hash


def unnamed(search: Search, query: Query) -> list[str]:
    """Which agent and tool of a question no record at all names: a name that is mistyped looks like
    an agent that did nothing. Raises: as `Search.find`.
    """
    alone = (
        ("agent", query.agent, Query(tenant=query.tenant, agent=query.agent, limit=1)),
        ("tool", query.tool, Query(tenant=query.tenant, tool=query.tool, limit=1)),
    )
    return [
        f"no record names the {what} {value}"
        for what, value, asked in alone
        if value is not None and not search.find(asked)
    ]


def sentence(count: int, evidence: Evidence, tree: Checkpoint) -> str:
    """What was proven of `count` records, in one line."""
    records = f"{count} record{'' if count == 1 else 's'}"
    proven = f"{records} proven under the root {tree.root.hex()} of {tree.size}"
    if evidence.counter is None:
        return f"{proven}; that none is missing can be shown of one task, or one agent and user"
    if evidence.flaw is not None:
        return f"{proven}; NOT shown to be complete: {evidence.flaw}"
    numbers = [
        hit.record[evidence.counter] for hit in evidence.hits if evidence.counter in hit.record
    ]
    span = f"{evidence.counter} {min(numbers)} to {max(numbers)}"
    return f"{proven}; none is missing: {span} without a gap"


def values(
    evidence: Evidence, note: bytes, proven: Sequence[Proven], answer: Collection[int]
) -> Iterator[dict[str, Any]]:
    """Each record as it is written, so that its canonical form is the leaf, with its path; in the
    end the checkpoint. `answer` are the numbers of what was asked for.
    """
    for one in proven:
        yield {
            "record": one.hit.record,
            "leaf": leaf_hash(one.hit.data).hex(),
            "proof": [node.hex() for node in one.path],
            "answers": one.hit.entry.n in answer,
        }
    yield {"checkpoint": note.decode(), "complete": evidence.counter, "missing": evidence.flaw}
