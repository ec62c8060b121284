"""Counts over time as bars: one upon the other, or side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final, NamedTuple

import msgspec

WIDTH: Final = 960
HEIGHT: Final = 220
"""How large the picture is, in its own units."""

_TOP, _BOTTOM = 26, 28
_EDGE: Final = 30
_STEPS: Final = (1, 2, 5)
_MAX_LINES: Final = 4
_DAY_MS: Final = 86_400_000
_HOUR_MS: Final = 3_600_000
_GAP: Final = 0.15
_SEEN: Final = 2.0

Counts = Mapping[int, Mapping[str, int]]
"""By the time at which a stretch begins, in milliseconds since the epoch: how many said what."""


class Part(NamedTuple):
    """A piece of a bar: what it counts, and where it is."""

    name: str
    x: float
    y: float
    height: float


class Bar(NamedTuple):
    """A stretch of time: when, how many of each, and how that is drawn."""

    when: str
    counts: tuple[int, ...]
    parts: tuple[Part, ...]


class Line(NamedTuple):
    """A mark at an axis: where, what is written there, and which of its ends stands there."""

    at: float
    text: str
    anchor: str = "start"


class Bars(msgspec.Struct, frozen=True, kw_only=True):
    """The picture: `names` are what is counted, the lowest or leftmost first, `totals` how many of
    each, and `wide` is how wide a part is.
    """

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


def bars(
    counts: Counts,
    names: Sequence[str],
    since_ms: int,
    until_ms: int,
    every_ms: int,
    *,
    beside: bool = False,
) -> Bars:
    """A bar for every stretch between two times that has anything."""
    floor = HEIGHT - _BOTTOM
    wide = WIDTH / ((until_ms - since_ms) / every_ms) * (1 - _GAP)
    highest = max if beside else sum
    top = max((highest(one.get(name, 0) for name in names) for one in counts.values()), default=0)
    level = _level(top)
    most = max(level, -(-top // level) * level)
    scale = (floor - _TOP) / most

    def x(at_ms: int) -> float:
        return (at_ms - since_ms) * WIDTH / (until_ms - since_ms)

    drawn: list[Bar] = []
    for start_ms in range(since_ms, until_ms, every_ms):
        said = counts.get(start_ms, {})
        many = tuple(said.get(name, 0) for name in names)
        # A single refusal among thousands of calls is still seen.
        heights = [max(_SEEN, one * scale) if one else 0.0 for one in many]
        below = [0.0 if beside else sum(heights[:at]) for at in range(len(names))]
        left = [x(start_ms) + (at * wide / len(names) if beside else 0) for at in range(len(names))]
        parts = tuple(
            Part(name, round(left[at], 1), round(floor - below[at] - height, 1), round(height, 1))
            for at, (name, height) in enumerate(zip(names, heights, strict=True))
            if height
        )
        if parts:
            drawn.append(Bar(_when(start_ms), many, parts))
    return Bars(
        names=tuple(names),
        totals=tuple(sum(bar.counts[at] for bar in drawn) for at in range(len(names))),
        bars=tuple(drawn),
        wide=round(wide / len(names) if beside else wide, 1),
        levels=tuple(
            Line(round(floor - many * scale, 1), f"{many:,}") for many in range(0, most + 1, level)
        ),
        times=tuple(_times(since_ms, until_ms, x)),
    )


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
        near = x(at_ms)
        anchor = "start" if near < _EDGE else "end" if near > WIDTH - _EDGE else "middle"
        text = f"{at:%a} {at.day}" if several else f"{at:%H:%M}"
        yield Line(round(near, 1), text, anchor)


def _when(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"
