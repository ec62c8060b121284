import asyncio
from collections.abc import Callable

import pytest

from safeconduct.entrypoints.alarm import Alarm


class Clock:
    """A loop's time and its timers, which go off when they are told to."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[tuple[float, Callable[[], None]]] = []
        self.cancelled = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, call: Callable[[], None]) -> "Clock":
        self.timers.append((when, call))
        return self

    def cancel(self) -> None:
        self.cancelled += 1
        self.timers.clear()

    def go_to(self, now: float) -> None:
        self.now = now
        [(when, call)] = self.timers
        assert when <= now
        self.timers.clear()
        call()


class Bell:
    def __init__(self) -> None:
        self.rung = 0

    def __call__(self) -> None:
        self.rung += 1


@pytest.fixture
def bell() -> Bell:
    return Bell()


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: clock)
    return clock


def test_it_rings_at_its_deadline_and_once(clock: Clock, bell: Bell) -> None:
    Alarm(bell).set(5)
    clock.go_to(5)
    assert (bell.rung, clock.timers) == (1, [])


def test_a_later_deadline_takes_no_timer_of_its_own(clock: Clock, bell: Bell) -> None:
    alarm = Alarm(bell)
    alarm.set(5)
    alarm.set(9)
    assert [when for when, _ in clock.timers] == [5]
    clock.go_to(5)
    assert bell.rung == 0
    clock.go_to(9)
    assert (bell.rung, clock.cancelled) == (1, 0)


def test_an_earlier_deadline_is_kept(clock: Clock, bell: Bell) -> None:
    alarm = Alarm(bell)
    alarm.set(9)
    alarm.set(5)
    assert [when for when, _ in clock.timers] == [5]
    clock.go_to(5)
    assert bell.rung == 1


def test_without_a_deadline_it_does_not_ring_until_there_is_one(clock: Clock, bell: Bell) -> None:
    alarm = Alarm(bell)
    alarm.set(5)
    alarm.clear()
    clock.go_to(5)
    assert (bell.rung, clock.timers) == (0, [])
    alarm.set(2)
    clock.go_to(7)
    assert bell.rung == 1


def test_closed_it_leaves_no_timer(clock: Clock, bell: Bell) -> None:
    alarm = Alarm(bell)
    alarm.close()
    alarm.set(5)
    alarm.close()
    assert (clock.timers, clock.cancelled) == ([], 1)
