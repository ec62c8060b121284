"""Exporting a case: evidence for somebody who has neither the log nor this program."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import BinaryIO, Final

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from safeconduct.audit import cases
from safeconduct.audit.cases import Case
from safeconduct.audit.index.query import Query
from safeconduct.audit.index.searching import Search
from safeconduct.audit.reads import answer, asked
from safeconduct.audit.records import PAYLOAD
from safeconduct.console.pages import Here, Pages, Way
from safeconduct.console.proofs import Looked, look
from safeconduct.console.rates import Rates
from safeconduct.console.records import Records
from safeconduct.console.search_form import SEARCH, read
from safeconduct.console.wrong import Wrong

PER_MINUTE: Final = 6
"""How often a minute one person may export."""

MAX_NAME: Final = 128
MOST_BYTES: Final = 64 << 20
"""How many bytes of what was sealed go into a case here at most."""

TOO_LARGE: Final = (
    f"More than {MOST_BYTES >> 20} MiB were sealed with these records, which is too much for a "
    "page. Ask for less, or use `safeconduct audit export`."
)

_PIECE: Final = 1 << 16


class ExportPages:
    """Cases, of what was searched for and of tasks. What was sealed stays sealed in them."""

    def __init__(self, pages: Pages, proofs: Records) -> None:
        """`proofs` reads where a proof may wait for the next checkpoint, and nobody for it."""
        self._pages = pages
        self._proofs = proofs
        self._rates = Rates(PER_MINUTE, pages.clock_ms)

    def ways(self) -> tuple[Way, ...]:
        """Its pages."""
        return (
            Way("POST", f"{SEARCH}/export", self.search),
            Way("POST", "/tasks/{task}/export", self.task),
        )

    async def search(self, request: Request) -> Response:
        """A case of what is searched for."""
        here, name, form = await self._named(request)
        now_ms = self._pages.clock_ms()
        proofs = self._proofs
        query = read(form).query(proofs.tenant, proofs.pseudonym, now_ms, now_ms)
        return await self._exported(here, name, query)

    async def task(self, request: Request) -> Response:
        """A case of a task."""
        here, name, _ = await self._named(request)
        task = request.path_params["task"]
        now_ms = self._pages.clock_ms()
        query = Query(tenant=self._proofs.tenant, task=task, until_ms=now_ms)
        return await self._exported(here, name, query)

    async def _named(self, request: Request) -> tuple[Here, str, dict[str, str]]:
        """Who exports, what they call the case, and the other fields of the form. Raises Wrong."""
        here = self._pages.require(request, "analyst", reads=True)
        form = await self._pages.form(request, here)
        name = " ".join(form.pop("case", "").split())
        if not name or len(name) > MAX_NAME:
            raise Wrong(400, f"Give the case a name of at most {MAX_NAME} characters.")
        if not self._rates.allow(here.approver.user):
            raise Wrong(429, "That was too much at once. Wait a minute.")
        return here, name, form

    async def _exported(self, here: Here, name: str, query: Query) -> Response:
        proofs = self._proofs

        def looked(search: Search) -> Case | None:
            found = look(search, query)
            if not found.found and not found.gathered.hits:
                return None
            return cases.case(name, search, query, *_bounded(found))

        one = await proofs.aside(here, looked)
        if one is None:
            await proofs.note(here, "export", asked(query), answer(()))
            raise Wrong(404, "No record answers this.")
        said = answer((hit.entry.n, hit.data) for hit in one.found)
        more = {} if one.last is None else {"task": one.last}
        n = await proofs.note(here, "export", asked(query), said, case=one.digest, **more)

        def written(search: Search) -> BinaryIO:
            place = Path(tempfile.mkdtemp(prefix="safeconduct-case-"))
            try:
                cases.write(place / "case.zip", search, proofs.directory, one, n, {})
                return (place / "case.zip").open("rb")  # which goes on without its name
            finally:
                shutil.rmtree(place)

        file = await proofs.aside(here, written)
        return _Sent(file, f"case-{one.digest[:12]}.zip")


class _Sent(Response):
    """A file, piece by piece: it need not fit into memory, and has no name any more."""

    def __init__(self, file: BinaryIO, name: str) -> None:
        headers = {
            "content-disposition": f'attachment; filename="{name}"',
            "content-length": str(file.seek(0, os.SEEK_END)),
        }
        super().__init__(headers=headers, media_type="application/zip")
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The answer (ASGI)."""
        del scope, receive
        with self._file as file:
            file.seek(0)
            start = {"type": "http.response.start", "status": 200, "headers": self.raw_headers}
            await send(start)
            while piece := file.read(_PIECE):
                await send({"type": "http.response.body", "body": piece, "more_body": True})
            await send({"type": "http.response.body", "body": b""})


def _bounded(looked: Looked) -> Looked:
    """What was looked up, if it is not too much. Raises Wrong."""
    sealed = (hit.record.get(PAYLOAD, {}) for hit in looked.found)
    if sum(one["bytes"] for one in sealed if "at" in one) > MOST_BYTES:
        raise Wrong(400, TOO_LARGE)
    return looked
