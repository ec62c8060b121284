"""When an upstream is not even tried."""

import asyncio
from collections.abc import Iterator

import pytest

from safeconduct.ports import UpstreamFault
from safeconduct.upstreams import breaker
from safeconduct.upstreams.breaker import MAX_PAUSE_S, PAUSE_S, TRIES, Breaker


class Clock:
    def __init__(self) -> None:
        self.now = 0.0


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """The loop's time as the breaker sees it, standing still."""
    clock = Clock()

    class Loop:
        def time(self) -> float:
            return clock.now

    class Asyncio:
        get_running_loop = Loop

    monkeypatch.setattr(breaker, "asyncio", Asyncio)
    yield clock
    monkeypatch.setattr(breaker, "asyncio", asyncio)


def tried(circuit: Breaker, *, reached: bool | None) -> bool:
    """Whether a request was let through; if so it ended as given."""
    try:
        probe = circuit.enter()
    except UpstreamFault:
        return False
    circuit.leave(probe, reached)
    return True


def opened() -> Breaker:
    circuit = Breaker()
    assert [tried(circuit, reached=False) for _ in range(TRIES + 1)] == [True] * TRIES + [False]
    return circuit


def test_failures_in_a_row_open_it(clock: Clock) -> None:
    circuit = opened()
    with pytest.raises(UpstreamFault) as caught:
        circuit.enter()
    assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-unreachable", False)


@pytest.mark.parametrize("between", [True, None])
def test_only_failures_in_a_row_count(clock: Clock, *, between: bool | None) -> None:
    circuit = Breaker()
    for _ in range(TRIES - 1):
        tried(circuit, reached=False)
    tried(circuit, reached=between)
    assert tried(circuit, reached=False)
    assert tried(circuit, reached=False) is (between is True)


def test_pauses_double_up_to_a_bound_while_it_stays_away(clock: Clock) -> None:
    circuit = opened()
    pause = PAUSE_S
    for _ in range(12):
        clock.now += pause - 0.01
        assert not tried(circuit, reached=True)
        clock.now += 0.02
        assert tried(circuit, reached=False)
        assert not tried(circuit, reached=False)
        pause = min(2 * pause, MAX_PAUSE_S)
    assert pause == MAX_PAUSE_S


def test_one_success_closes_it(clock: Clock) -> None:
    circuit = opened()
    clock.now += PAUSE_S
    assert all(tried(circuit, reached=True) for _ in range(9))
    assert tried(circuit, reached=False)
    assert tried(circuit, reached=False)


def test_after_a_pause_one_request_is_let_through_at_a_time(clock: Clock) -> None:
    circuit = opened()
    clock.now += PAUSE_S
    assert circuit.enter()
    assert not tried(circuit, reached=True)
    circuit.leave(True, None)  # given up: the next one tries
    assert tried(circuit, reached=True)


def test_requests_under_way_when_it_opens_lengthen_no_pause(clock: Clock) -> None:
    circuit = Breaker()
    entered = [circuit.enter() for _ in range(100)]
    assert not any(entered)
    for _ in entered:
        circuit.leave(False, False)
    clock.now += PAUSE_S
    assert circuit.enter()
    circuit.leave(False, False)  # one of the others, late
    assert not tried(circuit, reached=True)


@pytest.mark.parametrize(
    ("reason", "happened", "expected"),
    [
        ("upstream-unreachable", False, False),
        ("upstream-unreachable", True, None),
        ("upstream-timeout", False, False),
        ("upstream-timeout", True, None),
        ("upstream-busy", False, None),
        ("upstream-malformed", True, True),
        ("upstream-rejected", False, True),
    ],
)
def test_what_a_fault_tells(reason: str, *, happened: bool, expected: bool | None) -> None:
    assert breaker.reached(UpstreamFault(reason, "", may_have_happened=happened)) is expected
