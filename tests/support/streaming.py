"""A browser that watches a stream of the console."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlsplit

from starlette.types import Message

from tests.support.consoling import Browser

Event = tuple[str, Any]


class Watching:
    """What comes over a stream that is open, until `leave`."""

    def __init__(self, browser: Browser, path: str) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._texts: asyncio.Queue[str] = asyncio.Queue()
        self._left = asyncio.Event()
        self._taking = asyncio.Event()
        self._taking.set()
        self._begun = asyncio.Event()
        self.task = asyncio.create_task(self._run(browser, path))

    async def begun(self) -> None:
        """Waits until it answers."""
        await self._begun.wait()

    async def events(self, count: int) -> list[Event]:
        """The next events; a heartbeat is one without a name."""
        found: list[Event] = []
        while len(found) < count:
            found += [_event(one) for one in (await self._texts.get()).split("\n\n") if one]
        return found

    def hold(self) -> None:
        """Takes nothing more, as a browser that is slow."""
        self._taking.clear()

    def go_on(self) -> None:
        self._taking.set()

    async def leave(self) -> None:
        """Closes it, and waits until the console knows."""
        self._left.set()
        await self.task

    async def _run(self, browser: Browser, path: str) -> None:
        target, _, query = path.partition("?")
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
        asked = [True]

        async def receive() -> Message:
            if asked:
                asked.clear()
                return {"type": "http.request", "body": b"", "more_body": False}
            await self._left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            await self._taking.wait()
            if message["type"] == "http.response.start":
                self.status = message["status"]
                self.headers = {name.decode(): value.decode() for name, value in message["headers"]}
                self._begun.set()
            else:
                self._texts.put_nowait(message.get("body", b"").decode())

        await browser.app(
            {
                "type": "http",
                "asgi": {"version": "3.0"},
                "http_version": "1.1",
                "method": "GET",
                "scheme": "http",
                "path": target,
                "raw_path": target.encode(),
                "query_string": query.encode(),
                "root_path": "",
                "headers": [
                    (b"host", urlsplit(browser.url).netloc.encode()),
                    (b"accept", b"text/event-stream"),
                    (b"cookie", cookie.encode()),
                ],
                "client": ("192.0.2.7", 40000),
                "server": ("localhost", 8790),
            },
            receive,
            send,
        )


@asynccontextmanager
async def watching(browser: Browser, path: str = "/live/stream") -> AsyncGenerator[Watching]:
    """A stream that has begun."""
    stream = Watching(browser, path)
    await stream.begun()
    try:
        yield stream
    finally:
        stream.go_on()
        await stream.leave()


def _event(text: str) -> Event:
    fields = dict(line.split(": ", 1) for line in text.split("\n") if ": " in line)
    return fields.get("event", ""), json.loads(fields["data"]) if "data" in fields else None
