"""Stretches of a text that were found already."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable


class Spans:
    """Spans of one text, put together where they meet; each goes from a character to before one."""

    def __init__(self, spans: Iterable[tuple[int, int]]) -> None:
        self._starts: list[int] = []
        self._ends: list[int] = []
        for start, end in sorted(spans):
            if self._ends and start <= self._ends[-1]:
                self._ends[-1] = max(end, self._ends[-1])
            else:
                self._starts.append(start)
                self._ends.append(end)

    def meets(self, start: int, end: int) -> bool:
        """Whether a span has a character in common with one of these."""
        before = bisect_left(self._starts, end)
        return before > 0 and self._ends[before - 1] > start

    def cut(self, text: str) -> str:
        """The text with as many other characters in each place: brackets, and spaces in them."""
        parts: list[str] = []
        done = 0
        for start, end in zip(self._starts, self._ends, strict=True):
            parts += [text[done:start], "[".ljust(end - start - 1), "]"][
                : 3 if end - start > 1 else 2
            ]
            done = end
        return "".join([*parts, text[done:]])
