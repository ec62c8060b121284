"""Numbers that rules only compare with constants: all between two of these are one to the rules."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence


def alike(value: int, constants: Sequence[int]) -> int:
    """The number that stands for all that compare as `value` does with each of the constants, which
    are in order and not empty. It is one of these, or next to one, and between it and `value`.
    """
    at = bisect_left(constants, value)
    if at < len(constants) and constants[at] == value:
        return value
    return constants[at - 1] + 1 if at else constants[0] - 1
