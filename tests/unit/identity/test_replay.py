"""What was used once is not used again while it could be."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.identity.replay import Full, Replays

KEEP_MS = 5_000


def replays(capacity: int = 100) -> Replays:
    return Replays(keep_ms=KEEP_MS, capacity=capacity)


def test_a_use_is_spent_once() -> None:
    used = replays()
    assert used.spend("a", 0)
    assert not used.spend("a", KEEP_MS)
    assert used.spend("b", KEEP_MS)


@given(first=st.integers(0, 10**6), later=st.integers(0, KEEP_MS))
def test_a_use_is_remembered_for_its_time_at_least(first: int, later: int) -> None:
    used = replays()
    assert used.spend("a", first)
    assert not used.spend("a", first + later)


def test_a_use_is_forgotten_within_a_second_of_its_time() -> None:
    used = replays(capacity=1)
    assert used.spend("a", 999)
    with pytest.raises(Full):
        used.spend("b", KEEP_MS + 1000)
    assert used.spend("b", KEEP_MS + 1001)
    assert used.spend("a", 2 * (KEEP_MS + 1001))


def test_what_does_not_fit_is_not_taken_and_what_was_taken_stays() -> None:
    used = replays(capacity=2)
    assert used.spend("a", 0)
    assert used.spend("b", 1)
    with pytest.raises(Full):
        used.spend("c", 2)
    assert not used.spend("a", 3)
