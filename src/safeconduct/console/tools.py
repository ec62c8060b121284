"""The pages of the tools: how each stands, what changed, and accepting a definition."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from shlex import quote
from typing import Final
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from safeconduct.console.downloads import attached
from safeconduct.console.pages import Here, Pages, Way, go
from safeconduct.console.rates import Rates
from safeconduct.console.wrong import Wrong
from safeconduct.core.manifest import ToolManifest
from safeconduct.ports import JSON
from safeconduct.rooms import BEAT_S, BEATS_PER_REFRESH, Rooms
from safeconduct.tools.accepting import MAX_WHY, Acceptance, NotAccepted
from safeconduct.tools.inference import propose
from safeconduct.tools.reviewing import changed, stricter
from safeconduct.tools.scanning import shown
from safeconduct.tools.standing import OPEN, Tool, tools

TOOLS: Final = "/tools"

PER_MINUTE: Final = 60
"""How many definitions a minute one person may look at, or accept."""

LONGEST: Final = 100_000
"""How long a definition may be to be shown and accepted here, in characters: nobody reads more on a
page, and an upstream makes it as long as it likes."""

STALE: Final = "You signed in too long ago for this. Sign in again."


class ToolsPages:
    """For operators. What is accepted here stands on record, and the manifest's file is left."""

    def __init__(self, pages: Pages, rooms: Rooms) -> None:
        self._pages = pages
        self._rooms = rooms
        self._rates = Rates(PER_MINUTE, rooms.clock_ms)

    def ways(self) -> tuple[Way, ...]:
        """Its pages."""
        return (
            Way("GET", TOOLS, self.look),
            Way("POST", TOOLS, self.accept),
        )

    async def look(self, request: Request) -> Response:
        """All tools, or the one that the query names: a name may hold what no path can."""
        here = self._pages.require(request, "operator")
        if "tool" in request.query_params:
            return await self._one(request, here)
        found = self._tools()
        if request.query_params.get("format") == "json":
            told = {"tools": found, "unreachable": self._rooms.offers.unreachable}
            return attached(msgspec.json.encode(told), "application/json", "tools.json")
        return self._pages.page(
            "tools.html",
            here,
            at=TOOLS,
            open=[one for one in found if one.standing in OPEN],
            others=[one for one in found if one.standing not in OPEN],
            counts=Counter(one.upstream for one in found),
            unreachable=self._rooms.offers.unreachable,
            upstreams=self._rooms.config.root.upstreams,
            where=_where,
            every_s=int(BEATS_PER_REFRESH * BEAT_S),
        )

    async def accept(self, request: Request) -> Response:
        """The definition that was shown counts from now on."""
        here = self._pages.require(request, "operator")
        form = await self._pages.form(request, here)
        if not here.session.lately(self._pages.clock_ms()):
            raise Wrong(403, STALE)
        self._slowly(here)
        wanted = Acceptance(
            upstream=form.get("upstream", ""),
            tool=form.get("tool", ""),
            pin=form.get("pin", ""),
            before=form.get("before", ""),
            why=" ".join(form.get("why", "").split()),
            spoken=form.get("spoken") == "yes",
        )
        tool = self._found(wanted.upstream, wanted.tool)
        offer = self._rooms.offers.known.get(("tool", tool.upstream, tool.name))
        if offer is not None and await asyncio.to_thread(_lines, offer.definition) is None:
            raise Wrong(409, "This definition is too long to be read here, and so to be accepted.")
        try:
            await self._rooms.accepting.accept(wanted, here.approver.user)
        except NotAccepted as refused:
            raise Wrong(409, str(refused)) from None
        here.session.said = "Accepted: this definition counts as reviewed from now on."
        return go(_where(tool))

    async def _one(self, request: Request, here: Here) -> Response:
        self._slowly(here)
        query = request.query_params
        tool = self._found(query.get("upstream", ""), query["tool"])
        rooms = self._rooms
        offer = rooms.offers.known.get(("tool", tool.upstream, tool.name))
        manifest = rooms.catalogue.manifests[tool.upstream].tools.get(tool.name)
        definition = None if offer is None else offer.definition
        # Files are read and schemas are walked: no call waits for it.
        before = await asyncio.to_thread(rooms.accepting.before, tool.upstream, tool.name)
        lines, diff, doubts = await asyncio.to_thread(_read, tool, manifest, before, definition)
        return self._pages.page(
            "tool.html",
            here,
            at=TOOLS,
            tool=tool,
            manifest=manifest,
            offered=definition is not None,
            lines=lines,
            longest=LONGEST,
            diff=diff,
            kept=before is not None,
            doubts=doubts,
            found=() if offer is None else shown(offer.definition, offer.found),
            first=rooms.state.pin(f"{tool.upstream}#tools:{tool.name}"),
            lately=here.session.lately(self._pages.clock_ms()),
            named=quote(tool.name),
            file=rooms.config.root.upstreams[tool.upstream].manifests,
            max_why=MAX_WHY,
            where=_where,
            again=urlencode({"to": _where(tool)}),
        )

    def _tools(self) -> list[Tool]:
        rooms = self._rooms
        return tools(rooms.catalogue.manifests, rooms.offers, rooms.catalogue)

    def _found(self, upstream: str, name: str) -> Tool:
        for one in self._tools():
            if (one.upstream, one.name) == (upstream, name):
                return one
        raise Wrong(404, "No such tool is offered or described here.")

    def _slowly(self, here: Here) -> None:
        if not self._rates.allow(here.approver.user):
            raise Wrong(429, "That was too much at once. Wait a minute.")


def _where(tool: Tool) -> str:
    """The page of one tool."""
    return f"{TOOLS}?{urlencode({'upstream': tool.upstream, 'tool': tool.name})}"


def _lines(definition: JSON) -> list[str] | None:
    """The definition as it is shown; None: it is too long for that."""
    if len(msgspec.json.encode(definition)) > 4 * LONGEST:
        return None
    lines = json.dumps(definition, indent=2, ensure_ascii=False).split("\n")
    return lines if sum(map(len, lines)) <= LONGEST else None


def _read(
    tool: Tool, manifest: ToolManifest | None, before: JSON | None, definition: JSON | None
) -> tuple[list[str] | None, tuple[str, ...], tuple[str, ...]]:
    """What is offered, what changed since, and what inference would say more strictly than the
    manifest; nothing of a definition that is too long to be shown.
    """
    lines = None if definition is None else _lines(definition)
    if lines is None or definition is None:
        return None, (), ()
    diff = () if before is None else changed(before, definition)
    if manifest is None:
        return lines, diff, ()
    return lines, diff, stricter(tool.name, manifest, propose(tool.upstream, [definition]))
