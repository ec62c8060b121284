"""The page of one's passkeys: register, name, remove."""

from __future__ import annotations

from typing import Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from safeconduct.approvals.passkeys import MAX_LABEL, Passkeys
from safeconduct.console.pages import (
    KEYS,
    SIGN_IN,
    VISITING,
    Here,
    Pages,
    Registered,
    SignInFirst,
    Way,
    go,
)
from safeconduct.console.signing_in import answered
from safeconduct.console.wrong import Wrong

_STALE: Final = "You signed in too long ago for this. Sign in again."


class KeysPages:
    """A person's own passkeys. Whoever changes them has signed in within the last five minutes, so
    that a screen left alone, or a session in other hands, makes nobody an approver for good.
    """

    def __init__(
        self,
        pages: Pages,
        passkeys: Passkeys,
        registered: Registered,
    ) -> None:
        """`registered` are the passkeys of a user."""
        self._pages = pages
        self._passkeys = passkeys
        self._registered = registered

    def ways(self) -> tuple[Way, ...]:
        """Its pages."""
        return (
            Way("GET", KEYS, self.keys),
            Way("POST", KEYS, self.register),
            Way("POST", f"{KEYS}/options", self.options),
            Way("POST", f"{KEYS}/remove", self.remove),
        )

    async def keys(self, request: Request) -> Response:
        """The passkeys, and how to get another one."""
        here = self._signed_in(request)
        return self._pages.page(
            "keys.html",
            here,
            at=KEYS,
            keys=list(self._registered(here.approver.user)),
            lately=here.session.lately(self._pages.clock_ms()) and here.session.how != "visit",
            max_label=MAX_LABEL,
        )

    async def options(self, request: Request) -> Response:
        """What the browser is asked so that a passkey is made."""
        here = self._changing(request)
        await self._pages.form(request, here)
        ceremony, asked = self._passkeys.register(here.approver.user)
        return JSONResponse({"ceremony": ceremony, "publicKey": asked})

    async def register(self, request: Request) -> Response:
        """A passkey was made."""
        here = self._changing(request)
        form = await self._pages.form(request, here)
        if not form.get("response"):
            raise Wrong(400, "A passkey is made by the script of this page.")
        enrolling = here.session.how == "enrolment"
        if enrolling and not self._pages.leave(request):
            # The link was for one passkey, however many are sent at once.
            raise SignInFirst
        label = " ".join(form.get("label", "").split())[:MAX_LABEL] or "Passkey"
        await self._passkeys.registered(
            form.get("ceremony", ""),
            here.approver.user,
            answered(form),
            label=label,
            by=here.session.by,
        )
        if enrolling:
            return self._pages.forget(go(f"{SIGN_IN}?registered=1"))  # with the new passkey
        return _done(here, f"Registered: {label}.")

    async def remove(self, request: Request) -> Response:
        """A passkey is lost, or not used any more."""
        here = self._changing(request)
        if here.session.how == "enrolment":
            raise Wrong(403, "With this link you can register a passkey. Then sign in with it.")
        form = await self._pages.form(request, here)
        user, credential = here.approver.user, form.get("credential", "")
        await self._passkeys.remove(user, credential, by=here.session.by)
        return _done(here, "Removed. It opens nothing here any more.")

    def _signed_in(self, request: Request) -> Here:
        """Also who came by a link, to register a passkey."""
        here = self._pages.here(request)
        if here is None:
            raise SignInFirst
        return here

    def _changing(self, request: Request) -> Here:
        here = self._signed_in(request)
        if here.session.how == "visit":
            raise Wrong(403, VISITING)
        if not here.session.lately(self._pages.clock_ms()):
            raise Wrong(403, _STALE)
        return here


def _done(here: Here, said: str) -> Response:
    here.session.said = said
    return go(KEYS)
