"""The page of one task: what was done in it, call by call, and how labels came to it."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from safeconduct.audit.index.family import family
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Hit
from safeconduct.audit.reads import answer, asked
from safeconduct.audit.timeline import Event, timeline
from safeconduct.console.call_view import Fact
from safeconduct.console.downloads import attached
from safeconduct.console.pages import Here, Pages, Way
from safeconduct.console.pictures.flow import flow
from safeconduct.console.records import Records
from safeconduct.console.search_form import SEARCH
from safeconduct.console.view import SAID, moment
from safeconduct.console.wrong import Wrong
from safeconduct.core.model import TaskFacts
from safeconduct.rooms import Rooms

MOST: Final = 2_000
"""How many records of a task and those below it a page is made of."""

_ID: Final = re.compile(r"t_[0-9a-f]{24}")


class TaskPages:
    """One task, with those below it."""

    def __init__(self, pages: Pages, rooms: Rooms, records: Records) -> None:
        self._pages = pages
        self._state = rooms.state
        self._records = records

    def ways(self) -> tuple[Way, ...]:
        """Its page."""
        return (Way("GET", "/tasks/{task}", self.task),)

    async def task(self, request: Request) -> Response:
        """Its timeline, as a page or to be kept."""
        here = self._pages.require(request, "analyst")
        task, told = request.path_params["task"], request.query_params.get("format", "")
        if told not in ("", "json"):
            raise Wrong(400, "A task can be had as a page, or as JSON.")
        hits = await self._read(here, task)
        shown = [self._records.shown(hit.record) for hit in hits]
        events = timeline(shown)
        children = sorted({event.task for event in events} - {task, ""})
        if told:
            value = {"task": task, "children": children, "events": events}
            return attached(msgspec.json.encode(value), "application/json", f"{task}.json")
        return self._page(here, task, shown, events, children)

    async def _read(self, here: Here, task: str) -> Sequence[Hit]:
        """The records that the page is made of, which are on record. Raises Wrong, LedgerFault."""
        tenant = self._records.tenant
        hits: Sequence[Hit] = ()
        if _ID.fullmatch(task):
            hits = await self._records.aside(
                here, lambda search: family(search, tenant, task, MOST)
            )
        said = answer((hit.entry.n, hit.data) for hit in hits)
        question = Query(tenant=tenant, task=task[:64], limit=MOST, oldest=True)
        await self._records.note(here, "timeline", asked(question), said)
        if not hits:
            raise Wrong(404, f"The log knows no task {task[:64]}.")
        return hits

    def _page(
        self,
        here: Here,
        task: str,
        records: Sequence[Mapping[str, Any]],
        events: Sequence[Event],
        children: Sequence[str],
    ) -> Response:
        starts = [one for one in records if one["kind"] == "task" and one.get("task") == task]
        started: Mapping[str, Any] = starts[0] if starts else {}
        facts, now_ms = self._state.task(task), self._pages.clock_ms()
        return self._pages.page(
            "task.html",
            here,
            at=SEARCH,
            task=task,
            started=started,
            vouched=SAID.get(started.get("purpose_source", ""), ""),
            state=_state(started, facts, now_ms),
            budgets=_budgets(started, facts),
            events=events,
            children=children,
            picture=flow(events, task),
            whole=len(records) < MOST,
            most=MOST,
            refused=sum(one.kind == "call" and one.said == "deny" for one in events),
            asked=sum(one.kind == "call" and one.said == "elevate" for one in events),
            calls=sum(one.kind == "call" for one in events),
        )


def _state(started: Mapping[str, Any], facts: TaskFacts | None, now_ms: int) -> str:
    """Whether it still goes on."""
    expires_ms = started.get("expires_ms", 0) if facts is None else facts.expires_ms
    if facts is not None and facts.state == "revoked":
        return "was revoked: nothing runs in it any more"
    if facts is None or facts.state != "active" or expires_ms <= now_ms:
        return "ended" if not expires_ms else f"ended, at {moment(expires_ms)} at the latest"
    return f"goes on, until {moment(expires_ms)} at the latest"


def _budgets(started: Mapping[str, Any], facts: TaskFacts | None) -> list[Fact]:
    """How much of what it may use is used up, as far as that is still known."""
    budgets: Mapping[str, int] = started.get("budgets", {}) if facts is None else facts.budgets
    counts: Mapping[str, int] = {} if facts is None else facts.counts
    told = [
        Fact(f"{name} used", f"of {most}" if facts is None else f"{counts.get(name, 0)} of {most}")
        for name, most in sorted(budgets.items())
    ]
    if facts is not None:
        told.append(Fact("Refused", f"{facts.refusals} of {facts.max_refusals}"))
    return told
