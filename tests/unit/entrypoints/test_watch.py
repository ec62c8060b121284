"""What lasts ends with its task, and nothing runs where nothing lasts."""

import asyncio
from collections.abc import Callable
from functools import partial

import pytest

from safeconduct.entrypoints import watch
from safeconduct.entrypoints.watch import Watch
from safeconduct.ports import Bearer
from tests.support.front import bearer


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "TICK_S", 0.001)


async def test_what_belongs_to_a_task_that_is_over_ends_once() -> None:
    over: set[str] = set()
    looked = asyncio.Event()
    ended: list[str] = []

    def is_over(one: Bearer) -> bool:
        looked.set()
        return one.task in over

    watching = Watch(is_over)
    for task in ("a", "b"):
        watching.add(bearer(task), partial(ended.append, task))
    await looked.wait()
    assert ended == []
    over.add("a")
    while not ended:
        looked.clear()
        await looked.wait()
    looked.clear()
    await looked.wait()
    assert ended == ["a"]


async def test_who_has_left_is_not_ended() -> None:
    ended: list[str] = []
    watching = Watch(lambda _: True)
    leave = watching.add(bearer("a"), lambda: ended.append("a"))
    leave()
    leave()
    other = asyncio.Event()
    watching.add(bearer("b"), other.set)
    await other.wait()
    assert ended == []


async def test_nothing_runs_for_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    loop, looks = asyncio.get_running_loop(), list[float]()
    real = loop.call_later

    def call_later(delay: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        looks.append(delay)
        return real(delay, callback)

    monkeypatch.setattr(loop, "call_later", call_later)
    watching = Watch(lambda _: True)
    for number in (1, 2):
        ended = asyncio.Event()
        with watching.watching(bearer(), ended.set):
            await ended.wait()
        assert len(looks) == number
