"""The page on which an approver has a question not asked for some minutes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from safeconduct.approvals.bypassing import MAX_WHY, Bypasses, Wanted
from safeconduct.approvals.passkeys import Passkeys
from safeconduct.console.pages import INBOX, Here, Pages, Way, go
from safeconduct.console.signing_in import answered
from safeconduct.console.wrong import Wrong

BYPASS: Final = "/bypass"


class BypassPages:
    """Giving a bypass. Without `bypass_minutes` there is no such page."""

    def __init__(
        self,
        pages: Pages,
        bypasses: Bypasses,
        passkeys: Passkeys,
        templates: Collection[str],
        most_minutes: int | None,
    ) -> None:
        self._pages = pages
        self._bypasses = bypasses
        self._passkeys = passkeys
        self._templates = templates
        self._most_minutes = most_minutes

    def ways(self) -> tuple[Way, ...]:
        """Its pages."""
        return (
            Way("GET", BYPASS, self.form),
            Way("POST", BYPASS, self.give),
            Way("POST", f"{BYPASS}/options", self.options),
        )

    async def form(self, request: Request) -> Response:
        """Which question, for how long, and why."""
        here = self._here(request)
        return self._pages.page(
            "bypass.html",
            here,
            templates=sorted(self._templates),
            most_minutes=self._most_minutes,
            max_why=MAX_WHY,
        )

    async def options(self, request: Request) -> Response:
        """What the browser is asked so that a passkey signs this bypass."""
        here, wanted, _ = await self._wanted(request)
        challenge = self._bypasses.challenge(here.approver, wanted)
        return JSONResponse({"publicKey": self._passkeys.options(here.approver, challenge)})

    async def give(self, request: Request) -> Response:
        """A passkey has signed it."""
        here, wanted, form = await self._wanted(request)
        if not form.get("response"):
            raise Wrong(400, "This needs your passkey, and that needs the script of this page.")
        bypass = await self._bypasses.give(here.approver, wanted, answered(form))
        minutes = f"{wanted.minutes} minutes"
        here.session.said = f"Nobody is asked about {wanted.template} for {minutes} ({bypass})."
        return go(INBOX)

    def _here(self, request: Request) -> Here:
        if self._most_minutes is None:
            raise Wrong(404, "Nobody may have a question not asked here.")
        return self._pages.require(request)

    async def _wanted(self, request: Request) -> tuple[Here, Wanted, dict[str, str]]:
        here = self._here(request)
        form = await self._pages.form(request, here)
        minutes = form.get("minutes", "")
        if not (minutes.isascii() and minutes.isdigit() and len(minutes) <= 3):
            raise Wrong(400, "Say for how many minutes.")
        why = " ".join(form.get("why", "").split())
        wanted = Wanted(template=form.get("template", ""), minutes=int(minutes), why=why)
        return here, wanted, form
