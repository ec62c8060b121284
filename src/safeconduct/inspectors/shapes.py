"""What is known by how it is written."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from typing import NamedTuple

from safeconduct.inspectors.patterns import ascii_only, compiled
from safeconduct.kit.work import spend


class Shape(NamedTuple):
    r"""Something that is known by how it is written.

    Patterns are RE2's over ASCII: any other character of a text is a `?` to them. The first group
    of `pattern`, if it has one, is what is found. `sign` is a pattern too, for what the JSON of a
    value holds wherever `pattern` matches in a string of it: without `\b`, `^` and `$`, for a line
    break is two letters there, and best a literal. `check` has the last word on a match: it gets
    the whole text, and from where to where. The search goes on after a match either way.

    What is known by the word that stands before it is `keyed`: it is looked for in the members of
    objects as well, each of them written `key="value"`, and found in the value. What chance does
    not write is `distinct`: it is also looked for backwards and broken over lines.
    """

    kind: str
    pattern: str
    sign: str
    check: Callable[[str, int, int], bool] | None = None
    keyed: bool = False
    distinct: bool = False


class Search:
    """A shape that is ready to be looked for. Raises ValueError on what is no pattern of RE2."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.family = shape.kind.partition(".")[0]
        self._pattern = compiled(shape.pattern)
        self._group = min(self._pattern.groups, 1)
        self._cost = 5 if shape.check is None else 90

    @cached_property
    def unbounded(self) -> Search:
        """The same wherever it begins and ends, for a word may stand right before and behind."""
        pattern = self.shape.pattern.removeprefix(r"\b").removesuffix(r"\b")
        return Search(self.shape._replace(pattern=pattern))

    def first(self, data: bytes, start: int) -> int:
        """Where a match begins, from a place on; -1 if there is none."""
        match = self._pattern.search(data, start)
        return match.start() if match else -1

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        check = self.shape.check
        spend(1 + len(text) // 256)
        for match in self._pattern.finditer(ascii_only(text)):
            spend(self._cost)
            start, end = match.span(self._group)
            if start < end and (check is None or check(text, start, end)):
                yield start, end
