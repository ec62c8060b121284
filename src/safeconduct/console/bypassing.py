"""The page on which an approver has a question not asked for some minutes."""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from safeconduct.approvals.bypassing import MAX_WHY, Bypasses, Wanted
from safeconduct.approvals.passkeys import Passkeys
from safeconduct.console.pages import INBOX, SIGN_IN, Here, Pages, go
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

    async def form(self, request: Request) -> Response:
        """Which question, for how long, and why."""
        here = self._here(request)
        if here is None:
            return go(SIGN_IN)
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

    def _here(self, request: Request) -> Here | None:
        if self._most_minutes is None:
            raise Wrong(404, "Nobody may have a question not asked here.")
        here = self._pages.here(request)
        if here is not None and here.session.how == "enrolment":
            raise Wrong(403, "With this link you can register a passkey. Then sign in with it.")
        return here

    async def _wanted(self, request: Request) -> tuple[Here, Wanted, dict[str, str]]:
        here = self._here(request)
        if here is None:
            raise Wrong(401, "You are not signed in any more. Load the page again.")
        form = await self._pages.form(request, here)
        minutes = form.get("minutes", "")
        if not (minutes.isascii() and minutes.isdigit() and len(minutes) <= 3):
            raise Wrong(400, "Say for how many minutes.")
        why = " ".join(form.get("why", "").split())
        wanted = Wanted(template=form.get("template", ""), minutes=int(minutes), why=why)
        return here, wanted, form
