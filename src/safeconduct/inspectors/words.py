"""Texts as sequences of words, in which terms of several words are found in one pass."""

from __future__ import annotations

import re
from collections.abc import Callable, Container, Iterator
from functools import partial
from typing import Final, NamedTuple

from safeconduct.inspectors.encodings import encoded, hidden, shown
from safeconduct.inspectors.patterns import in_utf8
from safeconduct.kit.work import spend

MAX_WORDS: Final = 16
"""How many words a term may have, each mark counted as one."""

BEGIN: Final = 4
"""With how many of its characters a number begins, as it is looked for."""

_MIN_DIGITS: Final = 4
_MAX_NUMBER: Final = 34
"""How many letters and digits there are in the longest number, an IBAN."""

_MAX_GROUPS: Final = 12
"""And how many groups."""

_GAPS: Final = " .,-/()+"
SEPARATORS: Final = str.maketrans("", "", _GAPS)
"""What groups the digits of a number, and is none of it."""

_GAP: Final = re.compile(rf"[{re.escape(_GAPS)}]{{0,3}}")
_GROUP: Final = re.compile(r"[^\W_]+")
_WORD: Final = re.compile(r"[^\W_]+|[^\w\s]|_")


class Words(NamedTuple):
    """The words and marks of a text with cases folded, and where each begins and ends."""

    words: list[str]
    spans: list[tuple[int, int]]


def folded_words(text: str) -> list[str]:
    """The words and marks of a text, with cases folded."""
    return _WORD.findall(text.casefold())


def words(text: str) -> Words:
    """The same, with their places in the text as it is."""
    found = list(_WORD.finditer(text))
    spend(1 + len(found))
    return Words([one[0].casefold() for one in found], [one.span() for one in found])


def normal(term: str) -> str:
    """A term as it is looked for: its words, with one space between every two."""
    return " ".join(words(term).words)


def terms_in(
    text: str, begins: Container[str], longest: int, is_term: Callable[[str], bool]
) -> Iterator[tuple[str, int, int]]:
    """Each term in a text and its place, the longest of those that begin at a word.

    Args:
        text: any text.
        begins: the first words of all terms.
        longest: how many words a term has at most.
        is_term: tells of words with one space between every two.
    """
    there, spans = words(text)
    for at, word in enumerate(there):
        if word in begins:
            for count in range(min(longest, len(there) - at), 0, -1):
                term = " ".join(there[at : at + count])
                if is_term(term):
                    yield term, spans[at][0], spans[at + count - 1][1]
                    break


def is_number(written: str) -> bool:
    """Whether a text of letters and digits has mostly digits, and enough of them."""
    digits = sum(map(str.isdigit, written))
    fits = len(written) <= _MAX_NUMBER and written.isalnum()
    return fits and digits >= _MIN_DIGITS and digits * 2 >= len(written)


def numbers_in(
    text: str, begins: Container[str], is_one: Callable[[str], bool]
) -> Iterator[tuple[str, int, int]]:
    """Each number in a text, without what groups it, and its place, the longest of those that
    begin at a group.

    Args:
        text: any text.
        begins: the first `BEGIN` characters of all numbers.
        is_one: tells of all of a number.
    """
    groups = [(one[0].casefold(), *one.span()) for one in _GROUP.finditer(text)]
    bearing = [any(map(str.isdigit, group)) for group, _, _ in groups]
    for at, (first, start, _) in enumerate(groups):
        if not any(bearing[at : at + 2]):
            continue
        number = first
        found: tuple[str, int, int] | None = None
        for one in range(at, min(at + _MAX_GROUPS, len(groups))):
            end = groups[one][2]
            if one > at:
                if not _GAP.fullmatch(text, groups[one - 1][2], groups[one][1]):
                    break
                number += groups[one][0]
            if len(number) >= BEGIN and number[:BEGIN] not in begins:
                break
            if is_number(number) and is_one(number):
                found = number, start, end
        if found:
            yield found


def readings(text: str) -> Iterator[tuple[str, Callable[[int, int], tuple[int, int]]]]:
    """A text, and what it says in encodings, each with what tells where in it something stands."""
    if encoded(in_utf8(text)) < 0:
        yield text, _there
        return
    for view in shown(text):
        yield view.text, view.place
        for inner, start, end in hidden(view.text):
            yield inner, partial(_all_of, view.place(start, end))


def _all_of(place: tuple[int, int], start: int, end: int) -> tuple[int, int]:
    del start, end
    return place


def _there(start: int, end: int) -> tuple[int, int]:
    return start, end
