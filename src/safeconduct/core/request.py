"""The user's request: which values it names. Pure.

A request names a value by writing it: as a word or as words one after the other, without the marks
around them. A number in a sentence is no object id: "at 12" does not name the case 12, "case 12"
and "#12" do.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import Final

from safeconduct.core.manifest import Role
from safeconduct.core.provenance import (
    QUOTED,
    REQUESTS,
    Origin,
    PurposeSource,
    decimal,
    normalise,
)

_GAP: Final = re.compile(r"\s+|(?<!\d)[,;]|[,;](?!\d)")
"""What stands between two words: white space, commas and semicolons, except inside a number."""

_SENTENCE: Final = re.compile(r"(?<=[a-z]{2})\.(?=[A-Z][a-z]*[\s'])")
"""Where a sentence ends and the space was forgotten."""

_OPENING: Final = "<([{\"'“‘«„$€£"  # noqa: RUF001  the quotes that people type
_CLOSING: Final = tuple(">)]}\"'”’»“.,;:!?€%")  # noqa: RUF001 letters that look alike are meant
_POSSESSIVE: Final = ("'s", "’s")  # noqa: RUF001 letters that look alike are meant
_MARKS: Final = 4
"""Marks around a word, and how many of them are taken off its end, one by one. Inside a word they
are part of it: `o'brien@example.com` names nobody called `brien`."""

_ID_NOUNS: Final = frozenset({"id", "ids", "no", "nr", "number", "#"})
_THINGS: Final = _ID_NOUNS | {"invoice", "order", "ticket", "case", "room", "phone", "account"}
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

_OTHERWISE: Final = frozenset({
    "not", "don't", "don’t", "never", "no", "nor", "except", "but", "without", "than", "after",  # noqa: RUF001 letters that look alike are meant
    "second", "third", "fourth", "2nd", "3rd", "4th", "next", "besides", "keep", "leave",
})  # fmt: skip
_ALL_OF_THEM: Final = re.compile(
    r"(?: (?:in|on|of|from) (?:the|my)(?: [\w-]+){1,2})?(?:[.,;!:]|\s*$| and\b)"
)
"""What follows where the first of all is meant: `in the drive`, and no more than that."""

_BEFORE: Final = 4
"""Words that, so closely before a superlative, say that another one is meant."""

_LONG_WORD: Final = 4
"""An ordinary word with fewer characters names nothing."""

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
        self._text = f" {' '.join(text.split())} "
        self._folded = self._text.lower()
        self._bare = [bare(word).upper() for word in plain]
        self._loud = frozenset(word.upper() for word in self.words)
        self._small = frozenset(word.lower() for word in self.words)
        self._said = [bare(word) for word in text.split()]
        self._proper = frozenset(_proper(text))
        self.amounts, self.prices = _amounts(text)
        self._ids = frozenset(_ids(plain))
        self._dates = frozenset(_dates(self._folded))

    def names(self, role: Role, value: str, resource_type: str | None = None) -> bool:
        """Whether the request names this value, in the form of its role."""
        if role == "amount":
            return value in self.amounts
        if value.casefold() in _COMMON:
            return False
        match role:
            # Mail systems take what stands beside an address for something else.
            case "recipient" if "@" in value and value.split() != [value]:
                return False
            case "object-id" if value.isdigit() and len(value) < _SHORT:
                return self._names_id(value, resource_type)
            case "account":
                named = value in self._loud and (len(value) >= _SHORT or not value.isdigit())
                return named or self._in_groups(value)
            case "content" | "query":
                return self._dated(value) or self._repeats(value)
            case _:
                return value in self.words or self._phrase(value, self._text)

    def quotes(self, value: str) -> bool:
        """Whether the value stands there in quotes."""
        return any(f"{opening}{value}{closing}" in self._text for opening, closing in _QUOTES)

    def marks(self, value: str) -> bool:
        """Whether a value is marked as one: by quotes around it, or by what no word has."""
        return self.quotes(value) or _MARKED.search(value) is not None

    def says(self, value: str) -> bool:
        """Whether a text says only what the request says: its words as they stand there, one after
        the other, with one number filled in and two words that bear no content put in or left out.

        All else is a choice, and whatever can be chosen can carry something.
        """
        words = value.split(" ")
        said = [word[:-1] if word[-1:] in _ENDS else word for word in words]
        if len(said) > len(self._said) + MAX_ADDED or not all(map(_PLAIN.fullmatch, said)):
            return False
        # A number alone is filled in where no word is.
        if all(word.casefold() in _COMMON or _COUNT.fullmatch(word) for word in said):
            return False
        return any(_aligned(said, self._said, at) for at in range(len(self._said)))

    def names_row(self, value: str) -> bool:
        """Whether the request names an object that has this value in a trusted field: by a price,
        or by a name, which no ordinary word is.
        """
        if len(value) < _SHORT_NAME or value.casefold() in _COMMON:
            return False
        number = decimal(value)
        if number is not None:
            return number in self.prices
        if " " in value:
            return self._phrase(value, self._text)
        return value in self.words and (self.marks(value) or value in self._proper)

    def mentions(self, value: str) -> bool:
        """Whether the request says these words, in capitals or not. Good only for what nobody but
        the user can have called so.
        """
        folded = value.casefold()
        if len(folded) < _LONG_WORD or folded in _COMMON or decimal(value) is not None:
            return False
        return folded in self._small or self._phrase(folded, self._folded)

    def ranks(self, word: str, kind: str) -> bool:
        """Whether the request means the first of a kind by this word: `the largest file`, of a
        `drive.file`.
        """
        noun = kind.rpartition(".")[2]
        for phrase in (f"{word} {noun}".lower(), f"{word} {noun}s".lower()):
            before, found, after = self._folded.partition(f" {phrase}")
            if found and _ALL_OF_THEM.match(after):
                return _OTHERWISE.isdisjoint(map(bare, before.split()[-_BEFORE:]))
        return False

    def _names_id(self, value: str, resource_type: str | None) -> bool:
        noun = "" if resource_type is None else resource_type.rpartition(".")[2]
        nouns = _ID_NOUNS | {noun, f"{noun}s"} if noun else _ID_NOUNS
        return any((before, value) in self._ids for before in nouns)

    def _repeats(self, value: str) -> bool:
        """Whether a text stands in the request as it is, or in small letters, or as a title."""
        words = value.split(" ")
        if not all(words) or value.split() != words:
            return False
        if all(bare(word).casefold() in _COMMON for word in words):
            return False
        if value in self.words or self._phrase(value, self._text):
            return True
        if value not in (value.lower(), value.title(), value.capitalize()):
            return False
        folded = value.lower()
        return folded in self._small if len(words) == 1 else self._phrase(folded, self._folded)

    def _dated(self, word: str) -> bool:
        iso = _ISO_DATE.fullmatch(word)
        if iso is None:
            return False
        year, month, day = map(int, iso.groups())
        return (None, month, day) in self._dates or (year, month, day) in self._dates

    def _in_groups(self, value: str) -> bool:
        """Whether the account number is written in groups (ISO 13616), one after the other."""
        if not _IBAN.fullmatch(value):
            return False
        for start in range(len(self._bare)):
            joined = ""
            for word in self._bare[start:]:
                joined += word
                if joined == value:
                    return True
                if not value.startswith(joined):
                    break
        return False

    @staticmethod
    def _phrase(value: str, text: str) -> bool:
        """Whether the words of the value stand there one after the other."""
        phrase = " ".join(value.split())
        at = text.find(phrase) if " " in phrase else -1
        while at >= 0:
            if _begins(text, at) and _ends(text, at + len(phrase)):
                return True
            at = text.find(phrase, at + 1)
        return False


MAX_ADDED: Final = 2
"""How many words that bear no content a text may have more than the request: each is a choice."""


_ENDS: Final = tuple(".,!?:;")
_PLAIN: Final = re.compile(r"[^\W_](?:\S*[^\W_])?")


def _aligned(said: list[str], asked: list[str], at: int) -> bool:
    """Whether the words are those of the request from there on, but for what `says` lets pass."""
    added = left_out = filled = 0
    for index, word in enumerate(said):
        first = index == 0 and at < len(asked) and word.lower() == asked[at].lower()
        if at < len(asked) and (word == asked[at] or first):
            at += 1
        elif word.casefold() in _COMMON and added < MAX_ADDED:
            added += 1
        elif at < len(asked) and _COUNT.fullmatch(word) and not filled:
            filled, at = 1, at + 1
        elif (
            at + 1 < len(asked)
            and asked[at].casefold() in _COMMON
            and left_out < MAX_ADDED
            and word == asked[at + 1]
        ):
            left_out, at = left_out + 1, at + 2
        else:
            return False
    return True


def _proper(text: str) -> Iterator[str]:
    """The words that begin with a capital where no sentence begins."""
    begins = True
    for word in text.split():
        inner = bare(word)
        for mark in _POSSESSIVE:
            inner = inner.removesuffix(mark)
        if not begins and inner[:1].isupper():
            yield inner
        begins = word.endswith((".", "!", "?", ":"))


_ACCOUNT: Final = re.compile(
    r"\b[A-Za-z]{2}\d{2}(?:[ -]?[A-Za-z0-9]{4}){2,7}(?:[ -]?[A-Za-z0-9]{1,4})?\b"
)
_IBAN: Final = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{8,30}")
_TIME: Final = re.compile(r"\b\d{1,4}[-:/.]\d{1,2}(?:[-:/.]\d{1,4})+\b|\b\d{1,2}:\d{2}\b|#\d+")
_PRICE: Final = re.compile(
    r"[$€£]\s?[\d,]+(?:\.\d+)?|[\d,]+(?:\.\d+)?\s?(?:[$€£]|(?:eur|usd|gbp|euros?|dollars?|pounds?)\b)"
    r"|(?<![\w.,-])[\d,]*\d\.\d\d(?![\d%])",
    re.IGNORECASE,
)
_YEARS: Final = range(1900, 2100)


def _amounts(text: str) -> tuple[frozenset[str], frozenset[str]]:
    """The numbers of a text that may be amounts, and those that are written as amounts of money.

    Parts of account numbers, of dates and of times, numbers of things and years are none.
    """
    rest = _TIME.sub(" ", _ACCOUNT.sub(" ", text))
    for pattern in _DATES:
        rest = pattern.sub(" ", rest.casefold())
    prices = {
        number
        for one in _PRICE.findall(rest)
        if (number := decimal("".join(re.findall(r"[\d.,]", one)).rstrip(".,"))) is not None
    }
    plain = [word for word in _GAP.split(rest) if word]
    named = {number for noun, number in _ids(plain) if noun in _THINGS}
    numbers = {
        number
        for word in plain
        if (inner := bare(word)) not in named and (number := decimal(inner)) is not None
    }
    plausible = {one for one in numbers if not (one.isdigit() and int(one) in _YEARS)}
    return frozenset(plausible | prices), frozenset(prices)


_MARKED: Final = re.compile(r"[\d\W_]|(?<=.)[A-Z]")
"""What sets a value apart from an ordinary word: a digit, a mark, a capital within."""

_QUOTES: Final = (("'", "'"), ('"', '"'), ("“", "”"), ("„", "“"), ("`", "`"), ("«", "»"))


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
    *,
    marked: bool = False,
) -> Origin | None:
    """The origin that the task's request gives to a value, or None if it does not name it.

    `marked`: an ordinary word is not enough, as where words are a password.
    """
    text = normalise(value, role)
    if not text:
        return None
    asked = request(purpose)
    if asked.names(role, text, resource_type):
        if marked and not asked.marks(text):
            return None
        where = QUOTED if role == "query" and asked.quotes(text) else ""
        return Origin(REQUESTS[source], where)
    if role == "content" and source != "agent" and not marked and asked.says(text):
        return Origin("request-words")
    return None
