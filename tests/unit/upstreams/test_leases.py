"""A bounded set of which only idle things make room."""

import pytest

from safeconduct.ports import UpstreamFault
from safeconduct.upstreams.leases import Leases


def _leases(limit: int, gone: list[str]) -> Leases[str, str]:
    return Leases(limit, str.upper, gone.append)


def test_a_key_keeps_its_thing() -> None:
    made: list[str] = []

    def make(key: str) -> object:
        made.append(key)
        return object()

    leases = Leases(2, make, lambda _: None)
    with leases.lease("a") as first:
        pass
    with leases.lease("a") as second:
        assert second is first
    assert made == ["a"]


def test_the_least_recently_used_goes_first() -> None:
    gone: list[str] = []
    leases = _leases(2, gone)
    for key in ("a", "b", "a", "c"):
        with leases.lease(key):
            pass
    assert gone == ["B"]


def test_what_is_in_use_stays() -> None:
    gone: list[str] = []
    leases = _leases(2, gone)
    with leases.lease("a"), leases.lease("a"), leases.lease("b"):
        with pytest.raises(UpstreamFault) as caught, leases.lease("c"):
            pass
        assert (caught.value.reason, caught.value.may_have_happened) == ("upstream-busy", False)
    with leases.lease("c"):
        pass
    assert gone == ["A"]


def test_a_lease_ends_with_an_exception_too() -> None:
    gone: list[str] = []
    leases = _leases(1, gone)
    with pytest.raises(KeyError), leases.lease("a"):
        raise KeyError
    with leases.lease("b"):
        pass
    assert gone == ["A"]


def test_draining_takes_out_everything() -> None:
    leases = _leases(2, [])
    with leases.lease("a"), leases.lease("b"):
        assert leases.drain() == ["A", "B"]
    assert leases.drain() == []


def test_what_was_used_last_is_found_first() -> None:
    leases = _leases(3, [])
    for key in ("a1", "b1", "a2", "b1"):
        with leases.lease(key):
            pass
    assert leases.find(lambda key: key.startswith("a")) == "a2"
    with leases.lease("a1"):
        pass
    assert leases.find(lambda key: key.startswith("a")) == "a1"
    assert leases.find(lambda key: key.startswith("c")) is None
