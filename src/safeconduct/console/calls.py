"""The page of one call: everything that the log has of it, and the proof that it has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from safeconduct.approvals.desk import Desk
from safeconduct.audit import checkpoint
from safeconduct.audit.index.evidence import Evidence, prove
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Search
from safeconduct.audit.index.telling import values
from safeconduct.audit.payloads.opening import Opened
from safeconduct.audit.reads import answer, asked
from safeconduct.console.call_records import CallRecords, call_records
from safeconduct.console.call_view import call_view, opened_facts
from safeconduct.console.downloads import lines
from safeconduct.console.pages import Here, Pages, Way
from safeconduct.console.records import Records
from safeconduct.console.search_form import SEARCH
from safeconduct.console.wrong import Wrong
from safeconduct.core.merkle import leaf_hash

_ID: Final = re.compile(r"d_[0-9a-f]{24}")


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """Where a record stands in the log: its leaf, and the path from it to the root of the tree."""

    n: int
    leaf: str
    path: list[str]
    size: int
    root: str
    note: str


class CallPages:
    """One call."""

    def __init__(self, pages: Pages, records: Records, proofs: Records, desk: Desk) -> None:
        """`proofs` reads where a proof may wait for the next checkpoint, and nobody for it."""
        self._pages = pages
        self._records = records
        self._proofs = proofs
        self._desk = desk

    def ways(self) -> tuple[Way, ...]:
        """Its pages."""
        one = "/calls/{decision}"
        return (
            Way("GET", one, self.call),
            Way("POST", f"{one}/opened", self.opened),
            Way("GET", f"{one}/proof", self.proof),
        )

    async def call(self, request: Request) -> Response:
        """All about it but what was sealed."""
        here = self._pages.require(request, "analyst")
        decision = request.path_params["decision"]

        def work(search: Search) -> tuple[CallRecords | None, Standing | None]:
            found = self._found(search, decision)
            return found, None if found is None else self._standing(found)

        call, standing = await self._records.aside(here, work)
        await self._note(here, decision, call)
        return self._page(here, decision, call, standing=standing)

    async def opened(self, request: Request) -> Response:
        """The same, with what was sealed. It is asked for by a form, as it goes on record."""
        here = self._pages.require(request, "analyst", reads=True)
        await self._pages.form(request, here)
        decision = request.path_params["decision"]
        sealed: Mapping[int, Opened | None] = {}

        def work(search: Search) -> tuple[CallRecords | None, Standing | None]:
            nonlocal sealed
            found = self._found(search, decision)
            if found is None:
                return None, None
            sealed = self._records.opened(found.own)
            return found, self._standing(found)

        call, standing = await self._records.aside(here, work)
        seen = any(one is not None and one.content is not None for one in sealed.values())
        await self._note(here, decision, call, **({"opened": True} if seen else {}))
        return self._page(here, decision, call, standing=standing, sealed=sealed)

    async def proof(self, request: Request) -> Response:
        """Its records with their proofs, a line each, as `audit query --prove` prints them."""
        here = self._pages.require(request, "analyst")
        decision = request.path_params["decision"]
        directory = self._records.directory

        def work(search: Search) -> tuple[CallRecords | None, list[dict[str, Any]]]:
            found = self._found(search, decision)
            if found is None:
                return None, []
            _, note, proven = prove(directory, found.own)
            numbers = {hit.entry.n for hit in found.own}
            return found, list(values(Evidence(tuple(found.own)), note, proven, numbers))

        call, told = await self._proofs.aside(here, work)
        await self._note(here, decision, call)
        if call is None:
            raise _unknown(decision)
        return lines(decision, told)

    def _found(self, search: Search, decision: str) -> CallRecords | None:
        if _ID.fullmatch(decision) is None:
            raise _unknown(decision)
        return call_records(search, self._records.tenant, decision)

    def _standing(self, call: CallRecords) -> Standing | None:
        """Where its decision stands, if the newest checkpoint covers it already."""
        directory, hit = self._records.directory, call.decision
        covered = checkpoint.load(directory)
        if covered is None or covered.size <= hit.entry.n:
            return None
        tree, note, ((_, path),) = prove(directory, [hit])
        return Standing(
            n=hit.entry.n,
            leaf=leaf_hash(hit.data).hex(),
            path=[node.hex() for node in path],
            size=tree.size,
            root=tree.root.hex(),
            note=note.decode(),
        )

    async def _note(
        self, here: Here, decision: str, call: CallRecords | None, **more: bool
    ) -> None:
        hits = [] if call is None else call.all
        said = answer((hit.entry.n, hit.data) for hit in hits)
        query = Query(tenant=self._records.tenant, decision=decision)
        await self._records.note(here, "show", asked(query), said, **more)

    def _page(
        self,
        here: Here,
        decision: str,
        call: CallRecords | None,
        *,
        standing: Standing | None,
        sealed: Mapping[int, Opened | None] | None = None,
    ) -> Response:
        if call is None:
            raise _unknown(decision)
        view = call_view(call, self._records.shown)
        opened = None
        if sealed is not None:
            payloads = ((hit.entry.facet.kind, sealed[hit.entry.n]) for hit in call.own)
            opened = [(kind, *opened_facts(one)) for kind, one in payloads if one is not None]
        waits = [
            one["approval"]
            for one in view.answers
            if one.get("phase") == "requested" and self._desk.holds(one["approval"])
        ]
        return self._pages.page(
            "call.html",
            here,
            at=SEARCH,
            decision=decision,
            view=view,
            standing=standing,
            opened=opened,
            waits=waits,
            records=[
                msgspec.json.format(msgspec.json.encode(self._records.shown(hit.record))).decode()
                for hit in call.own
            ],
        )


def _unknown(decision: str) -> Wrong:
    return Wrong(404, f"The log knows no call {decision[:64]}.")
