"""What is measured of identity is what a gateway verifies."""

from pathlib import Path

import pytest

from bench.identity import CALLS, Verifier, slices
from safeconduct.ports import Unauthenticated


def test_both_kinds_of_calls_are_verified() -> None:
    found = slices(2)
    assert found.keys() == {"cached_us", "uncached_us"}
    assert all(len(values) == 2 and min(values) > 0 for values in found.values())


def test_a_call_is_good_once(tmp_path: Path) -> None:
    verifier = Verifier(tmp_path / "gateway")
    calls = verifier.calls(CALLS)
    assert len({call.authorization for call in calls}) == CALLS
    assert verifier.cpu_us(calls) > 0
    with pytest.raises(Unauthenticated, match="used before"):
        verifier.cpu_us(calls)
