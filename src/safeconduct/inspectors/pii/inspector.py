"""Finds personal data in what passes."""

from __future__ import annotations

import re
from collections.abc import Collection
from itertools import chain
from typing import Final

from safeconduct.core.model import Finding
from safeconduct.inspectors.encodings import encoded
from safeconduct.inspectors.patterns import any_of, ascii_only
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
from safeconduct.inspectors.pii.context import sign
from safeconduct.inspectors.pii.encoded import within
from safeconduct.inspectors.pii.folding import FOREIGN, folded, may_split, unmarked
from safeconduct.inspectors.pii.runs import Forms, runs_of
from safeconduct.inspectors.pii.search import Known, Search
from safeconduct.inspectors.pii.shape import Shape
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
_CONTROL: Final = re.compile(rb"\\u00[01][0-9a-f]")
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

        Raises ValueError on a kind, or a region, that there is not.
        """
        if region is not None and not phones.is_region(region):
            raise ValueError(f"no numbers are dialled in a region {region}")
        if unknown := sorted(set(kinds) - set(KINDS)):
            raise ValueError(f"no such kind of personal data: {', '.join(unknown)}")
        wanted = set(kinds) or set(KINDS) - OFF
        shapes = [shape for shape in every_shape(region) if shape.kind in wanted]
        self._known = [Known(order, shape) for order, shape in enumerate(shapes)]
        self._forms = Forms(shapes)
        self._wide = [one.order for one in self._known if one.wide]
        self._signs = any_of([shapes[at].pattern for at in self._wide])
        self._said = list(dict.fromkeys(shape.words for shape in shapes if shape.words))
        self._words = any_of([sign(words) for words in self._said])

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        """Every finding, in document order. Raises RecursionError on a value nested too deeply."""
        data = data or in_json(value)
        found = self._found(value, data)
        if data is not None and encoded(data) < 0:
            return found
        return within(value, found, lambda inner: self._found(inner, in_json(inner)))

    def _found(self, value: object, data: bytes | None) -> tuple[Finding, ...]:
        known = self._known if data is None else self._seen(data)
        return tuple(Search(value, known, self._forms).findings()) if known else ()

    def _seen(self, data: bytes) -> list[Known]:
        """What may be there, by a look at a value's JSON alone."""
        data = _unescaped(data)
        if not data.isascii() and _FOREIGN(data):
            data = folded(data.decode()).encode()
        looked = self._valid(data)
        if may_split(data):
            looked |= self._valid(unmarked(data.decode()).text.encode())
        return [self._known[at] for at in sorted(looked)]

    def _valid(self, data: bytes) -> set[int]:
        """Which shapes may be there; none where there is nothing but what only looks like some."""
        there = {*self._forms(data), *[self._wide[at] for at in self._signs(data)]}
        seen = {at: self._known[at] for at in there}
        if any(one.words for one in seen.values()):
            spoken = {self._said[at] for at in self._words(data)}
            seen = {at: one for at, one in seen.items() if not one.words or one.words in spoken}
        if not seen:
            return set()
        text = data.decode()
        plain = ascii_only(text)
        wide = [(one, None) for one in seen.values() if one.wide]
        narrow = (
            (seen[at], (start, end))
            for start, end in (runs_of(plain, 0, len(plain)) if len(wide) < len(seen) else ())
            for at in self._forms(plain[start:end])
            if at in seen and not seen[at].wide
        )
        valid = any(
            place
            for one, within in chain(wide, narrow)
            if within is None or one.is_in(plain, within)
            for place in one.places(text, plain, within=within)
        )
        return set(seen) if valid else set()


def _unescaped(data: bytes) -> bytes:
    """JSON without its escapes, for these may end with a letter or a digit; each is as long, and
    groups no digits, as spaces would.
    """
    if b"\\" in data:
        for escape in _ESCAPES:
            data = data.replace(escape, b"\n\n")
        if b"\\u00" in data:
            data = _CONTROL.sub(b"\n\n\n\n\n\n", data)
    return data
