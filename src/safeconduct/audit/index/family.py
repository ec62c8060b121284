"""The records of a task and of all below it."""

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
        below = {hit.entry.task for hit in search.find(Query(tenant=tenant, parent=name))} - seen
        seen |= below
        waiting += sorted(below)
    return [found[n] for n in sorted(found)]
