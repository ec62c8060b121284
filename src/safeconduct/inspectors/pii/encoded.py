"""Personal data in what a text says in an encoding: with the place of what is encoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial

from safeconduct.core.model import Finding
from safeconduct.inspectors.encodings import encoded, hidden, shown
from safeconduct.inspectors.patterns import in_utf8
from safeconduct.inspectors.pii.shape import Place
from safeconduct.inspectors.spans import Spans
from safeconduct.inspectors.texts import Path, Text, each_text

_Reading = tuple[str, Text, Callable[[int, int], Place]]
"""What is said in an encoding, the text that says it, and what tells where in that something is."""


def within(
    value: object, plain: Sequence[Finding], look: Callable[[object], Iterable[Finding]]
) -> tuple[Finding, ...]:
    """The `plain` findings, and what `look` finds besides in the encodings of a value's texts, in
    document order.
    """
    texts = each_text(value)
    read = [reading for one in texts for reading in _readings(one)]
    if not read:
        return tuple(plain)
    # What a member is called tells what is in it, encoded or not.
    values = [{one.key or "_": said} for said, one, _ in read]
    found: dict[Path, list[Finding]] = {}
    for one in plain:
        found.setdefault(one.where, []).append(one)
    known = {path: Spans([(one.start, one.end) for one in ones]) for path, ones in found.items()}
    for one in look(values):
        at = one.where[0]
        if len(one.where) == 2 and isinstance(at, int):
            _, text, place = read[at]
            start, end = place(one.start, one.end)
            there = known.get(text.path)
            if there is None or not there.meets(start, end):
                found.setdefault(text.path, []).append(Finding(one.kind, text.path, start, end))
    order = dict.fromkeys([*(one.path for one in texts), *found])
    return tuple(
        [
            one
            for path in order
            for one in sorted(set(found.get(path, ())), key=lambda one: (one.start, -one.end))
        ]
    )


def _readings(text: Text) -> Iterator[_Reading]:
    if encoded(in_utf8(text.text)) < 0:
        return
    for view in shown(text.text):
        if view.text != text.text:
            yield view.text, text, view.place
        for inner, start, end in hidden(view.text):
            yield inner, text, partial(_all_of, view.place(start, end))


def _all_of(place: Place, _start: int, _end: int) -> Place:
    return place
