"""A deadline ends its body, and never swallows a cancellation that is not its own."""

import asyncio

import pytest

from safeconduct.upstreams.deadline import Deadline


async def test_a_body_that_takes_too_long_ends_in_a_time_out() -> None:
    deadline = Deadline(0)
    with pytest.raises(TimeoutError), deadline:
        await asyncio.Event().wait()
    task = asyncio.current_task()
    assert deadline.expired
    assert task is not None
    assert task.cancelling() == 0


async def test_a_body_in_time_is_left_alone() -> None:
    with Deadline(0) as deadline:
        pass
    for _ in range(5):
        await asyncio.sleep(0)  # a timer that still ran would end the test here
    assert not deadline.expired


async def test_a_time_out_of_the_body_is_its_own() -> None:
    deadline = Deadline(20)
    with pytest.raises(TimeoutError, match="inner"), deadline:
        raise TimeoutError("inner")
    assert not deadline.expired


@pytest.mark.parametrize("seconds", [0, 20])
async def test_a_cancellation_from_elsewhere_stays_one(seconds: float) -> None:
    begun = asyncio.Event()

    async def waiting() -> None:
        with Deadline(seconds):
            begun.set()
            await asyncio.Event().wait()

    task = asyncio.create_task(waiting())
    await begun.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_failure_while_the_time_runs_out_is_the_failure() -> None:
    async def failing() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            raise ValueError("on the way out") from None

    deadline = Deadline(0)
    with pytest.raises(ValueError, match="on the way out"), deadline:
        await failing()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
    assert not deadline.expired


def test_there_is_no_deadline_outside_a_task() -> None:
    loop = asyncio.new_event_loop()
    caught: list[RuntimeError] = []

    def attempt() -> None:
        try:
            Deadline(1)
        except RuntimeError as error:
            caught.append(error)
        loop.stop()

    loop.call_soon(attempt)
    loop.run_forever()
    loop.close()
    assert len(caught) == 1


async def test_paused_time_does_not_count() -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def pausing(deadline: Deadline) -> None:
        with deadline.paused():
            begun.set()
            await go_on.wait()

    with Deadline(0) as deadline, deadline.paused():
        first = asyncio.create_task(pausing(deadline))
        await begun.wait()
        go_on.set()
        await first  # a pause that ends within another
        for _ in range(5):
            await asyncio.sleep(0)  # a timer that still ran would end the test here
    assert not deadline.expired


async def test_a_deadline_goes_on_after_a_pause() -> None:
    async def waiting() -> None:
        with deadline.paused():
            pass
        await asyncio.Event().wait()

    deadline = Deadline(0)
    with pytest.raises(TimeoutError), deadline:
        await waiting()
    assert deadline.expired


async def test_a_deadline_that_has_passed_does_not_pass_again() -> None:
    deadline = Deadline(0)

    async def late() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            with deadline.paused():
                pass
            for _ in range(5):
                await asyncio.sleep(0)

    with pytest.raises(TimeoutError), deadline:
        await late()
    task = asyncio.current_task()
    assert task is not None
    assert task.cancelling() == 0
