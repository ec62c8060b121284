"""Calls that are under way, so that the one who sent them can end them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar, cast

import msgspec

from safeconduct.entrypoints.http import Request
from safeconduct.entrypoints.wire import Id

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

    def __init__(self) -> None:
        self._calls: dict[Key, list[_Call]] = {}

    async def run(self, key: Key, request: Request, call: Awaitable[_T]) -> _T:
        """Awaits a call in the current task, and cancels it there when its sender ends it.

        Raises Cancelled.
        """
        this = _Call()
        same = self._calls.setdefault(key, [])
        same.append(this)
        request.when_gone(this.end)
        try:
            return await call
        except asyncio.CancelledError:
            if not this.alone():
                raise
            raise Cancelled from None
        finally:
            request.when_gone(None)
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
    def __init__(self) -> None:
        self.ended = False
        self._task = cast("asyncio.Task[object]", asyncio.current_task())

    def end(self) -> None:
        """Cancels once: the page records the outcome while it is being cancelled."""
        if not self.ended:
            self.ended = True
            self._task.cancel()

    def alone(self) -> bool:
        """Whether the sender has ended this call, and nobody else its task."""
        return self.ended and self._task.cancelling() == 1

    def close(self) -> None:
        if self.ended:
            # Answered for: time limits and task groups further out must not take it for theirs.
            self._task.uncancel()
