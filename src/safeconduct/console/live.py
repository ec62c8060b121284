"""What agents do right now: the newest decisions, a stream of those that come, and how it was over
time.
"""

from __future__ import annotations

import csv
import io
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Hit, Search
from safeconduct.audit.reads import Answer, answer, asked
from safeconduct.console.counts import HOUR_MS, SPANS, Counted, Span, hourly
from safeconduct.console.loads import Load, loads
from safeconduct.console.pages import Here, Pages, Way
from safeconduct.console.pictures.bars import Bars, bars
from safeconduct.console.rates import Rates
from safeconduct.console.records import Records
from safeconduct.console.rows import row
from safeconduct.console.streams import Wanted
from safeconduct.console.watch import Watch
from safeconduct.console.watching import Stream
from safeconduct.console.wrong import Wrong
from safeconduct.core.reasons import REASONS
from safeconduct.rooms import Rooms

LIVE: Final = "/live"
STREAM: Final = "/live/stream"
DECIDED: Final = "/live/decisions"
LOAD: Final = "/live/approvals"

NEWEST: Final = 50
"""How many decisions the page shows at first."""

READ: Final = 200
"""Of how many questions and answers it says whose they were."""

PER_MINUTE: Final = 30
"""How many streams one person may begin a minute."""

OVER: Final = "You are not signed in any more, or may not watch. Load the page again."
STOPPED: Final = "The gateway stops."

VERDICTS: Final = ("permit", "elevate", "deny")
_FILTERS: Final = ("agent", "user", "tool", "verdict", "reason")
_MAX_TEXT: Final = 500
_WEEK_MS: Final = 7 * 24 * HOUR_MS
_BACK_MS: Final = (4 * _WEEK_MS, 16 * _WEEK_MS, None)
"""How far to look back for the newest where a week has too few."""

_ANSWERED: Final = {"requested": "asked", "granted": "answered", "narrowed": "answered",
                    "elevated": "answered", "denied": "answered"}  # fmt: skip


class LivePages:
    """The room of those who watch."""

    def __init__(self, pages: Pages, rooms: Rooms, records: Records, watch: Watch) -> None:
        self._pages = pages
        self._records = records
        self._streams = watch.streams
        self._counting = watch.counting
        self._rates = Rates(PER_MINUTE, rooms.clock_ms)
        self._clock_ms = rooms.clock_ms
        self._agents = sorted({one.spiffe_id for one in rooms.config.agents.values()})

    def ways(self) -> tuple[Way, ...]:
        """Its pages."""
        return (
            Way("GET", LIVE, self.show),
            Way("GET", STREAM, self.stream),
            Way("GET", DECIDED, self.decided),
            Way("GET", LOAD, self.load),
        )

    async def show(self, request: Request) -> Response:
        """The newest decisions, and pictures of the time before."""
        # Without a script the page loads itself again, which keeps nobody signed in.
        here = self._pages.require(request, "analyst", active="again" not in request.query_params)
        filters, span = _filters(request), _span(request)
        query = self._query(filters)
        newest = msgspec.structs.replace(query, limit=NEWEST)

        def work(search: Search) -> tuple[list[Hit], Counted, Counted, list[Load]]:
            load = self._counting.count(search, self._approvals, hourly(span))
            return (
                self._newest(search, query),
                self._counting.count(search, query, span),
                load,
                self._groups(search, load.since_ms),
            )

        hits, decided, load, groups = await self._records.aside(here, work)
        said = answer((hit.entry.n, hit.data) for hit in hits)
        await self._records.note(here, "live", asked(newest), said)
        return self._pages.page(
            "live.html",
            here,
            at=LIVE,
            rows=[row(hit, self._records.shown) for hit in reversed(hits)],
            filters=filters,
            query=urlencode(filters),
            span=request.query_params.get("span", "24h"),
            spans=SPANS,
            decided=_picture(decided, VERDICTS),
            load=_picture(_answered(load), ("asked", "answered"), beside=True),
            groups=groups,
            read=READ,
            agents=self._agents,
            verdicts=VERDICTS,
            reasons=sorted(REASONS),
        )

    async def stream(self, request: Request) -> Response:
        """Decisions as they are made, until the browser goes or the person may not watch."""
        here = self._pages.require(request, "analyst", active=False)
        if not self._rates.allow(here.approver.user):
            raise Wrong(429, "That was too much at once. Wait a minute.")
        filters = _filters(request)
        query = self._query(filters)
        since_ms = _since_ms(request)
        fields = {name: getattr(query, name) for name in ("tenant", *_FILTERS)}
        watcher = self._streams.open(here.approver.user, Wanted(**fields))
        said = {**asked(query), "stream": f"s_{secrets.token_hex(12)}"}
        try:
            meanwhile = await self._meanwhile(here, query, since_ms)
            await self._records.note(here, "live", said, answer(()))
        except BaseException:
            await self._streams.close(watcher)
            raise

        async def ended(shown: Answer) -> None:
            await self._streams.close(watcher)
            await self._records.note(here, "live", {**said, "ended": True}, shown)

        def over() -> str:
            if self._streams.over:
                return STOPPED
            now = self._pages.here(request, active=False)
            same = now is not None and now.session is here.session and "analyst" in now.roles
            return "" if same else OVER

        return Stream(watcher, over=over, named=self._named, ended=ended, meanwhile=meanwhile)

    async def decided(self, request: Request) -> Response:
        """How many decisions there were over time, as data."""
        here = self._pages.require(request, "analyst")
        query, span = self._query(_filters(request)), _span(request)
        counted = await self._records.aside(
            here, lambda search: self._counting.count(search, query, span)
        )
        return _data(request, "decisions", counted, VERDICTS)

    async def load(self, request: Request) -> Response:
        """How many questions were asked and answered over time, as data."""
        here = self._pages.require(request, "analyst")
        span = hourly(_span(request))
        counted = await self._records.aside(
            here, lambda search: self._counting.count(search, self._approvals, span)
        )
        return _data(request, "approvals", _answered(counted), ("asked", "answered"))

    @property
    def _approvals(self) -> Query:
        return Query(tenant=self._records.tenant, kind="approval")

    def _newest(self, search: Search, query: Query) -> list[Hit]:
        """The newest that answer, the oldest first. How far back they reach is known from counts,
        so that of a log of any size some minutes are sorted and no more.
        """
        newest = msgspec.structs.replace(query, limit=NEWEST)
        for span in SPANS.values():
            since_ms = self._counting.count(search, query, span).reaching(NEWEST)
            if since_ms is not None:
                return search.find(msgspec.structs.replace(newest, since_ms=since_ms))
        hits: list[Hit] = []
        for back_ms in _BACK_MS:
            since_ms = None if back_ms is None else self._clock_ms() - back_ms
            hits = search.find(msgspec.structs.replace(newest, since_ms=since_ms))
            if len(hits) == NEWEST:
                break
        return hits

    def _groups(self, search: Search, since_ms: int) -> list[Load]:
        """Of the newest questions and answers, who was asked, and what they said."""
        query = msgspec.structs.replace(self._approvals, since_ms=since_ms, limit=READ)
        return loads(hit.record for hit in search.find(query))

    def _query(self, filters: Mapping[str, str]) -> Query:
        """What the filters ask for; a user whom no record names is found in none."""
        user = filters.get("user")
        known = None if user is None else self._records.pseudonym(user)
        return Query(
            tenant=self._records.tenant,
            kind="decision",
            agent=filters.get("agent"),
            user=known,
            tool=filters.get("tool"),
            verdict=filters.get("verdict"),
            reason=filters.get("reason"),
        )

    async def _meanwhile(self, here: Here, query: Query, since_ms: int | None) -> dict[str, int]:
        """How many there were of each verdict since then."""
        if since_ms is None:
            return {}
        since = msgspec.structs.replace(query, since_ms=since_ms)
        whole_ms = max(1, self._clock_ms())
        counts = await self._records.aside(here, lambda search: search.count(since, whole_ms))
        found: dict[str, int] = dict.fromkeys(VERDICTS, 0)
        for _, said, records in counts:
            found[said] = found.get(said, 0) + records
        return {said: records for said, records in found.items() if records}

    def _named(self, user: str) -> str:
        return str(self._records.shown({"kind": "decision", "user": user})["user"])


def _filters(request: Request) -> dict[str, str]:
    """What the address asks for. Raises Wrong."""
    given = request.query_params
    filters = {name: given[name].strip() for name in _FILTERS if given.get(name, "").strip()}
    if any(len(value) > _MAX_TEXT for value in filters.values()):
        raise Wrong(400, "What is looked for is too long.")
    if filters.get("verdict", "permit") not in VERDICTS:
        raise Wrong(400, "A verdict is permit, elevate or deny.")
    return filters


def _span(request: Request) -> Span:
    """Which time the pictures are of. Raises Wrong."""
    span = SPANS.get(request.query_params.get("span", "24h"))
    if span is None:
        raise Wrong(400, f"A span is {' or '.join(SPANS)}.")
    return span


def _since_ms(request: Request) -> int | None:
    text = request.query_params.get("since", "")
    if text and not (text.isascii() and text.isdigit() and len(text) <= 15):
        raise Wrong(400, "Since when is said in milliseconds.")
    return int(text) if text else None


def _answered(counted: Counted) -> Counted:
    """Questions and answers, whatever was answered."""
    over: dict[int, dict[str, int]] = {}
    for start_ms, said in counted.over.items():
        these = over.setdefault(start_ms, {})
        for phase, records in said.items():
            if phase in _ANSWERED:
                name = _ANSWERED[phase]
                these[name] = these.get(name, 0) + records
    return msgspec.structs.replace(counted, over=over)


def _picture(counted: Counted, names: tuple[str, ...], *, beside: bool = False) -> Bars:
    since_ms, until_ms, every_ms = counted.since_ms, counted.until_ms, counted.every_ms
    return bars(counted.over, names, since_ms, until_ms, every_ms, beside=beside)


def _data(request: Request, name: str, counted: Counted, names: tuple[str, ...]) -> Response:
    """Counts to download, as JSON or CSV; a stretch in which nothing was is left out."""
    stretches = [
        {"start_ms": start_ms, **{one: said.get(one, 0) for one in names}}
        for start_ms, said in sorted(counted.over.items())
    ]
    kind = request.query_params.get("format", "json")
    if kind == "json":
        told = {
            "since_ms": counted.since_ms,
            "until_ms": counted.until_ms,
            "every_ms": counted.every_ms,
            name: stretches,
        }
        content = msgspec.json.encode(told)
    elif kind == "csv":
        text = io.StringIO()
        table = csv.DictWriter(text, ["start_ms", *names])
        table.writeheader()
        table.writerows(stretches)
        content = text.getvalue().encode()
    else:
        raise Wrong(400, "A format is json or csv.")
    media = {"json": "application/json", "csv": "text/csv; charset=utf-8"}[kind]
    headers = {"content-disposition": f'attachment; filename="{name}.{kind}"'}
    return Response(content, media_type=media, headers=headers)
