"""One scan for all that is known by a pattern: whatever has a shape is looked for at once.

A value's JSON is searched for the signs of all shapes in one pass. Where there is none, which is
the rule, nothing else is done. Patterns are in the syntax of RE2, which takes time in proportion to
the text whatever the text is.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Final, NamedTuple, cast

import orjson
import re2

from safeconduct.core.model import KEY, Finding

Span = tuple[str, int, int]
"""A kind of finding, and from which to which character of a text it goes."""

Path = tuple[str | int, ...]

_MAX_MEMORY: Final = 64 << 20
"""Of all signs together, and of each pattern, in bytes; what is needed is taken, no more."""


class Shape(NamedTuple):
    r"""Something that is known by how it is written.

    Patterns are RE2's over ASCII: any other character of a text is a `?` to them. The first group
    of `pattern`, if it has one, is what is found. `sign` is a pattern too, for what the JSON of a
    value holds wherever `pattern` matches in a string of it: without `\b`, `^` and `$`, for a line
    break is two letters there, and best a literal. `check` has the last word on a match: it gets
    the whole text, and from where to where. The search goes on after a match either way.

    What is known by the word that stands before it is `keyed`: it is looked for in the members of
    objects as well, each of them written `key="value"`, and found in the value.
    """

    kind: str
    pattern: str
    sign: str
    check: Callable[[str, int, int], bool] | None = None
    keyed: bool = False


class Scan:
    """Finds shapes in the strings and keys of a JSON value (`safeconduct.ports.Inspector`).

    Of what lies in each other and is of one family, the larger is reported, and of what is alike
    the shape that stands first. Raises ValueError on a pattern that RE2 does not take.
    """

    def __init__(self, shapes: Iterable[Shape]) -> None:
        self._shapes = [_Compiled(shape) for shape in shapes]
        self._signs = signs([one.shape.sign for one in self._shapes])

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        """Every finding, in document order. Raises RecursionError on a value nested too deeply."""
        data = data or in_json(value)
        hits = range(len(self._shapes)) if data is None else self._signs(data)
        if not hits:
            return ()
        texts = Texts(value)
        found = [
            (index, start, -end, at, one.shape.kind)
            for at in sorted(hits)
            for one in (self._shapes[at],)
            for index, start, end in texts.matches(one)
        ]
        found.sort()
        return tuple(_largest(texts, found))


def _largest(texts: Texts, found: Iterable[tuple[int, int, int, int, str]]) -> Iterator[Finding]:
    ends: dict[tuple[int, str], int] = {}
    for index, start, back, _, kind in found:
        family = index, kind.partition(".")[0]
        if -back > ends.get(family, 0):
            ends[family] = -back
            yield Finding(kind, texts.path(index), start, -back)


class _Compiled:
    """A shape that is ready to be looked for."""

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self._pattern = compiled(shape.pattern)
        self._group = min(self._pattern.groups, 1)

    def first(self, data: bytes, start: int) -> int:
        """Where a match begins, from a place on; -1 if there is none."""
        match = self._pattern.search(data, start)
        return match.start() if match else -1

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        check = self.shape.check
        for match in self._pattern.finditer(text.encode("ascii", "replace")):
            start, end = match.span(self._group)
            if start < end and (check is None or check(text, start, end)):
                yield start, end


class Texts:
    """The strings and keys of a JSON value in document order, as one text to search."""

    def __init__(self, value: object) -> None:
        self._paths: list[Path] = []
        self.texts: list[str] = []
        self._collect(value, ())
        self._starts: list[int] = []
        at = 0
        for text in self.texts:
            self._starts.append(at)
            at += len(text) + 1
        self._joined = "\0".join(self.texts).encode("ascii", "replace")

    def path(self, index: int) -> Path:
        return self._paths[index]

    def matches(self, one: _Compiled) -> Iterator[tuple[int, int, int]]:
        """Where a shape is: in which text, and from where to where. A match in the joined text
        says which text to look at; texts behind it are searched on their own.
        """
        at = 0
        while (begin := one.first(self._joined, at)) >= 0:
            index = bisect_right(self._starts, begin) - 1
            for start, end in one.spans(self.texts[index]):
                yield index, start, end
            if index + 1 == len(self.texts):
                return
            at = self._starts[index + 1]

    def _collect(self, value: object, path: Path) -> None:
        if isinstance(value, str):
            self.texts.append(value)
            self._paths.append(path)
        elif isinstance(value, dict):
            for key, item in cast("dict[str, object]", value).items():
                self.texts.append(key)
                self._paths.append((*path, key, KEY))
                self._collect(item, (*path, key))
        elif isinstance(value, list):
            for index, item in enumerate(cast("list[object]", value)):
                self._collect(item, (*path, index))


def signs(patterns: Sequence[str]) -> Callable[[bytes], list[int]]:
    """A search for many patterns in one pass, which tells the indices of those that are there.

    Raises ValueError on a pattern that RE2 does not take.
    """
    if not patterns:
        return lambda _: []
    several = re2.Set.SearchSet(_options())
    for pattern in patterns:
        try:
            several.Add(pattern.encode())
        except re2.error as error:
            raise ValueError(f"not a pattern of RE2: {pattern}") from error
    several.Compile()
    return several.Match


def compiled(pattern: str) -> re2.Pattern:
    """Raises ValueError on a pattern that RE2 does not take."""
    try:
        return re2.compile(pattern.encode(), _options())
    except re2.error as error:
        raise ValueError(f"not a pattern of RE2: {pattern}") from error


def _options() -> re2.Options:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    options.max_mem = _MAX_MEMORY
    options.log_errors = False
    return options


def in_json(value: object) -> bytes | None:
    """The value's JSON; None where it has none: half a surrogate pair, or nested too deeply."""
    try:
        return orjson.dumps(value)
    except orjson.JSONEncodeError:
        return None


def look(
    value: object, spans: Callable[[str], Iterable[Span]], path: Path = ()
) -> Iterator[Finding]:
    """What `spans` tells of the strings and keys of a JSON value, in document order."""
    if isinstance(value, str):
        for kind, start, end in spans(value):
            yield Finding(kind, path, start, end)
    elif isinstance(value, dict):
        for key, item in cast("dict[str, object]", value).items():
            yield from look(key, spans, (*path, key, KEY))
            yield from look(item, spans, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(cast("list[object]", value)):
            yield from look(item, spans, (*path, index))
