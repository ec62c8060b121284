"""The times of keys: whoever verifies has them before and after they are needed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from safeconduct.config.workloads import Svids
from safeconduct.identity.issuer import rotation
from safeconduct.identity.issuer.rotation import Generation, Times
from tests.support.svids import DOMAIN, HOUR_MS, MINUTE_MS, NOW_MS, TIMES

SHORT = Times(x509_ms=HOUR_MS, jwt_ms=MINUTE_MS, key_ms=4 * HOUR_MS)


def renewed(generations: tuple[Generation, ...], now_ms: int) -> tuple[Generation, ...]:
    return rotation.renewed(DOMAIN, generations, SHORT, now_ms)


def froms(generations: tuple[Generation, ...]) -> list[int]:
    return [one.from_ms - NOW_MS for one in generations]


def test_times_are_those_of_the_configuration() -> None:
    assert Times.of(Svids()) == TIMES


def test_the_first_keys_sign_at_once() -> None:
    first = renewed((), NOW_MS)
    assert froms(first) == [0]
    assert rotation.current(first, NOW_MS) is first[0]
    assert rotation.current(first, NOW_MS - 1) is None


def test_the_next_keys_are_published_half_their_time_before_they_sign() -> None:
    first = renewed((), NOW_MS)
    due_ms = NOW_MS + 2 * HOUR_MS
    assert rotation.due_ms(first, SHORT) == due_ms
    assert renewed(first, due_ms - 1) == first
    both = renewed(first, due_ms)
    assert froms(both) == [0, 4 * HOUR_MS]
    assert rotation.current(both, NOW_MS + 4 * HOUR_MS - 1) is both[0]
    assert rotation.current(both, NOW_MS + 4 * HOUR_MS) is both[1]
    assert renewed(both, due_ms + 1) == both


def test_keys_stay_until_everything_they_signed_has_ended() -> None:
    both = renewed(renewed((), NOW_MS), NOW_MS + 2 * HOUR_MS)
    ended_ms = NOW_MS + 4 * HOUR_MS + SHORT.x509_ms + rotation.LEEWAY_MS
    assert rotation.due_ms(both, SHORT) == ended_ms
    assert froms(renewed(both, ended_ms - 1)) == [0, 4 * HOUR_MS]
    assert froms(renewed(both, ended_ms)) == [4 * HOUR_MS]


def test_late_renewal_leaves_no_gap() -> None:
    first = renewed((), NOW_MS)
    # Nobody was here to prepare the next key: the old one signs on, up to its end.
    late = renewed(first, NOW_MS + 5 * HOUR_MS)
    assert froms(late) == [0, 6 * HOUR_MS]
    assert rotation.current(late, NOW_MS + 6 * HOUR_MS - 1) is late[0]
    # Too late for that: a new key signs at once.
    assert froms(renewed(first, NOW_MS + 9 * HOUR_MS)) == [0, 9 * HOUR_MS]


def test_a_key_past_its_end_signs_nothing() -> None:
    first = renewed((), NOW_MS)
    assert rotation.current(first, NOW_MS + 6 * HOUR_MS - 1) is first[0]
    assert rotation.current(first, NOW_MS + 6 * HOUR_MS) is None


def test_when_the_clock_went_back_behind_all_keys_none_is_made() -> None:
    first = renewed((), NOW_MS)
    assert renewed(first, NOW_MS - HOUR_MS) == first


@given(st.lists(st.integers(1, 12 * HOUR_MS), min_size=1, max_size=12))
def test_whenever_somebody_looks_what_was_signed_can_be_verified(steps: list[int]) -> None:
    generations: tuple[Generation, ...] = ()
    now_ms = NOW_MS
    valid: list[tuple[Generation, int]] = []
    for step in steps:
        now_ms += step
        generations = renewed(generations, now_ms)
        signer = rotation.current(generations, now_ms)
        assert signer is not None
        valid = [(one, end) for one, end in valid if now_ms < end]
        assert all(one in generations for one, _ in valid)
        valid.append((signer, now_ms + SHORT.x509_ms))
        assert generations == tuple(sorted(generations, key=lambda one: one.from_ms))
