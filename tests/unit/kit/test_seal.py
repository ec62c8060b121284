"""State that a client can carry and not read, change, or use elsewhere."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from safeconduct.kit.seal import MAX_BYTES, TTL_MS, Seal, Unsealed


class State(msgspec.Struct):
    """What is sealed here."""

    inner: str


class Clock:
    """A clock that a test sets."""

    now_ms = 1_000_000

    def __call__(self) -> int:
        return self.now_ms


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def seal(clock: Clock) -> Seal[State]:
    return Seal(State, clock)


def test_comes_back_for_what_it_was_sealed_for(seal: Seal[State], clock: Clock) -> None:
    sealed = seal.seal(State("upstream's own"), b"task")
    clock.now_ms += TTL_MS - 1
    assert seal.open(sealed, b"task") == State("upstream's own")


def test_shows_nothing_and_is_never_the_same(seal: Seal[State]) -> None:
    first, second = (seal.seal(State("upstream's own"), b"task") for _ in range(2))
    assert first != second
    assert "upstream" not in first


def test_is_void_elsewhere(seal: Seal[State]) -> None:
    sealed = seal.seal(State("x"), b"task")
    with pytest.raises(Unsealed):
        seal.open(sealed, b"another task")


def test_is_void_after_its_time(seal: Seal[State], clock: Clock) -> None:
    sealed = seal.seal(State("x"), b"task")
    clock.now_ms += TTL_MS
    with pytest.raises(Unsealed):
        seal.open(sealed, b"task")


def test_is_void_after_a_restart(seal: Seal[State], clock: Clock) -> None:
    with pytest.raises(Unsealed):
        Seal(State, clock).open(seal.seal(State("x"), b"task"), b"task")


def test_has_bounds(seal: Seal[State]) -> None:
    with pytest.raises(ValueError, match="too long"):
        seal.seal(State("x" * MAX_BYTES), b"task")
    with pytest.raises(Unsealed):
        seal.open("A" * (MAX_BYTES + 4), b"task")


@pytest.mark.parametrize("text", ["", "A", "AAAA", "!", "é", "A" * 64, "A" * 15, "=="])
def test_garbage_is_void(seal: Seal[State], text: str) -> None:
    with pytest.raises(Unsealed):
        seal.open(text, b"task")


@given(place=st.integers(min_value=0), bit=st.integers(0, 5))
def test_no_character_can_be_changed(place: int, bit: int) -> None:
    seal = Seal(State, Clock())
    sealed = seal.seal(State("x"), b"task")
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    at = place % len(sealed)
    other = alphabet[alphabet.index(sealed[at]) ^ (1 << bit)]
    with pytest.raises(Unsealed):
        seal.open(sealed[:at] + other + sealed[at + 1 :], b"task")
