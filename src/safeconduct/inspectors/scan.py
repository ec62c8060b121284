"""One scan for all that is known by how it is written: every shape is looked for at once.

A value's JSON is searched for the signs of all shapes in one pass. Where there is none, which is
the rule, nothing else is done.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from safeconduct.core.model import Finding
from safeconduct.inspectors.encodings import View, encoded, hidden, in_one_line, shown
from safeconduct.inspectors.patterns import any_of, in_utf8
from safeconduct.inspectors.shapes import Search, Shape
from safeconduct.inspectors.spans import Spans
from safeconduct.inspectors.texts import Joined, Text, each_text, in_json

__all__ = ["Scan", "Shape"]

_NONE: Final[frozenset[int]] = frozenset()
_NOTHING: Final = Spans([])
_MAX_ROUNDS: Final = 4
_MAX_KEYS: Final = 1 << 12
_LINE_BREAK: Final = b"\\n"
_INDENT: Final = b" \t>|"


class _Hints(NamedTuple):
    """Which shapes may be there as they are, backwards, and broken over lines; and whether
    anything may be encoded.
    """

    plain: frozenset[int]
    turned: frozenset[int]
    broken: frozenset[int]
    encoded: bool


class _Found(NamedTuple):
    """In which text, from where to where, and which shape."""

    text: int
    start: int
    end: int
    shape: int


class Scan:
    """Finds shapes in the strings and keys of a JSON value (`safeconduct.ports.Inspector`): as they
    are, and in the encodings of `safeconduct.inspectors.encodings`, there with the place of what is
    encoded.

    Of what lies in each other and is of one family, the larger is reported, and of what is alike
    the shape that stands first. Raises ValueError on a pattern that RE2 does not take.
    """

    def __init__(self, shapes: Iterable[Shape]) -> None:
        self._shapes = [Search(shape) for shape in shapes]
        self._every = frozenset(range(len(self._shapes)))
        self._keyed = frozenset(at for at in self._every if self._shapes[at].shape.keyed)
        self._distinct = frozenset(at for at in self._every if self._shapes[at].shape.distinct)
        self._signs = any_of([one.shape.sign for one in self._shapes])
        self._keys: dict[str, frozenset[int]] = {}

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        """Every finding, in document order. Raises RecursionError on a value nested too deeply."""
        hints = self._hints(data or in_json(value))
        if not any(hints):
            return ()
        texts = each_text(value)
        found = self._found(texts, hints)
        new = found
        for _ in range(_MAX_ROUNDS):
            # What was found is cut out, and what stood right beside it then stands by itself.
            left = _without(texts, new)
            new = {
                one._replace(text=at)
                for at, text in left.items()
                for one in self._found([text], self._hints(in_json(text.text)))
            }
            if not new:
                break
            found |= new
            texts = [left.get(at, text) for at, text in enumerate(texts)]
        return tuple(self._reported(texts, found))

    def _found(self, texts: Sequence[Text], hints: _Hints) -> set[_Found]:
        plain = [one.text for one in texts]
        found = set(self._matches(plain, hints.plain))
        found.update(self._members(texts, hints.plain & self._keyed))
        found.update(self._turned(plain, hints.turned))
        found.update(self._broken(plain, hints.broken, frozenset(found)))
        if hints.encoded:
            found.update(self._encoded(plain))
        return found

    def _hints(self, data: bytes | None) -> _Hints:
        if data is None:
            return _Hints(self._every, self._distinct, self._distinct, encoded=True)
        line = _in_one_line(data) if _LINE_BREAK in data else data
        plain = self._signs(data)
        turned = self._distinct & self._signs(data[::-1]) if self._distinct else _NONE
        broken = self._distinct & self._signs(line) if line is not data else _NONE
        there = encoded(data) >= 0 or (line is not data and encoded(line) >= 0)
        return _Hints(plain, turned, broken, there)

    def _matches(self, texts: Sequence[str], shapes: Iterable[int]) -> Iterator[_Found]:
        joined = Joined(texts)
        for at in shapes:
            shape = self._shapes[at]
            for index in joined.holding(shape.first):
                for start, end in shape.spans(texts[index]):
                    yield _Found(index, start, end, at)

    def _members(self, texts: Sequence[Text], shapes: frozenset[int]) -> Iterator[_Found]:
        if shapes:
            keyed = {one.key for one in texts if one.key}
            telling = {key for key in keyed if not self._called(key).isdisjoint(shapes)}
            members = [
                (at, one, len(one.key) + 2) for at, one in enumerate(texts) if one.key in telling
            ]
            written = [f'{one.key}="{one.text}"' for _, one, _ in members]
            for at, start, end, shape in self._matches(written, shapes):
                index, one, before = members[at]
                if before <= start and end <= before + len(one.text):
                    yield _Found(index, start - before, end - before, shape)

    def _called(self, key: str) -> frozenset[int]:
        """Which shapes a member may have for what it is called; most keys come again and again."""
        found = self._keys.get(key)
        if found is None:
            if len(self._keys) >= _MAX_KEYS:
                self._keys.clear()
            found = self._keys[key] = self._signs(in_utf8(f'{key}="'))
        return found

    def _turned(self, texts: Sequence[str], shapes: frozenset[int]) -> Iterator[_Found]:
        if shapes:
            backwards = [text[::-1] for text in texts]
            for at, start, end, shape in self._matches(backwards, shapes):
                length = len(texts[at])
                yield _Found(at, length - end, length - start, shape)

    def _broken(
        self, texts: Sequence[str], shapes: frozenset[int], found: frozenset[_Found]
    ) -> Iterator[_Found]:
        """What goes on in the next line; what ends before that was found already."""
        lines = [at for at, text in enumerate(texts) if "\n" in text] if shapes else []
        views = [in_one_line(texts[at]) for at in lines]
        joined = Joined([view.text for view in views])
        covered = self._covered(found)
        for at in shapes:
            shape = self._shapes[at].unbounded
            for position in joined.holding(shape.first):
                index, view = lines[position], views[position]
                for start, end in shape.spans(view.text):
                    begin, until = view.place(start, end)
                    there = covered.get((index, shape.family), _NOTHING)
                    if until - begin > end - start and not there.meets(begin, until):
                        yield _Found(index, begin, until, at)

    def _covered(self, found: Iterable[_Found]) -> dict[tuple[int, str], Spans]:
        spans: dict[tuple[int, str], list[tuple[int, int]]] = {}
        for one in found:
            place = one.text, self._shapes[one.shape].family
            spans.setdefault(place, []).append((one.start, one.end))
        return {place: Spans(there) for place, there in spans.items()}

    def _encoded(self, texts: Sequence[str]) -> Iterator[_Found]:
        """What is encoded, in a line or in several."""
        for index in Joined(texts, in_utf8).holding(encoded):
            yield from self._within(index, texts[index])
        lines = [(at, in_one_line(text)) for at, text in enumerate(texts) if "\n" in text]
        for position in Joined([view.text for _, view in lines], in_utf8).holding(encoded):
            index, view = lines[position]
            yield from self._within(index, view)

    def _within(self, index: int, text: str | View) -> Iterator[_Found]:
        for view in shown(text):
            for at, start, end in self._all(view.text):
                yield _Found(index, *view.place(start, end), at)
            for inner, start, end in hidden(view.text):
                for at in {at for at, _, _ in self._all(inner)}:
                    yield _Found(index, *view.place(start, end), at)

    def _all(self, text: str) -> Iterator[tuple[int, int, int]]:
        for at in self._signs(in_utf8(text)):
            for start, end in self._shapes[at].spans(text):
                yield at, start, end

    def _reported(self, texts: Sequence[Text], found: Iterable[_Found]) -> Iterator[Finding]:
        ends: dict[tuple[int, str], int] = {}
        for at, start, end, shape in sorted(
            found, key=lambda one: (one.text, one.start, -one.end, one.shape)
        ):
            family = at, self._shapes[shape].family
            if end > ends.get(family, 0):
                ends[family] = end
                yield Finding(self._shapes[shape].shape.kind, texts[at].path, start, end)


def _without(texts: Sequence[Text], found: Iterable[_Found]) -> dict[int, Text]:
    """The texts in which something was found, with as many other characters in its place."""
    spans: dict[int, list[tuple[int, int]]] = {}
    for one in found:
        spans.setdefault(one.text, []).append((one.start, one.end))
    return {
        at: texts[at]._replace(text=Spans(there).cut(texts[at].text)) for at, there in spans.items()
    }


def _in_one_line(data: bytes) -> bytes:
    """A value's JSON with the lines of its texts put together."""
    data = data.replace(b"\\r", b"").replace(b"=\\n", _LINE_BREAK)
    first, *further = data.split(_LINE_BREAK)
    return b"".join([first, *[line.lstrip(_INDENT) for line in further]])
