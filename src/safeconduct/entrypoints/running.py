"""Calls that are under way, so that the one who sent them can end them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final, TypeVar, cast

import msgspec

from safeconduct.entrypoints.http import Receive
from safeconduct.entrypoints.wire import Id

PATIENCE_S: Final = 0.05
"""How long a call runs before its connection is watched. Most are over by then, and a task that
waits for a disconnect costs more than the rest of the entrypoint together.
"""

_T = TypeVar("_T")


class Key(msgspec.Struct, frozen=True):
    """Whose request it is: a JSON-RPC id means something to one token at one endpoint alone."""

    authorization: str
    path: str
    id: Id


class Cancelled(Exception):
    """The sender of a call ended it, by a notification or by going away."""


class Running:
    """The calls of this process that are under way."""

    def __init__(self, patience_s: float = PATIENCE_S) -> None:
        self._patience_s = patience_s
        self._calls: dict[Key, list[_Call]] = {}

    async def run(self, key: Key, receive: Receive, call: Callable[[], Awaitable[_T]]) -> _T:
        """Awaits a call in the current task, and cancels it there when its sender ends it.

        Raises Cancelled.
        """
        this = _Call(receive)
        same = self._calls.setdefault(key, [])
        same.append(this)
        timer = asyncio.get_running_loop().call_later(self._patience_s, this.watch)
        try:
            return await call()
        except asyncio.CancelledError:
            if not this.alone():
                raise
            raise Cancelled from None
        finally:
            timer.cancel()
            this.close()
            same.remove(this)
            if not same:
                del self._calls[key]

    def cancel(self, key: Key) -> None:
        """Ends the call that runs under a key. Two calls under one key are not told apart: neither
        is ended, as a call cut off in the middle may be one whose effect nobody knows.
        """
        match self._calls.get(key):
            case [only]:
                only.end()
            case _:
                pass


class _Call:
    def __init__(self, receive: Receive) -> None:
        self.ended = False
        self._receive = receive
        self._task = cast("asyncio.Task[object]", asyncio.current_task())
        self._watcher: asyncio.Task[None] | None = None

    def watch(self) -> None:
        """From now on, a disconnect ends the call."""
        self._watcher = asyncio.get_running_loop().create_task(self._until_gone())

    def end(self) -> None:
        """Cancels once: the page records the outcome while it is being cancelled."""
        if not self.ended:
            self.ended = True
            self._task.cancel()

    def alone(self) -> bool:
        """Whether the sender has ended this call, and nobody else its task."""
        return self.ended and self._task.cancelling() == 1

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
        if self.ended:
            # Answered for: time limits and task groups further out must not take it for theirs.
            self._task.uncancel()

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self.end()
