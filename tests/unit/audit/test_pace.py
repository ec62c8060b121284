from __future__ import annotations

import pytest

from safeconduct.audit.pace import MAX_PAUSE_S, PAUSE_S, SLOW_S, Pace

QUICK_S = 0.0002


def quick(pace: Pace, took_s: float, now_s: float) -> bool:
    """The verdict after a flush."""
    pace.flushed(took_s, now_s)
    return pace.quick


def test_it_takes_a_disk_for_quick_until_it_is_not() -> None:
    pace = Pace()
    assert pace.quick
    assert all(quick(pace, QUICK_S, now_s) for now_s in range(100))


def test_one_flush_that_takes_long_is_enough() -> None:
    assert not quick(Pace(), 8 * SLOW_S + 0.001, 1.0)


def test_one_flush_that_takes_a_little_longer_says_nothing() -> None:
    pace = Pace()
    flushes = [QUICK_S if number % 20 else 4 * SLOW_S for number in range(100)]
    assert all(quick(pace, took_s, now_s) for now_s, took_s in enumerate(flushes))


@pytest.mark.parametrize(("took_s", "flushes"), [(1.5 * SLOW_S, 9), (3 * SLOW_S, 4)])
def test_a_disk_that_is_a_little_slow_every_time_is_slow(took_s: float, flushes: int) -> None:
    pace = Pace()
    assert [quick(pace, took_s, now_s) for now_s in range(flushes)].index(False) == flushes - 1


def test_it_goes_back_after_a_pause_when_a_flush_was_quick() -> None:
    pace = Pace()
    assert not quick(pace, 1.0, 100.0)
    assert not quick(pace, QUICK_S, 100.0 + PAUSE_S - 0.1)
    assert not quick(pace, 2 * SLOW_S, 100.0 + PAUSE_S)
    assert quick(pace, QUICK_S, 100.0 + PAUSE_S + 0.1)
    # What was before is forgotten.
    assert quick(pace, 4 * SLOW_S, 102.0)


def test_a_disk_that_stays_slow_is_tried_less_and_less_often() -> None:
    pace = Pace()
    now_s, pauses = 0.0, list[float]()
    for _ in range(9):
        began_s = now_s
        assert not quick(pace, 1.0, now_s)
        while not quick(pace, QUICK_S, now_s):
            now_s += 0.5
        pauses.append(now_s - began_s)
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 64, 64]
    assert max(pauses) == MAX_PAUSE_S
    # It was quick for longer than that: a new story.
    now_s += MAX_PAUSE_S + 1
    assert not quick(pace, 1.0, now_s)
    assert quick(pace, QUICK_S, now_s + PAUSE_S)
