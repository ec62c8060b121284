import asyncio
from collections.abc import Callable
from typing import NoReturn

import pytest

from safeconduct.entrypoints.http import Fields, Peer, Request
from safeconduct.entrypoints.running import Cancelled, Key, Running
from tests.support.front import BASE, unconnected

KEY = Key("DPoP a", "/mcp", 1)


class Wire:
    """A connection whose client can go away."""

    peer = Peer()

    def __init__(self) -> None:
        self.request = unconnected(BASE, self)
        self.gone: Callable[[], None] | None = None

    def when_gone(self, request: Request, call: Callable[[], None] | None) -> None:
        assert request is self.request
        self.gone = call

    def leave(self) -> None:
        assert self.gone is not None
        self.gone()

    def start(self, request: Request, headers: Fields, *, lasting: bool) -> NoReturn:
        raise NotImplementedError

    async def send(self, request: Request, data: bytes) -> NoReturn:
        raise NotImplementedError

    def finish(self, request: Request, *, close: bool) -> NoReturn:
        raise NotImplementedError


class Slow:
    """A call that ends when it is told to, and knows whether it was cancelled."""

    def __init__(self) -> None:
        self.begun = asyncio.Event()
        self.end = asyncio.Event()
        self.cancelled = 0

    async def __call__(self) -> str:
        self.begun.set()
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        return "done"


@pytest.fixture
def wire() -> Wire:
    return Wire()


@pytest.fixture
def slow() -> Slow:
    return Slow()


async def test_a_client_that_goes_away_ends_its_call(wire: Wire, slow: Slow) -> None:
    task = asyncio.ensure_future(Running().run(KEY, wire.request, slow()))
    await slow.begun.wait()
    wire.leave()
    with pytest.raises(Cancelled):
        await task
    assert slow.cancelled == 1


async def test_nobody_is_told_of_a_client_that_goes_away_after_its_call(
    wire: Wire, slow: Slow
) -> None:
    slow.end.set()
    assert await Running().run(KEY, wire.request, slow()) == "done"
    assert wire.gone is None


async def test_a_call_is_ended_once(wire: Wire, slow: Slow) -> None:
    running = Running()
    task = asyncio.ensure_future(running.run(KEY, wire.request, slow()))
    await slow.begun.wait()
    running.cancel(KEY)
    wire.leave()
    assert task.cancelling() == 1
    with pytest.raises(Cancelled):
        await task


async def test_a_call_can_be_ended_by_its_key(wire: Wire, slow: Slow) -> None:
    running = Running()
    task = asyncio.ensure_future(running.run(KEY, wire.request, slow()))
    await slow.begun.wait()
    running.cancel(KEY)
    running.cancel(KEY)
    with pytest.raises(Cancelled):
        await task
    assert slow.cancelled == 1


@pytest.mark.parametrize(
    "other",
    [Key("DPoP b", "/mcp", 1), Key("DPoP a", "/mcp/crm", 1), Key("DPoP a", "/mcp", "1")],
)
async def test_another_key_ends_nothing(wire: Wire, slow: Slow, other: Key) -> None:
    running = Running()
    task = asyncio.ensure_future(running.run(KEY, wire.request, slow()))
    await slow.begun.wait()
    running.cancel(other)
    slow.end.set()
    assert await task == "done"


async def test_of_two_calls_under_one_key_neither_is_ended(wire: Wire) -> None:
    running = Running()
    one, two = Slow(), Slow()
    tasks = [asyncio.ensure_future(running.run(KEY, wire.request, call())) for call in (one, two)]
    await one.begun.wait()
    await two.begun.wait()
    running.cancel(KEY)
    one.end.set()
    assert await tasks[0] == "done"
    running.cancel(KEY)
    with pytest.raises(Cancelled):
        await tasks[1]


async def test_a_call_that_is_over_cannot_be_ended(wire: Wire, slow: Slow) -> None:
    running = Running()
    slow.end.set()
    assert await running.run(KEY, wire.request, slow()) == "done"
    running.cancel(KEY)
    current = asyncio.current_task()
    assert current is not None
    assert current.cancelling() == 0


async def test_what_is_caught_is_answered_for(wire: Wire, slow: Slow) -> None:
    running = Running()

    async def serve() -> int:
        with pytest.raises(Cancelled):
            await running.run(KEY, wire.request, slow())
        current = asyncio.current_task()
        assert current is not None
        return current.cancelling()

    task = asyncio.ensure_future(serve())
    await slow.begun.wait()
    running.cancel(KEY)
    assert await task == 0


async def test_a_task_that_somebody_else_cancels_is_cancelled(wire: Wire, slow: Slow) -> None:
    running = Running()
    task = asyncio.ensure_future(running.run(KEY, wire.request, slow()))
    await slow.begun.wait()
    running.cancel(KEY)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_answer_in_spite_of_the_cancellation_is_an_answer(wire: Wire, slow: Slow) -> None:
    running = Running()

    async def stubborn() -> str:
        try:
            return await slow()
        except asyncio.CancelledError:
            return "recorded"

    task = asyncio.ensure_future(running.run(KEY, wire.request, stubborn()))
    await slow.begun.wait()
    running.cancel(KEY)
    assert await task == "recorded"


async def test_a_fault_stays_itself(wire: Wire) -> None:
    async def broken() -> NoReturn:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await Running().run(KEY, wire.request, broken())
