"""Who reaches what as a matrix: agents by zone down, upstreams across, a mark where they meet."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import msgspec

from safeconduct.console.reach import Cell, Reach, cell

NAME: Final = 250
"""How much room the name of an agent has, in pixels."""

LETTER: Final = 7.2
"""How wide a letter is drawn at most, in pixels."""

SLANT: Final = 0.7
"""How high a slanted name stands, as a part of its length: the sine of 45 degrees."""

LONGEST: Final = 30
"""How many characters of a name are drawn; its whole stands in the table, and on its page."""

FEW: Final = 8
"""Up to so many upstreams there is room between them."""

WORDS: Final[dict[Cell, str]] = {
    "changes": "changes by itself",
    "asks": "changes with a person's yes",
    "reads": "reads",
    "refused": "refused",
}


class Mark(msgspec.Struct, frozen=True):
    """A mark where an agent and an upstream meet, and what it says."""

    x: int
    kind: Cell
    words: str


class Row(msgspec.Struct, frozen=True):
    """An agent's line, and its marks."""

    y: int
    agent: str
    label: str
    marks: tuple[Mark, ...]


class Band(msgspec.Struct, frozen=True):
    """The agents of a zone."""

    y: int
    height: int
    zone: str


class Column(msgspec.Struct, frozen=True):
    """An upstream."""

    x: int
    label: str


class Matrix(msgspec.Struct, frozen=True, kw_only=True):
    """All that the picture shows; lengths are pixels."""

    width: int
    height: int
    top: int
    left: int
    step: int
    columns: tuple[Column, ...]
    bands: tuple[Band, ...]
    rows: tuple[Row, ...]
    kinds: tuple[Cell, ...]


def matrix(reaches: Sequence[Reach], upstreams: Sequence[str]) -> Matrix:
    """The picture of these; `reaches` are in order of their zones."""
    step = 56 if len(upstreams) <= FEW else 26
    high = 30 if len(reaches) <= 20 else 22
    longest = max((min(len(one), LONGEST) for one in upstreams), default=0)
    top = round(longest * LETTER * SLANT) + 24
    columns = tuple(
        Column(NAME + step * at + step // 2, shortened(name)) for at, name in enumerate(upstreams)
    )
    rows: list[Row] = []
    bands: list[Band] = []
    y = top
    for one in reaches:
        if not bands or bands[-1].zone != one.zone:
            bands.append(Band(y, high, one.zone))
            y += high  # the zone's name has a line of its own
        y += high
        bands[-1] = msgspec.structs.replace(bands[-1], height=y - bands[-1].y)
        rows.append(_row(one, upstreams, columns, y - high // 2))
    seen = {mark.kind for row in rows for mark in row.marks}
    return Matrix(
        width=NAME + step * len(upstreams) + round(longest * LETTER * SLANT) + 8,
        height=y + 8,
        top=top,
        left=NAME,
        step=step,
        columns=columns,
        bands=tuple(bands),
        rows=tuple(rows),
        kinds=tuple(kind for kind in WORDS if kind in seen),
    )


def shortened(name: str) -> str:
    """A name as it is drawn: its end tells it from others like it, in whole steps if they fit."""
    bare = name.removeprefix("spiffe://")
    if len(bare) <= LONGEST:
        return bare
    end = bare[1 - LONGEST :]
    return f"…{end[max(0, end.find('/')) :]}"


def _row(one: Reach, upstreams: Sequence[str], columns: Sequence[Column], y: int) -> Row:
    marks: list[Mark] = []
    known = one.by_upstream()
    for name, column in zip(upstreams, columns, strict=True):
        accesses = known.get(name, [])
        kind = cell(accesses)
        if kind != "nothing":
            many = f"{len(accesses)} tool{'' if len(accesses) == 1 else 's'}"
            words = f"{shortened(one.agent)} at {name}: {WORDS[kind]} ({many})"
            marks.append(Mark(column.x, kind, words))
    return Row(y, one.agent, shortened(one.agent), tuple(marks))
