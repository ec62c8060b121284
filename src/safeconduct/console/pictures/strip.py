"""Parts of a whole, one beside the other in a strip."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

WIDTH: Final = 960
HEIGHT: Final = 24
"""How large the picture is, in its own units."""

_SEEN: Final = 4.0


class Piece(NamedTuple):
    """A part: what it counts, how many, and where it is."""

    name: str
    many: int
    x: float
    wide: float


def strip(counts: Mapping[str, int]) -> tuple[Piece, ...]:
    """A piece for each part that has anything, in their order. Each is wide enough to be seen: one
    call among thousands is why somebody looks.
    """
    there = {name: many for name, many in counts.items() if many}
    whole = sum(there.values())
    room = WIDTH - _SEEN * len(there)
    pieces: list[Piece] = []
    x = 0.0
    for name, many in there.items():
        wide = _SEEN + many * room / whole
        pieces.append(Piece(name, many, round(x, 1), round(wide, 1)))
        x += wide
    return tuple(pieces)
