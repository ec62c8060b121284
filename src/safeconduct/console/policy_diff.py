"""The page of what the policy in the directory would change, before anybody has it decide."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec.structs import replace
from starlette.requests import Request
from starlette.responses import Response

from safeconduct.console.comparing import MOST, Compared, Comparing
from safeconduct.console.downloads import attached
from safeconduct.console.pages import Here, Pages, Way, go
from safeconduct.console.pictures.strip import strip
from safeconduct.console.policy_files import held
from safeconduct.console.rates import Rates
from safeconduct.console.records import Records
from safeconduct.console.wrong import Wrong
from safeconduct.policy.diff.report import Report
from safeconduct.policy.keeping import KEPT
from safeconduct.policy.replay.again import WHY
from safeconduct.rooms import Rooms

DIFF: Final = "/policy/diff"

PER_MINUTE: Final = 60
"""How often a minute one person may look."""

ROWS: Final = 100
"""How many groups the page shows; the file has all."""

_ELSEWHERE: Final = "This policy comes from elsewhere: compare it on the command line."


class DiffPages:
    """For operators, who see counts; who is analyst as well sees which calls."""

    def __init__(self, pages: Pages, rooms: Rooms, records: Records) -> None:
        self._pages = pages
        self._rooms = rooms
        self.comparing = Comparing(rooms, records)
        self._rates = Rates(PER_MINUTE, rooms.clock_ms)

    def ways(self) -> tuple[Way, ...]:
        """Its pages."""
        return (Way("GET", DIFF, self.look), Way("POST", DIFF, self.compare))

    async def look(self, request: Request) -> Response:
        """What came of the person's last comparison, as a page or as a file."""
        here = self._allowed(request)
        found = self._shown(here)
        if request.query_params.get("format") == "json":
            if found is None or found.report is None:
                raise Wrong(404, "There is no report of yours: compare first.")
            return attached(msgspec.json.encode(found), "application/json", "policy-diff.json")
        rooms = self._rooms
        files = await asyncio.to_thread(held, rooms.config, rooms.policy.digest)
        report = None if found is None else found.report
        there = None if files.candidate is None else files.candidate.digest
        return self._pages.page(
            "policy_diff.html",
            here,
            at="/policy",
            digest=rooms.policy.digest,
            there=there,
            other=files.other,
            offered=self.comparing.offered,
            running=self.comparing.running,
            found=found,
            stale=report is not None and (report.old, report.new) != (rooms.policy.digest, there),
            pieces=() if report is None else strip(parts(report)),
            turns=[] if report is None else turns(report),
            rows=ROWS,
            most=MOST,
            why=WHY,
            block=rooms.config.root.policy,
            kept=f"{rooms.config.root.gateway.state}/{KEPT}",
        )

    async def compare(self, request: Request) -> Response:
        """Begins a comparison; the page shows what comes of it."""
        here = self._allowed(request)
        await self._pages.form(request, here)
        if not self.comparing.offered:
            raise Wrong(409, _ELSEWHERE)
        if not self.comparing.begin(here):
            raise Wrong(409, "Policies are being compared. Load the page again.")
        return go(DIFF)

    def _allowed(self, request: Request) -> Here:
        here = self._pages.require(request, "operator")
        if not self._rates.allow(here.approver.user):
            raise Wrong(429, "That was too much at once. Wait a minute.")
        return here

    def _shown(self, here: Here) -> Compared | None:
        found = self.comparing.last(here)
        if found is None or found.report is None or "analyst" in here.roles:
            return found
        return replace(found, report=counts(found.report))


def counts(report: Report) -> Report:
    """A report without any single call."""
    return replace(
        report,
        groups=tuple(replace(group, samples=()) for group in report.groups),
        left=tuple(replace(left, samples=()) for left in report.left),
    )


def parts(report: Report) -> Mapping[str, int]:
    """What became of all decisions."""
    return {
        "wider": report.widened,
        "narrower": report.narrowed,
        "other": report.changed - report.widened - report.narrowed,
        "unknown": sum(left.decisions for left in report.left),
        "same": report.unasked + report.replayed - report.changed,
    }


def turns(report: Report) -> list[tuple[str, str, int]]:
    """How many decisions went from which verdict to which, the most frequent first."""
    found: Counter[tuple[str, str]] = Counter()
    for group in report.groups:
        was, now = (said.split(" ", 1)[0] for said in (group.old, group.new))
        found[was, now] += group.decisions
    return [(was, now, many) for (was, now), many in found.most_common()]
