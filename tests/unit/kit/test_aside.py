from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from threading import Event, current_thread, main_thread

import pytest

from safeconduct.kit import aside
from safeconduct.kit.aside import Aside, TooMany, Turns


async def soon() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


async def test_it_runs_beside_the_loop_and_says_what_comes_of_it() -> None:
    one = Aside()
    assert await one.run("a", lambda: current_thread() is main_thread()) is False
    with pytest.raises(ZeroDivisionError):
        await one.run("a", lambda: 1 // 0)


async def test_whoever_has_little_to_run_waits_for_one_thing_of_each_other() -> None:
    one, gate, ran = Aside(), Event(), list[str]()

    def first() -> None:
        gate.wait()
        ran.append("a0")

    many = [asyncio.ensure_future(one.run("a", first))]

    def later(at: int) -> Callable[[], None]:
        return lambda: ran.append(f"a{at}")

    many += [asyncio.ensure_future(one.run("a", later(at))) for at in range(1, 6)]
    await soon()
    few = asyncio.ensure_future(one.run("b", lambda: ran.append("b")))
    await soon()
    gate.set()
    await asyncio.gather(few, *many)
    assert ran == ["a0", "b", "a1", "a2", "a3", "a4", "a5"]


async def test_who_does_not_wait_any_longer_has_no_other_turn_until_it_is_done() -> None:
    one, gate, ran = Aside(), Event(), list[str]()

    def first() -> None:
        gate.wait()
        raise ValueError

    given_up = asyncio.ensure_future(one.run("a", first))
    await soon()
    given_up.cancel()
    with suppress(asyncio.CancelledError):
        await given_up
    after = asyncio.ensure_future(one.run("a", lambda: ran.append("after")))
    await soon()
    assert not after.done()
    gate.set()
    await after
    assert ran == ["after"]


async def test_so_much_of_one_owner_may_wait_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aside, "MAX_WAITING", 2)
    turns = Turns()
    async with turns.of("a"):
        waiting = [asyncio.ensure_future(turns.take("a")) for _ in range(2)]
        await soon()
        with pytest.raises(TooMany) as raised:
            await turns.take("a")
        assert raised.value.kind == "inspection.unread"
        async with turns.of("b"):
            waiting[0].cancel()
            await soon()
        third = asyncio.ensure_future(turns.take("a"))
        await soon()
        assert not third.done()
    given_back = await waiting[1]
    given_back()
    given_back = await third
    given_back()
    async with turns.of("a"):
        pass
