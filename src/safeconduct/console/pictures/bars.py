"""Counts over time as stacked bars."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

WIDTH: Final = 960
HEIGHT: Final = 220
"""How large the picture is, in its own units."""

_LEFT, _TOP, _BOTTOM = 46, 8, 28
_STEPS: Final = (1, 2, 5)
_MAX_LINES: Final = 4
_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
_GAP: Final = 0.15

Counts = Mapping[int, Mapping[str, int]]
"""By the time at which a stretch begins, in milliseconds since the epoch: how many said what."""


class Part(NamedTuple):
    """A piece of a bar: what it counts, and where it is."""

    name: str
    y: float
    height: float


class Bar(NamedTuple):
    """A stretch of time: where it is, when, and how many of each."""

    x: float
    when: str
    counts: tuple[int, ...]
    parts: tuple[Part, ...]


class Line(NamedTuple):
    """A mark at an axis: where, and what is written there."""

    at: float
    text: str


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """The picture; `names` are what is counted, the lowest first, and `totals` how many of each."""

    names: tuple[str, ...]
    totals: tuple[int, ...]
    bars: tuple[Bar, ...]
    wide: float
    levels: tuple[Line, ...]
    times: tuple[Line, ...]

    @property
    def most(self) -> Bar | None:
        """The highest bar; None: nothing is counted."""
        return max(self.bars, key=lambda bar: sum(bar.counts), default=None)


def bars(counts: Counts, names: Sequence[str], since_ms: int, until_ms: int, every_ms: int) -> Bars:
    """A bar for every stretch between two times that has anything."""
    room, floor = WIDTH - _LEFT, HEIGHT - _BOTTOM
    step = room / ((until_ms - since_ms) / every_ms)
    top = max((sum(one.get(name, 0) for name in names) for one in counts.values()), default=0)
    level = _level(top)
    most = max(level, -(-top // level) * level)
    scale = (floor - _TOP) / most

    def x(at_ms: int) -> float:
        return round(_LEFT + (at_ms - since_ms) * room / (until_ms - since_ms), 1)

    drawn: list[Bar] = []
    for start_ms in range(since_ms, until_ms, every_ms):
        said = counts.get(start_ms, {})
        many = tuple(said.get(name, 0) for name in names)
        if any(many):
            parts = _stacked(names, many, scale, floor)
            drawn.append(Bar(x(start_ms), _when(start_ms), many, parts))
    return Bars(
        names=tuple(names),
        totals=tuple(sum(bar.counts[at] for bar in drawn) for at in range(len(names))),
        bars=tuple(drawn),
        wide=round(step * (1 - _GAP), 1),
        levels=tuple(
            Line(round(floor - many * scale, 1), f"{many:,}") for many in range(0, most + 1, level)
        ),
        times=tuple(_times(since_ms, until_ms, x)),
    )


def _stacked(
    names: Sequence[str], counts: Sequence[int], scale: float, floor: float
) -> tuple[Part, ...]:
    parts: list[Part] = []
    y = floor
    for name, many in zip(names, counts, strict=True):
        if many:
            # A single refusal among thousands of calls is still seen.
            height = max(2.0, round(many * scale, 1))
            y = round(y - height, 1)
            parts.append(Part(name, y, height))
    return tuple(parts)


def _level(top: int) -> int:
    """The distance between two lines: 1, 2 or 5 times a power of ten."""
    power = 1
    while True:
        for step in _STEPS:
            if top <= step * power * _MAX_LINES:
                return step * power
        power *= 10


def _times(since_ms: int, until_ms: int, x: Callable[[int], float]) -> Iterator[Line]:
    """Days where there are several, else every fourth hour."""
    several = until_ms - since_ms > 2 * _DAY_MS
    every_ms = _DAY_MS if several else 4 * _HOUR_MS
    for at_ms in range(-(-since_ms // every_ms) * every_ms, until_ms, every_ms):
        at = datetime.fromtimestamp(at_ms / 1000, UTC)
        yield Line(x(at_ms), f"{at:%a} {at.day}" if several else f"{at:%H:%M}")


def _when(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"
