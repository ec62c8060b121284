"""Fetches signals from a transmitter that does not push them (RFC 8936)."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import msgspec
import orjson

from safeconduct.kit import strictjson
from safeconduct.kit.fetch import FetchError, fetch
from safeconduct.ports import CredentialUnavailable, LedgerFault, SignalRefused, SignalUnjudged

MAX_EVENTS: Final = 32
"""How many signals are asked for at once."""

LONGEST_PAUSE_S: Final = 60.0
"""How long to wait at most after failures in a row, in seconds."""

_log = logging.getLogger(__name__)


class _Answer(msgspec.Struct, frozen=True, rename="camel"):
    """RFC 8936 section 2.3."""

    sets: dict[str, str]
    more_available: bool = False


class Polling:
    """Polls one transmitter."""

    def __init__(
        self,
        url: str,
        take: Callable[[str], Awaitable[None]],
        *,
        authorization: Callable[[], str | None],
        every_s: float,
        ca: Path | None = None,
    ) -> None:
        """`authorization` reads the header's value anew for each request; it raises
        CredentialUnavailable.
        """
        self._url = url
        self._take = take
        self._authorization = authorization
        self._every_s = every_s
        self._ca = ca
        # What the transmitter is told with the next request: that it need not say these again.
        self._taken: list[str] = []
        self._refused: dict[str, dict[str, str]] = {}

    async def run(self) -> None:
        """Until cancelled. What is not acknowledged is told again, so nothing is lost."""
        pause_s = self._every_s
        while True:
            try:
                more = await self.once()
            except (
                FetchError, ValueError, CredentialUnavailable, LedgerFault, SignalUnjudged
            ) as fault:  # fmt: skip
                _log.error("no signals of %s: %s", self._url, fault)
                pause_s = min(2 * pause_s, max(LONGEST_PAUSE_S, self._every_s))
                await asyncio.sleep(pause_s)
                continue
            pause_s = self._every_s
            if not more:
                await asyncio.sleep(pause_s)

    async def once(self) -> bool:
        """Asks once and takes what comes; whether there is more.

        Raises:
            FetchError, ValueError: no intelligible answer.
            CredentialUnavailable: nothing was asked.
            LedgerFault, SignalUnjudged: a signal could not be recorded, or judged; it and later
                ones come again.
        """
        asked: dict[str, Any] = {"maxEvents": MAX_EVENTS, "returnImmediately": True}
        taken, refused = list(self._taken), dict(self._refused)
        if taken:
            asked["ack"] = taken
        if refused:
            asked["setErrs"] = refused
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        authorization = self._authorization()
        if authorization is not None:
            headers["Authorization"] = authorization
        got = await fetch(
            self._url, method="POST", headers=headers, body=orjson.dumps(asked), ca=self._ca
        )
        if got.status != 200:
            raise FetchError(f"HTTP status {got.status}")
        document = strictjson.loads(got.body, max_depth=4, max_bytes=len(got.body) + 1)
        answer = msgspec.convert(document, _Answer)
        self._taken = self._taken[len(taken) :]
        self._refused = {jti: e for jti, e in self._refused.items() if jti not in refused}
        for jti, token in list(answer.sets.items())[:MAX_EVENTS]:
            try:
                await self._take(token)
            except SignalRefused as fault:
                _log.warning("refused a signal of %s: %s", self._url, fault.sentence)
                self._refused[jti] = {"err": fault.code, "description": fault.sentence}
            else:
                self._taken.append(jti)
        return answer.more_available
