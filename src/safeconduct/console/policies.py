"""The page of the policy: which one decides, since when, its text, its tests, what would flip."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from safeconduct.audit.index.newest import newest
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Hit, Search
from safeconduct.console.comparing import HOUR_MS, MOST
from safeconduct.console.pages import Here, Pages, Way, go
from safeconduct.console.policy_files import Files, held
from safeconduct.console.rates import Rates
from safeconduct.console.records import Records
from safeconduct.console.trials import Trials
from safeconduct.console.wrong import Wrong
from safeconduct.policy.keeping import KEPT
from safeconduct.ports import JSON
from safeconduct.rooms import Rooms

POLICY: Final = "/policy"

PER_MINUTE: Final = 60
"""How often a minute one person may look, or have the tests run."""

SAMPLES: Final = 3
LONGEST: Final = 200_000
"""How much of a file is shown, in characters."""


class Flip(msgspec.Struct, kw_only=True):
    """Decisions that rules which are only logged had made otherwise."""

    rules: tuple[str, ...]
    said: str
    would: str
    count: int = 0
    samples: list[str] = []


class PolicyPages:
    """For operators; what is counted of the log, analysts see with examples, on record."""

    def __init__(
        self,
        pages: Pages,
        rooms: Rooms,
        records: Records,
        standing: Callable[[], JSON] | None = None,
    ) -> None:
        """`standing` says where the policy comes from, as the operator socket does."""
        self._pages = pages
        self._rooms = rooms
        self._records = records
        self._standing = standing
        config = rooms.config
        bundle = config.root.policy.bundle
        directory = None if bundle is None else Path(config.directory) / bundle
        self.trials = Trials(directory, rooms.clock_ms)
        self._rates = Rates(PER_MINUTE, rooms.clock_ms)

    def ways(self) -> tuple[Way, ...]:
        """Its pages."""
        return (Way("GET", POLICY, self.look), Way("POST", f"{POLICY}/tests", self.test))

    async def look(self, request: Request) -> Response:
        """The policy that decides, or the file of it that the query names."""
        here = self._allowed(request)
        rooms = self._rooms
        found = await asyncio.to_thread(held, rooms.config, rooms.policy.digest)
        if "file" in request.query_params:
            return self._file(here, found, request.query_params["file"])
        flips = await self._flips(here) if "flips" in request.query_params else None
        modes = {} if found.bundle is None else found.bundle.header.modes
        return self._pages.page(
            "policy.html",
            here,
            at=POLICY,
            digest=rooms.policy.digest,
            unsafe=[*rooms.config.unsafe, *rooms.policy.unsafe],
            standing=None if self._standing is None else self._standing(),
            bundle=found.bundle,
            files=[(name, len(found.files[name]), _address(name)) for name in sorted(found.files)],
            other=found.other,
            candidate=found.candidate,
            tested=found.tested,
            logged=sorted(name for name, mode in modes.items() if mode == "log_only"),
            flips=flips,
            most=MOST,
            trials=self.trials,
            block=rooms.config.root.policy,
            kept=f"{rooms.config.root.gateway.state}/{KEPT}",
        )

    async def test(self, request: Request) -> Response:
        """Runs the tests; the page shows what came of them."""
        here = self._allowed(request)
        await self._pages.form(request, here)
        if self.trials.directory is None:
            raise Wrong(409, "This policy comes from elsewhere, and without its tests.")
        if not self.trials.begin(here.approver.user):
            raise Wrong(409, "The tests are being run. Load the page again.")
        here.session.said = "The tests are being run; load this page again in a moment."
        return go(f"{POLICY}#tests")

    def _allowed(self, request: Request) -> Here:
        here = self._pages.require(request, "operator")
        if not self._rates.allow(here.approver.user):
            raise Wrong(429, "That was too much at once. Wait a minute.")
        return here

    def _file(self, here: Here, found: Files, name: str) -> Response:
        content = found.files.get(name)
        if content is None:
            raise Wrong(404, "The policy that decides has no such file.")
        text = content.decode(errors="replace")
        return self._pages.page(
            "policy_file.html",
            here,
            at=POLICY,
            name=name,
            lines=text[:LONGEST].split("\n"),
            whole=len(text) <= LONGEST,
            digest=self._rooms.policy.digest,
        )

    async def _flips(self, here: Here) -> list[Flip] | str:
        """What would flip of the last hour, or why nobody knows. Who may read evidence gets
        examples, and that is on record; counts are no evidence.
        """
        now_ms = self._rooms.clock_ms()
        query = Query(tenant=self._records.tenant, kind="decision", since_ms=now_ms - HOUR_MS)

        def work(search: Search) -> list[Hit]:
            return newest(search, query, now_ms + 1, MOST).hits

        reads = "analyst" in here.roles
        try:
            if reads:
                hits = await self._records.read(here, "query", query, work)
            else:
                hits = await self._records.aside(here, work)
        except Wrong as wrong:
            return wrong.sentence
        return flips((hit.record for hit in hits), samples=reads)


def flips(records: Iterable[Mapping[str, Any]], *, samples: bool) -> list[Flip]:
    """Decisions that would have been others, by the rules that spoke; the most frequent first."""
    found: dict[tuple[tuple[str, ...], str, str], Flip] = {}
    for record in records:
        policy: Mapping[str, Any] = record.get("policy", {})
        would = policy.get("would_have")
        said = _said(policy)
        if would is None or would == said:
            continue
        rules = tuple(policy["log_only"])
        one = found.setdefault((rules, said, would), Flip(rules=rules, said=said, would=would))
        one.count += 1
        if samples and len(one.samples) < SAMPLES:
            one.samples.append(record["decision"])
    return sorted(found.values(), key=lambda one: -one.count)


def _said(policy: Mapping[str, Any]) -> str:
    if policy.get("error") or policy.get("deny"):
        return "deny"
    if policy.get("elevate"):
        return "elevate"
    return "permit" if policy.get("permit") else "deny"


def _address(name: str) -> str:
    return f"{POLICY}?{urlencode({'file': name})}"
