"""How a kind of personal data is written, and what tells it from other text of that shape."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final, NamedTuple

Place = tuple[int, int]
Check = Callable[[str, int, int], Place | None]
"""Of a folded text and the place in it that has the shape: which place is the finding, if any."""


class Shape(NamedTuple):
    """One way of writing one kind.

    `pattern` is read alike by RE2, over JSON, and by `re`, over texts; it has no look-around and a
    bounded length, so that looking takes time in proportion to the text. Where there are `words`,
    one of them has to stand near: in the text, in a key, in what the object says besides.

    What is not `wide` has a digit, no more than `BEFORE_DIGIT` characters before the first one, and
    none but those of `RUN`.
    """

    kind: str
    name: str
    pattern: str
    check: Check
    words: tuple[str, ...] = ()
    wide: bool = False


RUN: Final = "0-9A-Zx &()+./:-"
"""What numbers are written with, and what stands between them and others beside, in brackets of a
pattern."""
BEFORE_DIGIT: Final = 24


class Number(NamedTuple):
    """A number that a state gives to a person and that needs a word beside it.

    `pattern` and `valid` are of the number without what groups its digits.
    """

    name: str
    pattern: str
    valid: Callable[[str], bool]


_SEPARATORS: Final = str.maketrans("", "", " .-/()+")


def compact(text: str) -> str:
    """Without what groups digits, in capitals."""
    return text.translate(_SEPARATORS).upper()


def exact(valid: Callable[[str], bool]) -> Check:
    """A check of all that has the shape, which must not be a part of a longer number."""

    def check(text: str, start: int, end: int) -> Place | None:
        if valid(compact(text[start:end])) and not is_part(text, start, end):
            return start, end
        return None

    return check


_NEAR: Final = 8
_BEFORE: Final = re.compile(r".*(?:[0-9][.:/+-]|[0-9a-f]{4}-)", re.DOTALL)
_AFTER: Final = re.compile(r"[.:/]?[0-9]|-[0-9a-f]{4}-|-[0-9]")

_NEXT_GROUP: Final = re.compile(r"[0-9] [0-9]")


def goes_before(text: str, start: int) -> bool:
    """Whether a number began earlier, as a fraction, a version or a UUID does."""
    return bool(_BEFORE.fullmatch(text, max(start - _NEAR, 0), start))


_ITEM: Final = re.compile(
    r"\b(?:part|p/n|pn|sku|model|serial|s/n|item|article)(?:[ _-]?(?:no|nr|number))?[.:#= ]{1,3}",
    re.IGNORECASE,
)
_BEFORE_ITEM: Final = 24


def is_item(text: str, start: int) -> bool:
    """Whether the word before a number says that it is that of a thing. What has check digits is
    believed all the same.
    """
    begin = max(start - _BEFORE_ITEM, 0)
    return any(one.end() == start for one in _ITEM.finditer(text, begin, start))


def is_part(text: str, start: int, end: int) -> bool:
    """Whether a number goes on on either side, also in groups divided by spaces where it has such
    groups itself.
    """
    if _AFTER.match(text, end) or goes_before(text, start):
        return True
    if " " not in text[start:end]:
        return False
    return bool(
        _NEXT_GROUP.match(text, end - 1) or (start > 1 and _NEXT_GROUP.match(text, start - 2))
    )


def in_words(pattern: str) -> str:
    """A pattern that begins and ends with a letter or digit and stands by itself."""
    return rf"\b(?:{pattern})\b"


def national(name: str, pattern: str, valid: Callable[[str], bool]) -> Shape:
    """A number that a state gives to a person, and that needs no word beside it."""
    return Shape("pii.national-id", name, in_words(pattern), exact(valid))
