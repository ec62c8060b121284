"""A server on a loop of its own, in a thread of its own, for tests that wait for a process."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Generator
from concurrent.futures import Future
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import TypeVar

T = TypeVar("T")


@contextmanager
def in_a_thread(serving: AbstractAsyncContextManager[T]) -> Generator[T]:
    """Keeps an asynchronous context open meanwhile, and yields what it gives. Raises what entering
    it raises.
    """
    loop = asyncio.new_event_loop()
    closing = asyncio.Event()
    given: Future[T] = Future()

    async def serve() -> None:
        try:
            async with serving as entered:
                given.set_result(entered)
                await closing.wait()
        except BaseException as fault:
            if given.done():
                raise
            given.set_exception(fault)

    def work() -> None:
        with asyncio.Runner(loop_factory=lambda: loop) as runner:
            runner.run(serve())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        entered = given.result()
        try:
            yield entered
        finally:
            loop.call_soon_threadsafe(closing.set)
    finally:
        thread.join()
