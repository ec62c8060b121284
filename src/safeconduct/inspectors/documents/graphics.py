"""The state of a page of PDF while it is painted: numbers, colours, matrices (ISO 32000-2, 8.4)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, cast

from pypdf.generic import DictionaryObject, IndirectObject

Matrix = tuple[float, float, float, float, float, float]
Colour = tuple[float, float, float] | None
"""Red, green, blue, to 1; None where nobody knows."""

UNIT: Final[Matrix] = (1.0, 0.0, 0.0, 1.0, 0.0, 0.0)
WHITE: Final = (1.0, 1.0, 1.0)
BLACK: Final = (0.0, 0.0, 0.0)
_ALIKE: Final = 0.125


class State(NamedTuple):
    """How what comes next is painted."""

    fill: Colour = BLACK
    mode: int = 0
    size: float = 1.0
    stretch: float = 1.0
    alpha: float = 1.0
    blended: bool = False

    def changed(self, operator: bytes, given: Sequence[object]) -> State:
        """After an operator of text or colour; the same after any other."""
        match operator:
            case b"Tr" if given:
                return self._replace(mode=int(number_of(given[0])))
            case b"Tf" if len(given) >= 2:
                return self._replace(size=number_of(given[1]))
            case b"Tz" if given:
                return self._replace(stretch=number_of(given[0]))
            case b"g" | b"rg" | b"k" | b"sc" | b"scn":
                return self._replace(fill=_colour(given))
            case b"cs":
                return self._replace(fill=BLACK)
            case _:
                return self


def dictionary(value: object) -> DictionaryObject:
    """What a value refers to, if that is a dictionary or a stream; else an empty one."""
    found = value.get_object() if isinstance(value, IndirectObject) else value
    return found if isinstance(found, DictionaryObject) else DictionaryObject()


def _colour(given: Sequence[object]) -> Colour:
    parts = [number_of(one) for one in given if not isinstance(one, str)]
    match parts:
        case [grey]:
            return (grey, grey, grey)
        case [red, green, blue]:
            return (red, green, blue)
        case [cyan, magenta, yellow, black]:
            light = 1 - black
            return ((1 - cyan) * light, (1 - magenta) * light, (1 - yellow) * light)
        case _:
            return None


def is_alike(one: tuple[float, float, float], other: tuple[float, float, float]) -> bool:
    """Whether no one tells two colours apart."""
    return all(abs(a - b) <= _ALIKE for a, b in zip(one, other, strict=True))


def number_of(value: object) -> float:
    """What a number is; 0 for anything else."""
    try:
        return float(cast("float", value))
    except (TypeError, ValueError, OverflowError):
        return 0.0


def matrix_of(value: object) -> Matrix:
    """Six numbers."""
    items = [number_of(one) for one in cast("Sequence[object]", value)]
    return (items[0], items[1], items[2], items[3], items[4], items[5])


def times(one: Matrix, other: Matrix) -> Matrix:
    """One matrix after the other."""
    a, b, c, d, e, f = one
    g, h, i, j, k, m = other
    return (
        *(a * g + b * i, a * h + b * j, c * g + d * i, c * h + d * j),
        *(e * g + f * i + k, e * h + f * j + m),
    )


def bounds(
    matrix: Matrix, left: float, bottom: float, right: float, top: float
) -> tuple[float, float, float, float]:
    """The smallest upright box around a box that a matrix moved."""
    corners = [(left, bottom), (left, top), (right, bottom), (right, top)]
    a, b, c, d, e, f = matrix
    xs = [a * x + c * y + e for x, y in corners]
    ys = [b * x + d * y + f for x, y in corners]
    return min(xs), min(ys), max(xs), max(ys)
