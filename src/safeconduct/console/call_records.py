"""The records of one call, out of those of its task."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import msgspec
from msgspec.structs import replace

from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Hit, Search

_NEAR: Final = 32
_AFTER: Final = 4_096
"""Among how many records of its task after it a call's outcome is looked for."""


class CallRecords(msgspec.Struct, frozen=True, kw_only=True):
    """A call as the log has it: its own records, the start of its task, and its neighbours there.

    `given` are the records of the question that it waits for, or of the yes that it used up.
    `unfound`: its task went on for so long that the outcome was not looked for to the end.
    """

    decision: Hit
    results: tuple[Hit, ...]
    given: tuple[Hit, ...]
    started: Hit | None
    before: Hit | None
    after: Hit | None
    unfound: bool

    @property
    def outcome(self) -> Hit | None:
        """What became of it."""
        return next((hit for hit in self.results if hit.entry.facet.kind == "outcome"), None)

    @property
    def own(self) -> list[Hit]:
        """The records that say its id, in the order of the log."""
        return _in_order([self.decision, *self.results])

    @property
    def all(self) -> list[Hit]:
        """All that is shown, in the order of the log."""
        beside = [hit for hit in (self.started, self.before, self.after) if hit is not None]
        return sorted(
            {hit.entry.n: hit for hit in (*self.own, *self.given, *beside)}.values(), key=_n
        )


def call_records(search: Search, tenant: str, decision: str) -> CallRecords | None:
    """What the log has of a call; None: no such call. Raises as `Search.find`."""
    found = search.find(Query(tenant=tenant, decision=decision))
    hit = next((one for one in found if one.record.get("decision") == decision), None)
    if hit is None:
        return None
    task = Query(tenant=tenant, task=hit.entry.task)
    results, unfound = _results(search, task, hit)
    started = search.find(replace(task, kind="task", limit=1, oldest=True))
    before = search.find(replace(task, kind="decision", until_ms=hit.entry.at_ms + 1, limit=_NEAR))
    after = search.find(
        replace(task, kind="decision", since_ms=hit.entry.at_ms, limit=_NEAR, oldest=True)
    )
    n = hit.entry.n
    return CallRecords(
        decision=hit,
        results=results,
        given=_given(search, tenant, hit, results),
        started=started[0] if started else None,
        before=max((one for one in before if one.entry.n < n), key=_n, default=None),
        after=min((one for one in after if one.entry.n > n), key=_n, default=None),
        unfound=unfound,
    )


def _results(search: Search, task: Query, decided: Hit) -> tuple[tuple[Hit, ...], bool]:
    """What followed on the decision, and whether there may be more of it."""
    decision, limit = decided.record["decision"], _NEAR
    while True:
        rest = replace(task, since_ms=decided.entry.at_ms, limit=limit, oldest=True)
        followed = search.find(rest)
        own = [
            one for one in followed
            if one.record.get("decision") == decision and one.entry.n != decided.entry.n
        ]  # fmt: skip
        settled = decided.record.get("verdict") != "permit" or any(
            one.entry.facet.kind == "outcome" for one in own
        )
        if settled or len(followed) < limit or limit >= _AFTER:
            return tuple(own), not settled and len(followed) >= limit
        limit = min(limit * 8, _AFTER)


def _given(search: Search, tenant: str, decided: Hit, results: tuple[Hit, ...]) -> tuple[Hit, ...]:
    asked = decided.record.get("approval")
    for one in results:
        if one.entry.facet.kind == "approval":
            asked = one.record.get("approval")
    if not isinstance(asked, str):
        return ()
    return tuple(search.find(Query(tenant=tenant, approval=asked)))


def _in_order(hits: Iterable[Hit]) -> list[Hit]:
    """Each once."""
    return sorted({hit.entry.n: hit for hit in hits}.values(), key=_n)


def _n(hit: Hit) -> int:
    return hit.entry.n
