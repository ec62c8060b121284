"""The user's request: which values it names. Pure.

A request names a value by writing it: as a word or as words one after the other, without the marks
around them. A number in a sentence is no object id: "at 12" does not name the case 12, "case 12"
and "#12" do.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from safeconduct.core.manifest import Role
from safeconduct.core.provenance import REQUESTS, Origin, PurposeSource, decimal, normalise

_GAP: Final = re.compile(r"\s+|(?<!\d)[,;]|[,;](?!\d)")
"""What stands between two words: white space, commas and semicolons, except inside a number."""

_SENTENCE: Final = re.compile(r"(?<=[a-z]{2})\.(?=[A-Z][a-z]*[\s'])")
"""Where a sentence ends and the space was forgotten."""

_OPENING: Final = "<([{\"'“‘«„$€£"  # noqa: RUF001  the quotes that people type
_CLOSING: Final = tuple(">)]}\"'”’»“.,;:!?€%")  # noqa: RUF001
_POSSESSIVE: Final = ("'s", "’s")  # noqa: RUF001
_MARKS: Final = 4
"""Marks around a word, and how many of them are taken off its end, one by one. Inside a word they
are part of it: `o'brien@example.com` names nobody called `brien`."""

_ID_NOUNS: Final = frozenset({"id", "ids", "no", "nr", "number", "#"})
"""Words after which a number is an id."""

_JOINING: Final = frozenset({"and", "or", "&"})

_SHORT: Final = 6
"""A number with fewer digits is no id by itself: many a sentence holds one by chance."""

_COUNT: Final = re.compile(r"\d{1,3}(?:[-.]?[a-z]{1,2})?")
"""A count or a rank (`3`, `2nd`, `1-th`): too short to be a code or an amount of weight."""

_COMMON: Final = frozenset({
    "a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be",
    "been", "but", "by", "can", "could", "dear", "did", "do", "does", "for", "from", "had",
    "has", "have", "he", "hello", "her", "here", "hi", "him", "his", "how", "i", "i'd", "i'll",
    "i'm", "i've", "if", "in", "is", "it", "it's", "its", "just", "me", "my", "no", "not", "of",
    "on", "one", "or", "our", "out", "please", "regards", "she", "so", "some", "thank", "thanks",
    "that", "that's", "the", "their", "them", "then", "there", "these", "they", "this", "to",
    "today", "tomorrow", "up", "us", "was", "we", "we're", "we've", "were", "what", "when",
    "where", "which", "who", "will", "with", "would", "yes", "you", "you're", "you've", "your",
})  # fmt: skip
"""English words that bear no content: a text of the request's words may have them besides."""

_SHORT_NAME: Final = 3
"""A number with fewer characters names no row: `2` friends, `12` o'clock."""

_MONTHS: Final = {
    name: index
    for index, names in enumerate(
        (
            ("january", "jan"), ("february", "feb"), ("march", "mar"), ("april", "apr"),
            ("may",), ("june", "jun"), ("july", "jul"), ("august", "aug"),
            ("september", "sep", "sept"), ("october", "oct"), ("november", "nov"),
            ("december", "dec"),
        ),
        start=1,
    )
    for name in names
}  # fmt: skip
_MONTH: Final = "|".join(sorted(_MONTHS, key=len, reverse=True))
_DAY: Final = r"(?P<day>\d\d?)(?:st|nd|rd|th)?"
_NAME: Final = rf"(?P<month>{_MONTH})"
_YEAR: Final = r"(?:,? (?P<year>\d{4})\b)?"
_DATES: Final = (
    re.compile(rf"\b{_NAME}\.? {_DAY}\b{_YEAR}"),
    re.compile(rf"\b{_DAY}(?: of)? {_NAME}\b{_YEAR}"),
)
_ISO_DATE: Final = re.compile(r"(\d{4})-(\d\d)-(\d\d)")


class Request:
    """What one request names, worked out once."""

    def __init__(self, text: str) -> None:
        plain = [word for word in _GAP.split(_SENTENCE.sub(". ", text)) if word]
        self.words = frozenset(form for word in plain for form in _forms(word))
        self._folded = frozenset(word.casefold() for word in self.words)
        self._text = f" {' '.join(text.split())} "
        self._bare = [bare(word).upper() for word in plain]
        numbers = (decimal(word) for word in self.words)
        self.amounts = frozenset(number for number in numbers if number is not None)
        self._ids = frozenset(_ids(plain))
        self._dates = frozenset(_dates(self._text.casefold()))

    def names(self, role: Role, value: str, resource_type: str | None = None) -> bool:
        """Whether the request names this value, in the form of its role.

        Content may be put together from the request's words and those that bear no content: it says
        nothing that the user did not.
        """
        match role:
            case "amount":
                return value in self.amounts
            case "object-id" if value.isdigit() and len(value) < _SHORT:
                return self._names_id(value, resource_type)
            case "account":
                return value in self.words or self._in_groups(value)
            case "content" | "query":
                words = value.casefold().split()
                return any(map(self._bears, words)) and all(map(self._says, words))
            case _:
                return value in self.words or self._phrase(value)

    def names_row(self, value: str) -> bool:
        """Whether the request names an object that has this value in a trusted field."""
        if len(value) < _SHORT_NAME:
            return False
        number = decimal(value)
        if number is not None:
            return number in self.amounts
        return value in self.words or self._phrase(value)

    def _names_id(self, value: str, resource_type: str | None) -> bool:
        noun = "" if resource_type is None else resource_type.rpartition(".")[2]
        nouns = _ID_NOUNS | {noun, f"{noun}s"} if noun else _ID_NOUNS
        return any((before, value) in self._ids for before in nouns)

    def _says(self, word: str) -> bool:
        inner = bare(word)
        return (
            not inner
            or inner in _COMMON
            or _COUNT.fullmatch(inner) is not None
            or self._bears(word)
        )

    def _bears(self, word: str) -> bool:
        inner = bare(word)
        return word in self._folded or inner in self._folded or self._dated(inner)

    def _dated(self, word: str) -> bool:
        iso = _ISO_DATE.fullmatch(word)
        if iso is None:
            return False
        year, month, day = map(int, iso.groups())
        return (None, month, day) in self._dates or (year, month, day) in self._dates

    def _in_groups(self, value: str) -> bool:
        """Whether the account number is written as words one after the other."""
        for start in range(len(self._bare)):
            joined = ""
            for word in self._bare[start:]:
                joined += word
                if joined == value:
                    return True
                if not value.startswith(joined):
                    break
        return False

    def _phrase(self, value: str) -> bool:
        """Whether the words of the value stand there one after the other."""
        phrase, text = " ".join(value.split()), self._text
        at = text.find(phrase) if " " in phrase else -1
        while at >= 0:
            if _begins(text, at) and _ends(text, at + len(phrase)):
                return True
            at = text.find(phrase, at + 1)
        return False


def bare(word: str) -> str:
    """A word without all the marks around it."""
    word = word.lstrip(_OPENING)
    while word.endswith(_CLOSING):
        word = word[:-1]
    return word


def _begins(text: str, at: int) -> bool:
    return text[:at].rstrip(_OPENING)[-1:].isspace()


def _ends(text: str, at: int) -> bool:
    rest = text[at : at + _MARKS + 2]
    for mark in _POSSESSIVE:
        rest = rest.removeprefix(mark)
    return rest.lstrip("".join(_CLOSING))[:1].isspace()


def _forms(word: str) -> set[str]:
    """A word with and without the marks around it."""
    inner = word.lstrip(_OPENING)
    found = {word, inner}
    for _ in range(_MARKS):
        for mark in _POSSESSIVE:
            found.add(inner.removesuffix(mark))
        if inner.endswith(_CLOSING):
            inner = inner[:-1]
            found.add(inner)
    return found - {""}


def _ids(plain: list[str]) -> set[tuple[str, str]]:
    """Each number with the noun before it (`ids 4 and 5`: one for both); `#` counts as a noun."""
    found: set[tuple[str, str]] = set()
    noun = ""
    for word in plain:
        number = bare(word)
        if number.startswith("#"):
            found.add(("#", number[1:]))
        elif number.isdigit():
            found.add((noun, number))
        elif number not in _JOINING:
            noun = number.lower()
    return found


def _dates(folded: str) -> set[tuple[int | None, int, int]]:
    found: set[tuple[int | None, int, int]] = set()
    for pattern in _DATES:
        for one in pattern.finditer(folded):
            year = one["year"]
            found.add((None if year is None else int(year), _MONTHS[one["month"]], int(one["day"])))
    return found


@lru_cache(maxsize=1024)
def request(purpose: str) -> Request:
    """What a purpose names."""
    return Request(purpose)


def request_origin(
    purpose: str,
    source: PurposeSource,
    value: object,
    role: Role = "content",
    resource_type: str | None = None,
) -> Origin | None:
    """The origin that the task's request gives to a value, or None if it does not name it."""
    text = normalise(value, role)
    if not text or not request(purpose).names(role, text, resource_type):
        return None
    return Origin(REQUESTS[source])
