"""A task and those below it."""

from __future__ import annotations

from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Hit, Search


def family(search: Search, tenant: str, task: str, most: int | None = None) -> list[Hit]:
    """The records of a task and of all below it, in the order of the log; `most` of them, of each
    task the oldest, the task itself first.

    Raises: as `Search.find`.
    """
    found: dict[int, Hit] = {}
    waiting, seen = [task], {task}
    while waiting and (most is None or len(found) < most):
        name = waiting.pop(0)
        left = None if most is None else most - len(found)
        own = Query(tenant=tenant, task=name, limit=left, oldest=True)
        found |= {hit.entry.n: hit for hit in search.find(own)}
        below = [one for one in children(search, tenant, name) if one not in seen]
        seen |= {*below}
        waiting += below
    return [found[n] for n in sorted(found)]


def children(search: Search, tenant: str, task: str, until_ms: int | None = None) -> list[str]:
    """The tasks that were started directly below a task. Raises: as `Search.find`."""
    starts = search.find(Query(tenant=tenant, parent=task, until_ms=until_ms))
    # Marks of two tasks may be the same by chance.
    return sorted({hit.entry.task for hit in starts if hit.record["parent"] == task})
