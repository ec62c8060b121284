"""Patterns are compiled once, and what is none is refused each time."""

from __future__ import annotations

import pytest

from safeconduct.inspectors.patterns import any_of, compiled


def test_a_pattern_is_compiled_once_in_a_process() -> None:
    assert compiled("[0-9]{4}") is compiled("[0-9]{4}")
    assert any_of(["a+", "b+"]) is any_of(["a+", "b+"])
    assert any_of(["a+", "b+"]) is not any_of(["b+", "a+"])
    assert any_of(["b+", "a+"])(b"xxa") == {1}


@pytest.mark.parametrize("pattern", ["(", r"(a)\1", "ß"])
def test_what_is_no_pattern_is_refused_each_time(pattern: str) -> None:
    for _ in range(2):
        with pytest.raises(ValueError, match="not a pattern"):
            compiled(pattern)
        with pytest.raises(ValueError, match="not a pattern"):
            any_of(["a", pattern])
