"""Finds a customer's own words and patterns."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from safeconduct.core.model import Finding
from safeconduct.inspectors.encodings import encoded
from safeconduct.inspectors.shapes import Search, Shape
from safeconduct.inspectors.texts import each_text, in_json
from safeconduct.inspectors.words import MAX_WORDS, folded_words, normal, readings, terms_in

MAX_TERM: Final = 256
"""Characters in a term."""


class DictionaryInspector:
    """Reports the terms of one dictionary as `<family>.<name>` (`safeconduct.ports.Inspector`):
    whole words in any case, with any white space between them, and in encodings too.

    How many terms there are is of no account to the time that a text takes. Raises ValueError
    where there is nothing to look for, or a term is too long to be one.
    """

    def __init__(self, kind: str, terms: Iterable[str]) -> None:
        self._kind = kind
        self._terms: frozenset[str] = frozenset(term for term in map(_checked, terms) if term)
        if not self._terms:
            raise ValueError("a dictionary has no terms")
        self._begins = frozenset(term.partition(" ")[0] for term in self._terms)
        self._longest = max(term.count(" ") + 1 for term in self._terms)

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        """Every finding, in document order. Raises RecursionError on a value nested too deeply."""
        data = data or in_json(value)
        coded = data is None or encoded(data) >= 0
        texts = each_text(value)
        if not coded and self._begins.isdisjoint(
            folded_words("\n".join([one.text for one in texts]))
        ):
            return ()
        found: list[Finding] = []
        for one in texts:
            ends = 0
            for start, end in sorted(set(self._spans(one.text, coded=coded))):
                if end > ends:
                    found.append(Finding(self._kind, one.path, start, end))
                    ends = end
        return tuple(found)

    def _spans(self, text: str, *, coded: bool) -> Iterator[tuple[int, int]]:
        if not coded and self._begins.isdisjoint(folded_words(text)):
            return
        for reading, place in readings(text):
            terms = terms_in(reading, self._begins, self._longest, self._terms.__contains__)
            for _, start, end in terms:
                yield place(start, end)


def read_terms(text: str) -> list[str]:
    """The terms of a dictionary's file: one a line; what begins with `#` is a comment."""
    lines = [line.strip() for line in text.removeprefix("\ufeff").splitlines()]
    return [line for line in lines if line and not line.startswith("#")]


def pattern_shapes(kind: str, patterns: Iterable[str]) -> list[Shape]:
    """A customer's patterns (RE2 over ASCII) as shapes for `Scan`. They are looked for in every
    text, for nothing says what the JSON of one has.

    Raises ValueError on a pattern that RE2 does not take, and on one that finds nothing in nothing.
    """
    shapes = [Shape(kind, pattern, "") for pattern in patterns]
    for shape in shapes:
        if Search(shape).first(b"", 0) >= 0:
            raise ValueError(f"a pattern matches where nothing is: {shape.pattern}")
    return shapes


def _checked(term: str) -> str:
    plain = normal(term)
    if len(term) > MAX_TERM or plain.count(" ") >= MAX_WORDS:
        raise ValueError(f"too long for a term of a dictionary: {term[:40]}")
    return plain
