"""A stream of decisions to one browser, as server-sent events (WHATWG HTML, section 9.2).

It lasts as long as the person may watch: until the sign-out, the end of their session or of their
role, or the stop of the gateway. It is on record before anything is sent, and at its end with what
was shown.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final

import msgspec
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from safeconduct.audit.reads import Answer, Answering
from safeconduct.console.streams import Decision, News, Watcher
from safeconduct.console.view import stamp
from safeconduct.console.visible import written
from safeconduct.ports import LedgerFault

HEARTBEAT_S: Final = 15.0
"""How long a stream says nothing at most, in seconds."""

SEND_S: Final = 20.0
"""How long a browser may take to take what is sent, in seconds."""

AGAIN_MS: Final = 3_000
"""How soon a browser comes back that lost its stream, in milliseconds."""

_HEADERS: Final = [
    (b"content-type", b"text/event-stream; charset=utf-8"),
    (b"x-accel-buffering", b"no"),  # a proxy in between passes on at once
]

_log = logging.getLogger(__name__)


class Stream(Response):
    """The answer that lasts."""

    def __init__(
        self,
        watcher: Watcher,
        *,
        over: Callable[[], str],
        named: Callable[[str], str],
        ended: Callable[[Answer], Awaitable[None]],
        meanwhile: Mapping[str, int],
    ) -> None:
        """`over` says why it ends, where it does; `named` calls a pseudonym by its user, `ended` is
        told what was shown, and `meanwhile` are the verdicts since the browser last knew of any.
        """
        super().__init__()
        self._watcher = watcher
        self._over = over
        self._named = named
        self._ended = ended
        self._meanwhile = meanwhile
        self._shown = Answering()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends until it is over, or the browser has gone (ASGI)."""
        telling = asyncio.create_task(self._tell(send))
        gone = asyncio.create_task(_gone(receive))
        try:
            await asyncio.wait((telling, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            # Who takes this down does not take the record along.
            await asyncio.shield(asyncio.create_task(self._end(telling, gone)))

    async def _end(self, *parts: asyncio.Task[None]) -> None:
        for one in parts:
            one.cancel()
        for wrong in await asyncio.gather(*parts, return_exceptions=True):
            if isinstance(wrong, Exception) and not isinstance(wrong, TimeoutError):
                _log.error("a stream of the console failed", exc_info=wrong)
        try:
            await self._ended(self._shown.answer())
        except LedgerFault as fault:
            _log.error("what a stream of the console showed could not be recorded: %s", fault)

    async def _tell(self, send: Send) -> None:
        loop = asyncio.get_running_loop()
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        begun = f"retry: {AGAIN_MS}\n" + _event("meanwhile", self._meanwhile)
        await _write(send, begun)
        wrote_s = loop.time()
        while not (why := self._over()):
            await self._watcher.ticked.wait()
            news = self._watcher.take()
            if news is None and loop.time() - wrote_s < HEARTBEAT_S:
                continue
            await _write(send, ":\n\n" if news is None else _event("decisions", self._told(news)))
            wrote_s = loop.time()
        await _write(send, _event("over", {"why": why}))
        await send({"type": "http.response.body", "body": b""})

    def _told(self, news: News) -> dict[str, Any]:
        for one in news.rows:
            self._shown.take(one.said.n, one.data)
        return {
            "matched": news.matched,
            "missed": news.missed,
            "until_ms": max((one.said.at_ms for one in news.rows), default=0),
            "rows": [self._row(one.said) for one in news.rows],
            "groups": [
                [written(tool), written(verdict), written(reason), count]
                for (tool, verdict, reason), count in news.groups
            ],
        }

    def _row(self, one: Decision) -> dict[str, str]:
        """A decision in words of which none steers, reorders or hides."""
        said = one.verdict, one.tool, one.agent, self._named(one.user), one.reason
        names = "verdict", "tool", "agent", "user", "reason"
        return {
            "decision": one.decision,
            "at": stamp(one.at_ms),
            **{name: written(text) for name, text in zip(names, said, strict=True)},
        }


async def _gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _event(name: str, value: object) -> str:
    return f"event: {name}\ndata: {msgspec.json.encode(value).decode()}\n\n"


async def _write(send: Send, text: str) -> None:
    """Raises TimeoutError: nobody takes it."""
    async with asyncio.timeout(SEND_S):
        await send({"type": "http.response.body", "body": text.encode(), "more_body": True})
