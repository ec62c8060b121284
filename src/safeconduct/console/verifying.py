"""Verifying the log in the browser: what the page needs are bytes, and nothing that we say of them.

The checkpoint, the tiles of hashes and the exact bytes of one record are served as they are. What
they prove is worked out by `static/verify.js`, which holds them to what it saw the last time.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from safeconduct.audit import checkpoint, tiles
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Search
from safeconduct.audit.reads import answer
from safeconduct.audit.signer.notary import PUBLIC
from safeconduct.audit.tiles import WIDTH, Hashes
from safeconduct.console.pages import Pages, Way
from safeconduct.console.records import Records
from safeconduct.console.wrong import Wrong

VERIFY: Final = "/verify"
LOG: Final = "/log"

_NUMBER: Final = re.compile(r"0|[1-9][0-9]{0,14}")
_TILE: Final = re.compile(r"((?:x[0-9]{3}/){0,4}[0-9]{3})(?:\.p/([1-9][0-9]{0,2}))?")
_MAX_LEVEL: Final = 7

_BYTES: Final = "application/octet-stream"
_NONE: Final = Wrong(404, "The log has no such tile under its checkpoint.")


class VerifyingPages:
    """The page, and the bytes that it asks for."""

    def __init__(self, pages: Pages, records: Records) -> None:
        """`records` reads for these pages alone: who searches waits for no thousands of tiles."""
        self._pages = pages
        self._records = records
        # Used only in the thread that reads. What tiles are made of stays at hand while the log
        # has the size that somebody verifies.
        self._hashes: Hashes | None = None
        self._size = -1

    def ways(self) -> tuple[Way, ...]:
        """Its pages."""
        return (
            Way("GET", VERIFY, self.verify),
            Way("GET", f"{LOG}/checkpoint", self.checkpoint),
            Way("GET", f"{LOG}/tile/{{level}}/{{index:path}}", self.tile),
            Way("GET", f"{LOG}/entry/{{n}}", self.entry),
        )

    async def verify(self, request: Request) -> Response:
        """The page: the log's key, and the script that does the rest."""
        here = self._pages.require(request, "analyst")
        n = request.query_params.get("n", "")
        key = await self._records.look(here, _key)
        return self._pages.page(
            "verify.html",
            here,
            at=VERIFY,
            key=key,
            n=n if _NUMBER.fullmatch(n) else "",
        )

    async def checkpoint(self, request: Request) -> Response:
        """The newest checkpoint, as it is signed."""
        here = self._pages.require(request, "analyst", active=False)
        note = await self._records.look(here, _checkpoint)
        return Response(note, media_type="text/plain; charset=utf-8")

    async def tile(self, request: Request) -> Response:
        """The hashes of a tile (C2SP tlog-tiles), whole or as many of them as are asked for."""
        here = self._pages.require(request, "analyst", active=False)
        level, found = request.path_params["level"], _TILE.fullmatch(request.path_params["index"])
        if found is None or not _NUMBER.fullmatch(level) or int(level) > _MAX_LEVEL:
            raise _NONE
        index = int(found[1].replace("x", "").replace("/", ""))
        width = WIDTH if found[2] is None else int(found[2])
        if tiles.path(int(level), index, width) != f"tile/{level}/{found[0]}":
            raise _NONE  # one tile has one address
        row = await self._records.look(here, lambda log: self._row(log, int(level), index))
        if len(row) < width:
            raise _NONE
        return Response(b"".join(row[:width]), media_type=_BYTES)

    async def entry(self, request: Request) -> Response:
        """The exact bytes of a record; that they were shown is on record."""
        here = self._pages.require(request, "analyst", active=False)
        if not _NUMBER.fullmatch(request.path_params["n"]):
            raise Wrong(404, "A record has a number.")
        n = int(request.path_params["n"])
        data = await self._records.look(here, lambda log: _entry(log, n), records=True)
        own, said = self._records.tenant, msgspec.json.decode(data, type=_Whose)
        if said.tenant != own and (
            said.tenant is not None
            or not await self._records.aside(here, lambda search: _is_of(search, own, n, said))
        ):
            raise Wrong(404, "This record is not of this tenant.")
        await self._records.note(here, "show", {"record": n}, answer([(n, data)]))
        return Response(data, media_type=_BYTES)

    # --- in the thread that reads -----------------------------------------------------------------

    def _row(self, log: Path, level: int, index: int) -> list[bytes]:
        size = _signed(log)
        if self._hashes is None or size != self._size:
            self._hashes, self._size = Hashes(log, size), size
        first = index * WIDTH
        if size >> (tiles.HEIGHT * level) <= first:
            raise _NONE
        return self._hashes.tile(level, index)


class _Whose(msgspec.Struct):
    """What a record says of its tenant, and when it was."""

    kind: str
    tenant: str | None = None
    at_ms: int | None = None
    started_ms: int | None = None


def _entry(log: Path, n: int) -> bytes:
    if n >= _signed(log):
        raise Wrong(404, f"No checkpoint covers a record {n} yet.")
    return tiles.entry(log, n)


def _is_of(search: Search, tenant: str, n: int, said: _Whose) -> bool:
    """Whether a record that names no tenant is of this one: the index knows whose its task is, or
    who wrote the log then.
    """
    at_ms = said.at_ms if said.at_ms is not None else said.started_ms
    if at_ms is None:
        return False
    query = Query(tenant=tenant, kind=said.kind, since_ms=at_ms, until_ms=at_ms + 1)
    return any(hit.entry.n == n for hit in search.find(query))


def _key(log: Path) -> str:
    """The key that the log says it is signed with; what the browser remembers is what counts."""
    try:
        return (log / PUBLIC).read_text().strip()
    except FileNotFoundError:
        return ""


def _checkpoint(log: Path) -> bytes:
    try:
        return (log / checkpoint.NAME).read_bytes()
    except FileNotFoundError:
        raise Wrong(404, "The log has no checkpoint yet. Look again in a minute.") from None


def _signed(log: Path) -> int:
    tree = checkpoint.load(log)
    return 0 if tree is None else tree.size
