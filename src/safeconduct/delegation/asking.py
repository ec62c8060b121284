"""Who asks the gateway for something that is no task token: workloads, each known by its SVID."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Final

from safeconduct.ports import (
    Caller,
    Evidence,
    Ledger,
    LedgerConflict,
    LedgerFault,
    Tasks,
    TokenRefused,
    Unauthenticated,
)

_log = logging.getLogger(__name__)

_NOBODY: Final = "The client is not authenticated."


def nobody(nonce: str | None = None, why: str = "") -> TokenRefused:
    """The refusal of whoever proved nothing."""
    return TokenRefused("invalid_client", _NOBODY, status=401, nonce=nonce, why=why)


class Asking:
    """Each method raises TokenRefused."""

    def __init__(
        self,
        *,
        evidence: Evidence,
        tasks: Tasks,
        ledger: Ledger,
        clock_ms: Callable[[], int],
        new_id: Callable[[str], str],
    ) -> None:
        self._evidence = evidence
        self._tasks = tasks
        self._ledger = ledger
        self._clock_ms = clock_ms
        self._new_id = new_id

    async def shown(
        self, svid: str | None, caller: Caller, what: str, *, named: str | None = None
    ) -> str:
        """Who shows a JWT-SVID, which is used up by it, and proves its key where it names one; that
        it was shown for `what` is on record. They are who they are `named`, if they are.
        """
        if svid is None:
            raise nobody()
        now_ms = self._clock_ms()
        try:
            client = await self._evidence.workload(svid, now_ms)
            if client.key is not None:
                self._evidence.possession(caller, now_ms, token=None, key=client.key)
        except Unauthenticated as fault:
            raise nobody(fault.nonce, fault.why) from None
        self._live(client.id, client.key)
        if named not in {None, client.id}:
            raise nobody()
        record = {
            "kind": "client",
            "phase": what,
            "client": client.id,
            "at_ms": now_ms,
            "consumes": [f"svid:{client.digest}"],
        }
        await self.durably(self._ledger.append(record))
        return client.id

    async def certified(self, caller: Caller) -> str:
        """Whose X.509-SVID came with the request."""
        shown = caller.certificate
        if shown is None:
            raise nobody()
        try:
            client = await self._evidence.certified(shown, self._clock_ms())
        except Unauthenticated as fault:
            raise nobody(why=fault.why) from None
        self._live(client.id, shown.key, shown.thumbprint)
        return client.id

    def _live(self, client: str, key: str | None, certificate: str = "") -> None:
        if self._tasks.revoked(
            agent=client, user="", key=key or "", jti="", certificate=certificate
        ):
            raise nobody(why=f"{client} or its key was revoked")

    async def durably(self, step: Awaitable[object]) -> None:
        """Waits for what writes records."""
        try:
            await step
        except LedgerConflict:
            # An SVID that was used before authenticates nobody.
            raise nobody() from None
        except LedgerFault:
            incident = self._new_id("i")
            _log.exception("nothing can be recorded, incident %s", incident)
            raise TokenRefused(
                "temporarily_unavailable", f"Nothing can be recorded: {incident}", status=503
            ) from None
