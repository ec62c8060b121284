"""The page on which an analyst looks for records."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final, NamedTuple

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from safeconduct.audit.index.newest import End, Part, newest
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Hit, Search
from safeconduct.audit.index.telling import sentence, unnamed, values
from safeconduct.audit.index.words import KINDS, SAID
from safeconduct.audit.payloads.keystore import NOBODY
from safeconduct.audit.reads import Answer, answer, asked
from safeconduct.config.schema import Config
from safeconduct.console.downloads import lines
from safeconduct.console.pages import Here, Pages, Way, go
from safeconduct.console.proofs import look, show
from safeconduct.console.records import Records
from safeconduct.console.rows import row
from safeconduct.console.search_form import ANY, SEARCH, VERDICTS, SearchForm, read
from safeconduct.console.wrong import Wrong
from safeconduct.core.reasons import REASONS

_OFFERED: Final = 200
_PASTED: Final = re.compile(r"(?:(t)|(d)|(a))_[0-9a-f]{24}|[0-9a-f]{32}")
_AFTER: Final = re.compile(r"(0|[1-9][0-9]{0,15})-(0|[1-9][0-9]{0,15})")
_QUICK: Final = (
    ("Refused in the last 24 hours", SearchForm(verdict="deny", since="24h")),
    ("Asked a person in the last 24 hours", SearchForm(verdict="elevate", since="24h")),
    ("Results withheld in the last 7 days", SearchForm(verdict="withheld", since="7d")),
    ("What people answered in the last 7 days", SearchForm(kind="approval", since="7d")),
    ("Tasks that began today", SearchForm(kind="task", verdict="started", since="today")),
    ("What was revoked", SearchForm(kind="revocation")),
    ("Who looked at the log in the last 7 days", SearchForm(kind="audit.read", since="7d")),
)


class _How(NamedTuple):
    """How an answer is wanted: from where on, with a proof, as JSON."""

    after: End | None
    prove: bool
    as_json: bool


class SearchPages:
    """Looking for records."""

    def __init__(self, pages: Pages, records: Records, proofs: Records, config: Config) -> None:
        """`proofs` reads where a proof may wait for the next checkpoint, and nobody for it."""
        self._pages = pages
        self._records = records
        self._proofs = proofs
        self._offers = {
            "agents": sorted(config.agents)[:_OFFERED],
            "users": sorted(config.users)[:_OFFERED],
            "tools": sorted(
                f"{upstream}.{tool}"
                for upstream, manifest in config.manifests.items()
                for tool in manifest.tools
            )[:_OFFERED],
        }

    def ways(self) -> tuple[Way, ...]:
        """Its page."""
        return (Way("GET", SEARCH, self.search),)

    async def search(self, request: Request) -> Response:
        """The form, and what was found; as a page or to be kept."""
        here = self._pages.require(request, "analyst")
        fields = dict(request.query_params)
        pasted = fields.pop("id", "").strip()
        form = SearchForm()
        try:
            if pasted:
                return go(_place_of(pasted))
            how = _how(fields)
            form = read(fields)
            if not fields:
                return self._page(here, form)
            return await self._answered(here, form, how)
        except Wrong as wrong:
            if wrong.status not in (400, 404):
                raise
            return self._page(here, form, status=wrong.status, problem=wrong.sentence)

    async def _answered(self, here: Here, form: SearchForm, how: _How) -> Response:
        now_ms = self._pages.clock_ms()
        # What is on record since this very millisecond is shown; whether it is all of that
        # millisecond nothing can show.
        end_ms = now_ms if how.prove else now_ms + 1
        query = form.query(self._records.tenant, self._records.pseudonym, now_ms, end_ms)
        if how.prove:
            return await self._proven(here, form, query, as_json=how.as_json)
        return await self._found(here, form, query, how)

    async def _found(self, here: Here, form: SearchForm, query: Query, how: _How) -> Response:
        most, until_ms = form.most, query.until_ms or 0

        def work(search: Search) -> tuple[Part, list[str]]:
            part = newest(search, query, until_ms, most, how.after)
            return part, ([] if part.hits else [*_unknown(form, query), *unnamed(search, query)])

        part, missing = await self._records.aside(here, work)
        hits = part.hits[::-1]
        question = msgspec.structs.replace(query, limit=most)
        await self._records.note(here, "query", asked(question), _answer(hits))
        if how.as_json:
            return lines("records", (self._records.shown(hit.record) for hit in hits))
        older = None
        if part.older is not None:
            older = form.link(after=f"{part.older.at_ms}-{part.older.n}")
        return self._page(
            here, form, hits=part.hits, older=older, later=how.after is not None, unnamed=missing
        )

    async def _proven(
        self, here: Here, form: SearchForm, query: Query, *, as_json: bool
    ) -> Response:
        """As `audit query --prove`: the answer, and what shows that none is missing."""
        proofs, directory = self._proofs, self._records.directory
        found, before = await proofs.aside(here, lambda search: look(search, query))
        more = {} if before.last is None else {"task": before.last}
        await proofs.note(here, "query", asked(query), _answer(found), **more)
        told = await proofs.aside(here, lambda search: show(search, query, directory))
        numbers = {hit.entry.n for hit in found}
        if as_json:
            return lines("proven", values(told.gathered, told.note, told.proven, numbers))
        return self._page(
            here,
            form,
            hits=found[: -form.most - 1 : -1],
            proven=sentence(len(found), told.gathered, told.tree),
            whole=told.gathered.counter is not None and told.gathered.flaw is None,
            found=len(found),
            unnamed=_unknown(form, query),
        )

    def _page(
        self,
        here: Here,
        form: SearchForm,
        status: int = 200,
        hits: Iterable[Hit] | None = None,
        **values: object,
    ) -> Response:
        rows = None if hits is None else [row(hit, self._records.shown) for hit in hits]
        return self._pages.page(
            "search.html",
            here,
            status,
            **{
                "at": SEARCH, "form": form, "rows": rows, "quick": _QUICK, "offers": self._offers,
                "kinds": KINDS, "verdicts": VERDICTS, "any": ANY, "reasons": REASONS,
                "said": [word for word in SAID if word not in VERDICTS], "problem": "",
                "older": None, "later": False, "proven": "", "whole": False, "found": 0,
                "unnamed": (),
                **values,
            },
        )  # fmt: skip


def _unknown(form: SearchForm, query: Query) -> list[str]:
    """That no record names the user of a question, as it was typed: on record it is not."""
    return [f"no record names the user {form.user}"] if query.user == NOBODY else []


def _place_of(pasted: str) -> str:
    """Where what an id stands for is shown. Raises Wrong."""
    found = _PASTED.fullmatch(pasted)
    if found is None:
        raise Wrong(400, "That is no id: those of tasks, calls, questions and traces are known.")
    task, call, question = found.groups()
    if task:
        return f"/tasks/{pasted}"
    if call:
        return f"/calls/{pasted}"
    return SearchForm(**{"approval" if question else "trace": pasted}).link()


def _how(fields: dict[str, str]) -> _How:
    """How the answer is wanted, out of the fields of a link. Raises Wrong."""
    told, prove, text = (fields.pop(name, "") for name in ("format", "prove", "after"))
    found = _AFTER.fullmatch(text)
    if text and found is None:
        raise Wrong(400, "No page ended there.")
    if told not in ("", "json"):
        raise Wrong(400, "What was found can be had as a page, or as JSON.")
    after = None if found is None else End(int(found[1]), int(found[2]))
    return _How(after, bool(prove), bool(told))


def _answer(hits: Iterable[Hit]) -> Answer:
    return answer((hit.entry.n, hit.data) for hit in hits)
