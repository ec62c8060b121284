"""One search for all kinds of personal data that may be in a value, in all its texts as one."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import accumulate
from typing import Final

from safeconduct.core.model import Finding
from safeconduct.inspectors.patterns import ascii_only, compiled, in_utf8
from safeconduct.inspectors.pii.context import Terms, Words, around, placed
from safeconduct.inspectors.pii.folding import folded, may_split, unmarked
from safeconduct.inspectors.pii.runs import Forms, apart, gaps_of, runs_of
from safeconduct.inspectors.pii.shape import Place, Shape
from safeconduct.kit.work import spend

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
MAX_REFUSED: Final = 1000
"""How many places in one run may only look like something."""
_LITERAL: Final = ("@", r"\+")
"""What begins so is found at once where it is, also in a long text."""


class Known:
    """A shape that is ready to be looked for."""

    __slots__ = ("_check", "_cost", "_long", "_short", "kind", "order", "terms", "wide", "words")

    def __init__(self, order: int, shape: Shape) -> None:
        self.order = order
        self.kind = shape.kind
        self.words = shape.words
        self.terms = Terms.of(shape.words)
        self.wide = shape.wide
        self._check = shape.check
        self._cost = 40 if shape.kind == "pii.phone" else 6  # a numbering plan is asked
        self._short = re.compile(shape.pattern.encode()).search
        literal = shape.pattern.startswith(_LITERAL)
        self._long = self._short if literal else compiled(shape.pattern).search

    def is_in(self, plain: bytes, within: Place) -> bool:
        """Whether something that has the shape is between two places."""
        start, end = within
        search = self._short if end - start <= _SHORT else self._long
        return search(plain, start, min(end + 1, len(plain))) is not None

    def places(
        self,
        text: str,
        plain: bytes,
        near: Callable[[Terms, int, int], bool] | None = None,
        within: Place | None = None,
    ) -> Iterator[Place | None]:
        """Where it is; None for a place that only looks like it. `plain` is the text in ASCII,
        `near` tells whether one of its words stands near a place.

        A run in which too many only look like it is one as a whole: among so many, chance has some.
        """
        at, end_of_run = run = within or (0, len(plain))
        last = min(end_of_run + 1, len(plain))  # for what follows tells where a number ends
        search = self._short if not self.wide or last - at <= _SHORT else self._long
        refused = 0
        while match := search(plain, at, last):
            spend(self._cost)
            start, end = match.span()
            if near and self.words and not near(self.terms, start, end):
                at = end
                continue
            place = self._check(text, start, end)
            if place is None and not self.wide:
                refused += 1
                if refused > MAX_REFUSED:
                    yield run
                    return
            yield place
            at = place[1] if place else end if plain[start:end].isalnum() else start + 1


_Run = tuple[int, int, dict[int, list[Known]]]
"""From where to where a run goes, and by group which shapes may be in it."""

_Near = Callable[[Terms, int, int], bool]
"""Whether one of the words stands near a place."""

_Spot = tuple[Place, Known]


class _Text:
    """A text in which is looked, without what was found in it; what is gone may have hidden
    something.
    """

    def __init__(self, text: str, groups: Sequence[Sequence[Known]], forms: Forms) -> None:
        self.text = text
        self._groups = groups
        self._forms = forms
        self._plain = ascii_only(text)
        self._narrow = {
            one.order: (at, one) for at, ones in enumerate(groups) for one in ones if not one.wide
        }
        self._alive: dict[int, _Run] = {}  # by where they begin
        self._new: list[list[_Run]] = [[] for _ in groups]
        self._runs = list(self._noted(0, len(self._plain))) if self._narrow else []

    def _noted(self, start: int, end: int) -> Iterator[Place]:
        for begin, until in runs_of(self._plain, start, end):
            spend(6)
            orders = self._forms(self._plain[begin:until])
            if not self._narrow.keys().isdisjoint(orders):
                shapes: dict[int, list[Known]] = {}
                for at, one in [self._narrow[one] for one in orders if one in self._narrow]:
                    shapes.setdefault(at, []).append(one)
                self._alive[begin] = run = begin, until, shapes
                for at in shapes:
                    self._new[at].append(run)
            yield begin, until

    def found(
        self, at: int, near: _Near, spots: Iterable[Place], again: Callable[[int], bool] | None
    ) -> list[_Spot]:
        """What shapes of a group find in runs that are new to it, and, where they hang on words and
        it is looked `again`, in those that begin at such places; what is wide, in the spots.
        """
        text, plain = self.text, self._plain
        runs = [run for run in self._new[at] if self._alive.get(run[0]) is run]
        self._new[at] = []
        if again and self._groups[at][0].words:  # what is gone may have kept words apart
            runs = [run for run in self._alive.values() if at in run[2] and again(run[0])]
        found = [
            (spot, one)
            for start, end, shapes in runs
            for one in shapes[at]
            if one.is_in(plain, (start, end))
            for spot in one.places(text, plain, near, (start, end))
            if spot
        ]
        wide = [one for one in self._groups[at] if one.wide]
        found += [
            (spot, one)
            for within in (spots if wide else ())
            for one in wide
            for spot in one.places(text, plain, near, within)
            if spot
        ]
        return found

    def cut(self, places: Iterable[Place]) -> None:
        """Takes out what is at these places."""
        gaps = gaps_of(places)
        self.text = _masked(self.text, gaps)
        self._plain = ascii_only(self.text)
        self._runs, gone = apart(self._plain, self._runs, gaps)
        for start, end in gone:
            self._alive.pop(start, None)
            self._runs += self._noted(start, end)
        self._runs.sort()


_Found = tuple[int, int, int, Known]
"""From where to where, the end negative, and what it is; the largest of what lies in each other
stands first."""


class Search:
    """`known` are the shapes that may be there, `forms` tells which of all may be in a run."""

    def __init__(self, value: object, known: Iterable[Known], forms: Forms) -> None:
        self._texts = placed(value)
        self._starts = [0, *accumulate([len(text) + 1 for text, _, _ in self._texts])]
        # What looks like a telephone number may be something that is known better.
        groups: dict[tuple[bool, bool], list[Known]] = {}
        for one in known:
            groups.setdefault((one.kind == "pii.phone", bool(one.words)), []).append(one)
        self._groups = [groups[key] for key in sorted(groups)]
        self._forms = forms
        self._found: list[_Found] = []
        self._whole: dict[int, Known] = {}
        self._words: dict[int, Words] = {}
        self._gone: dict[int, list[Place]] = {}

    def findings(self) -> Iterator[Finding]:
        """Every finding, in document order."""
        joined = "\0".join([text for text, _, _ in self._texts])
        text = self._looked(folded(joined), lambda start, end: (start, end), aligned=True)
        if may_split(in_utf8(text)):
            inner = unmarked(text)
            self._looked(inner.text, inner.place, aligned=False)
        done = 0
        for start, back, _, known in sorted(self._found, key=lambda one: one[:3]):
            if -back > done:
                done = -back
                at = self._index(start)
                base = self._starts[at]
                if whole := self._whole.pop(at, None):
                    yield Finding(whole.kind, self._texts[at][1], 0, len(self._texts[at][0]))
                yield Finding(known.kind, self._texts[at][1], start - base, done - base)

    def _looked(self, text: str, place: Callable[[int, int], Place], *, aligned: bool) -> str:
        """The text without what is found in it.

        Places in it are those of the texts if it is `aligned`; otherwise `place` tells them.
        """

        def near(terms: Terms, start: int, end: int) -> bool:
            return self._says(terms, *place(start, end))

        looked = _Text(text, self._groups, self._forms)
        again: set[int] = set()

        def is_again(start: int) -> bool:
            return self._index(place(start, start + 1)[0]) in again

        everywhere = [(0, len(text))]
        for _ in range(_MAX_ROUNDS + _FURTHER * (len(text) <= _LONG)):
            changed: set[int] = set()
            spots = self._spots(again) if again and aligned else everywhere
            for at in range(len(self._groups)):
                if found := looked.found(at, near, spots, is_again if again else None):
                    looked.cut(spot for spot, _ in found)
                    changed |= self._noted([(place(*spot), one) for spot, one in found])
            # A text is searched by itself, so that only one in which something was found may
            # hold more, and only if something is left of it.
            again = {at for at in changed if not aligned or self._bears(looked.text, at)}
            if not again:
                return looked.text
        last = {self._index(start): one for start, _, _, one in self._found}
        self._whole.update({at: last[at] for at in again})
        return looked.text

    def _noted(self, found: Iterable[_Spot]) -> set[int]:
        """In which texts something was found."""
        cut: dict[int, list[Place]] = {}
        for (start, end), one in found:
            self._found.append((start, -end, one.order, one))
            at = self._index(start)
            base = self._starts[at]
            cut.setdefault(at, []).append((start - base, end - base))
        for at, places in cut.items():
            self._gone.setdefault(at, []).extend(places)
            if at in self._words:
                self._words[at].cut(places)
        return set(cut)

    def _bears(self, text: str, at: int) -> bool:
        return bool(_BEARING(text, self._starts[at], self._starts[at + 1] - 1))

    def _spots(self, again: Iterable[int]) -> list[Place]:
        return [(self._starts[at], self._starts[at + 1] - 1) for at in sorted(again)]

    def _says(self, terms: Terms, start: int, end: int) -> bool:
        """Whether one of the words stands near a place, or is what the text is called."""
        at = self._index(start)
        base = self._starts[at]
        text, _, names = self._texts[at]
        if terms.said_in(around(names)):
            return True
        if end - start == len(text):
            return False
        if at not in self._words:
            self._words[at] = Words(_masked(text, gaps_of(self._gone.get(at, ()))))
        return self._words[at].say(terms, start - base)

    def _index(self, start: int) -> int:
        return bisect_right(self._starts, start) - 1


def _masked(text: str, gaps: Iterable[Place]) -> str:
    parts: list[str] = []
    done = 0
    for start, end in gaps:
        parts += [text[done:start], _MASK * (end - start)]
        done = end
    return "".join([*parts, text[done:]])
