"""Finds personal data in what passes."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator
from functools import cached_property
from itertools import accumulate
from typing import Final

from safeconduct.core.model import Finding
from safeconduct.inspectors.patterns import any_of, ascii_only, compiled, in_utf8
from safeconduct.inspectors.pii import (
    americas,
    contacts,
    europe,
    payments,
    persons,
    phones,
    records,
    vat,
    world,
)
from safeconduct.inspectors.pii.context import Placed, Words, around, placed, said, sign
from safeconduct.inspectors.pii.folding import FOREIGN, SPLIT, folded, unmarked
from safeconduct.inspectors.pii.shape import Place, Shape
from safeconduct.inspectors.texts import in_json

OFF: Final = frozenset({"pii.ip", "pii.mac"})
"""Kinds that are looked for only where they are named: most tools are full of them."""


def every_shape(region: str | None) -> tuple[Shape, ...]:
    """All that is known, the first of two that are written alike before the second."""
    return (
        *payments.SHAPES,
        *contacts.SHAPES,
        *americas.SHAPES,
        *europe.SHAPES,
        *world.SHAPES,
        *vat.SHAPES,
        *persons.SHAPES,
        *phones.shapes(region),
        *records.SHAPES,
    )


KINDS: Final = tuple(dict.fromkeys(shape.kind for shape in every_shape(None)))
"""All kinds."""

_FOREIGN: Final = any_of([FOREIGN])
_SPLIT: Final = any_of([SPLIT])
_CONTROL: Final = re.compile(rb"\\u00[01][0-9a-f]")
_MAX_CONTEXTS: Final = 4096
_MAX_ROUNDS: Final = 4
"""How often is looked again, as what is found may have hidden something. A text in which that goes
on is a finding as a whole."""
_FURTHER: Final = 12
"""How often besides, where all texts together are no longer than `_LONG`."""
_LONG: Final = 10_000
_MASK: Final = "\1"
_BEARING: Final = re.compile(r"[\d@]").search
_SHORT: Final = 200
"""So many characters are searched faster without RE2, whatever they are."""
_LITERAL: Final = ("@", r"\+")
"""What begins so is found at once where it is, also in a long text."""
_ESCAPES: Final = (b"\\\\", b'\\"', b"\\n", b"\\t", b"\\r", b"\\b", b"\\f")


class PiiInspector:
    """Reports personal data in strings, keys and integers of a JSON value
    (`safeconduct.ports.Inspector`).

    Of two findings of which one holds the other, the larger is reported. What is left after a
    redaction holds none.
    """

    def __init__(self, *, region: str | None = None, kinds: Collection[str] = ()) -> None:
        """`region` (ISO 3166-1 alpha-2) is where numbers without a country code are dialled;
        `kinds` are the only ones that are looked for, all but `OFF` where none is named.

        Raises ValueError on a kind that there is not.
        """
        if unknown := sorted(set(kinds) - set(KINDS)):
            raise ValueError(f"no such kind of personal data: {', '.join(unknown)}")
        wanted = set(kinds) or set(KINDS) - OFF
        shapes = [shape for shape in every_shape(region) if shape.kind in wanted]
        self._known = [_Known(order, shape) for order, shape in enumerate(shapes)]
        self._signs = any_of([shape.pattern for shape in shapes])
        self._said = list(dict.fromkeys(shape.words for shape in shapes if shape.words))
        self._words = any_of([sign(words) for words in self._said])

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        """Every finding, in document order. Raises RecursionError on a value nested too deeply."""
        data = data or in_json(value)
        known = self._known if data is None else self._seen(data)
        return tuple(_Search(value, known).findings()) if known else ()

    def _seen(self, data: bytes) -> list[_Known]:
        """What may be there, by a look at a value's JSON alone."""
        data = _unescaped(data)
        if not data.isascii() and _FOREIGN(data):
            data = folded(data.decode()).encode()
        looked = self._valid(data)
        if _SPLIT(data):
            looked |= self._valid(unmarked(data.decode()).text.encode())
        return [self._known[at] for at in sorted(looked)]

    def _valid(self, data: bytes) -> set[int]:
        seen = [self._known[at] for at in self._signs(data)]
        if any(one.words for one in seen):
            spoken = {self._said[at] for at in self._words(data)}
            seen = [one for one in seen if not one.words or one.words in spoken]
        if not seen:
            return set()
        text = data.decode()
        plain = ascii_only(text)
        valid: set[int] = set()
        missed: set[int] = set()
        for one in seen:
            for place in one.places(text, plain):
                if place:
                    valid.add(one.order)
                    break
                missed.add(one.order)
        return valid | missed if valid else valid


def _unescaped(data: bytes) -> bytes:
    """JSON without its escapes, for these may end with a letter or a digit; each is as long, and
    groups no digits, as spaces would.
    """
    if b"\\" in data:
        for escape in _ESCAPES:
            data = data.replace(escape, b"\n\n")
        data = _CONTROL.sub(b"\n\n\n\n\n\n", data)
    return data


class _Known:
    """A shape that is ready to be looked for."""

    __slots__ = (
        "_check", "_contexts", "_long", "_said", "_short", "kind", "order", "sign", "words",
    )  # fmt: skip

    def __init__(self, order: int, shape: Shape) -> None:
        self.order = order
        self.kind = shape.kind
        self.words = shape.words
        self.sign = compiled(sign(shape.words)).search
        self._said = said(shape.words).search
        self._contexts: dict[str, bool] = {}
        self._check = shape.check
        self._short = re.compile(shape.pattern.encode()).search
        literal = shape.pattern.startswith(_LITERAL)
        self._long = self._short if literal else compiled(shape.pattern).search

    def is_said(self, context: str) -> bool:
        """Whether one of its words is."""
        said = self._contexts.get(context)
        if said is None:
            if len(self._contexts) >= _MAX_CONTEXTS:
                self._contexts.clear()
            said = self._contexts[context] = bool(self._said(context))
        return said

    def places(
        self,
        text: str,
        plain: bytes,
        near: Callable[[int, int], str] | None = None,
        within: Place | None = None,
    ) -> Iterator[Place | None]:
        """Where it is; None for a place that only looks like it. `plain` is the text in ASCII,
        `near` tells what stands near a place.
        """
        at, last = within or (0, len(plain))
        search = self._short if last - at <= _SHORT else self._long
        while match := search(plain, at, last):
            start, end = match.span()
            if near and self.words and not self.is_said(near(start, end)):
                at = end
                continue
            place = self._check(text, start, end)
            yield place
            at = place[1] if place else end if plain[start:end].isalnum() else start + 1


_Found = tuple[int, int, int, _Known]
"""From where to where, the end negative, and what it is; the largest of what lies in each other
stands first."""


class _Search:
    """One search for what may be there, in all texts of a value as one."""

    def __init__(self, value: object, known: Iterable[_Known]) -> None:
        self._texts = placed(value)
        self._starts = [0, *accumulate([len(text) + 1 for text, _, _ in self._texts])]
        self._joined = "\0".join([text for text, _, _ in self._texts])
        self._ascii = self._joined.isascii()
        self._aligned = True
        # What looks like a telephone number may be something that is known better.
        groups: dict[tuple[bool, bool], list[_Known]] = {}
        for one in known:
            groups.setdefault((one.kind == "pii.phone", bool(one.words)), []).append(one)
        self._groups = [groups[key] for key in sorted(groups)]
        self._found: list[_Found] = []
        self._whole: dict[int, _Known] = {}
        self._near: dict[int, tuple[Words, str]] = {}

    def findings(self) -> Iterator[Finding]:
        text = self._looked(folded(self._joined), lambda start, end: (start, end))
        if _SPLIT(in_utf8(text)):
            self._ascii = self._aligned = False  # places are not those of the texts
            inner = unmarked(text)
            self._looked(inner.text, inner.place)
        done = 0
        for start, back, _, known in sorted(self._found, key=lambda one: one[:3]):
            if -back > done:
                done = -back
                at = self._index(start)
                base = self._starts[at]
                if whole := self._whole.pop(at, None):
                    yield Finding(whole.kind, self._texts[at][1], 0, len(self._texts[at][0]))
                yield Finding(known.kind, self._texts[at][1], start - base, done - base)

    def _looked(self, text: str, place: Callable[[int, int], Place]) -> str:
        """The text without what is found in it. What is gone may have hidden something."""

        def near(start: int, end: int) -> str:
            return self._context(*place(start, end))

        again: set[int] | None = None
        for _ in range(_MAX_ROUNDS + _FURTHER * (len(text) <= _LONG)):
            changed: set[int] = set()
            for group in self._groups:
                plain = ascii_only(text)
                there = [
                    (found, one)
                    for one in group
                    for within in self._spots(one, plain, again)
                    for found in one.places(text, plain, near, within)
                    if found
                ]
                if not there:
                    continue
                for found, one in there:
                    start, end = place(*found)
                    self._found.append((start, -end, one.order, one))
                text = _masked(text, [found for found, _ in there])
                indices = {self._index(place(*found)[0]) for found, _ in there}
                changed |= indices
                for at in indices:
                    self._near.pop(at, None)
            # A text is searched by itself, so that only one in which something was found may
            # hold more, and only if something is left of it.
            again = {at for at in changed if self._bears(text, at)}
            if not again:
                return text
        last = {self._index(start): known for start, _, _, known in self._found}
        self._whole.update({at: last[at] for at in again or ()})
        return text

    def _bears(self, text: str, at: int) -> bool:
        if not self._aligned:
            return True
        return bool(_BEARING(text, self._starts[at], self._starts[at + 1] - 1))

    def _spots(self, one: _Known, plain: bytes, again: set[int] | None) -> Iterator[Place]:
        """Where a shape may be: with words, in texts in which or around which one of them is; in
        any of those that are searched again.
        """
        if again is not None and self._aligned:
            for index in sorted(again):
                yield self._starts[index], self._starts[index + 1] - 1
            return
        if not one.words or not self._ascii:
            yield 0, len(plain)
            return
        spots = {at for names, found in self._around.items() if one.is_said(names) for at in found}
        at = 0
        while match := one.sign(plain, at):
            # A sign may begin, or end, with what divides texts.
            index = self._index(match.start() + 1)
            spots.add(index)
            at = self._starts[index + 1] - 1
        for index in sorted(spots):
            yield self._starts[index], self._starts[index + 1] - 1

    @cached_property
    def _around(self) -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for at, (_, _, names) in enumerate(self._texts):
            found.setdefault(around(names), []).append(at)
        return found

    def _context(self, start: int, end: int) -> str:
        at = self._index(start)
        base = self._starts[at]
        text, _, names = one = self._texts[at]
        if end - start == len(text):
            return around(names)
        if at not in self._near:
            self._near[at] = Words(self._rest(at, one)), around(names)
        words, keys = self._near[at]
        return f"{words.near(start - base)} | {keys}"

    def _rest(self, at: int, one: Placed) -> str:
        """A text without what was found in it."""
        base, end = self._starts[at], self._starts[at + 1]
        inside = [
            (start - base, -back - base) for start, back, *_ in self._found if base <= start < end
        ]
        return _masked(one[0], inside)

    def _index(self, start: int) -> int:
        return bisect_right(self._starts, start) - 1


def _masked(text: str, places: Iterable[Place]) -> str:
    parts: list[str] = []
    done = 0
    for start, end in sorted(places):
        if end > done:
            begin = max(start, done)
            parts += [text[done:begin], _MASK * (end - begin)]
            done = end
    return "".join([*parts, text[done:]])
