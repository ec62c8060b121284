"""The words that stand near a number: beside it in its text, in its keys, or as its label."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, cast

from safeconduct.core.model import KEY
from safeconduct.core.redact import written
from safeconduct.inspectors.pii.folding import octets
from safeconduct.inspectors.pii.records import MONTHS

Path = tuple[str | int, ...]

BEFORE: Final = 8
"""How many words before a number are near."""
AFTER: Final = 5
"""How many words behind it are near."""
HEADING: Final = 64
"""How many words of a first line are near all that stands in its columns."""
KEYS: Final = 3
"""How many keys on the way to a string are near."""

_REDACTED: Final = re.compile(r"\[redacted: [\w.-]*\]")
_LETTERS: Final = r"(?:[.\"'\u05f3\u05f4][^\W\d_]){1,4}(?![^\W_])|\. [^\W\d_]\.|\.?[°º]"
"""How an abbreviation of single letters goes on, as D.N.I., r. č. or n°."""
_WORD: Final = re.compile(rf"[^\W_](?:[^\W_]+|{_LETTERS})")
_ABBREVIATION: Final = re.compile(rf"(?<![^\W_])[^\W\d_](?:{_LETTERS})")
_BETWEEN: Final = str.maketrans("_-./", "    ")
_DIGIT: Final = re.compile(r"\d").search
_HUMP: Final = re.compile(r"(?<=[a-z])(?=[A-Z])")
_COLUMNS: Final = re.compile(r"[,;|\t]")
_LABELS: Final = frozenset(
    {
        "type",
        "kind",
        "label",
        "name",
        "field",
        "key",
        "title",
        "scheme",
        "system",
        "code",
        "parameter",
    }
    | {"question", "Type", "Label", "Name", "Field", "Key", "fieldName", "typeName", "displayName"}
)
_BEARING: Final = re.compile(r"[\d@]").search
_MAX_LABEL: Final = 64
_SHORT: Final = 4
"""A word of so many letters may be one that points shorten."""


def spoken(text: str) -> str:
    """Words as they are compared: small, one space between, however a key writes them."""
    text = _ABBREVIATION.sub(lambda one: _whole(one[0]), text)
    return " ".join(_HUMP.sub(" ", text).translate(_BETWEEN).lower().split())


def _whole(word: str) -> str:
    """An abbreviation without its points; two letters stay apart, as many words have only two."""
    letters = [one for one in word if one.isalpha()]
    if word[-1] in "°º":
        return f"{letters[0]}o"
    return (" " if len(letters) == 2 else "").join(letters)


def said(words: Iterable[str]) -> re.Pattern[str]:
    """Finds any of the words in what is spoken; anywhere, those of scripts that put no spaces
    between words, or that write small words together with the next.
    """
    begins: dict[str, list[str]] = {}
    for one in words:
        if not _unspaced(one):
            begins.setdefault(one[0] if one[0].isalpha() else "", []).append(one)
    spaced = "|".join(
        f"{first}(?:{'|'.join(one[len(first) :] for one in group)})"
        for first, group in begins.items()
    )
    parts = [rf"(?<![^\W\d_])(?:{spaced})(?![^\W\d_])", *filter(_unspaced, words)]
    return re.compile("|".join(parts))


def _unspaced(word: str) -> bool:
    return "\u0590" <= word[0] <= "\u0e7f" or "\u3040" <= word[0] <= "\ud7a3"


def sign(words: Iterable[str]) -> str:
    """A pattern over the bytes of JSON for what may hold any of the words."""
    return "|".join(dict.fromkeys(_sign(one) for one in words))


def _sign(word: str) -> str:
    stem = word.replace(r"\w*", "")
    flexible = _flexible(stem)
    if not word.isascii():
        either = (flexible, *(_flexible(form) for form in (stem.title(), stem.upper())))
        return octets(f"(?i:{'|'.join(dict.fromkeys(either))})")
    if stem[1:2] == " " and len(stem) == 3:
        return f"(?:^|[^A-Za-z])(?i:{flexible})(?:[^a-z]|$)"
    if word != stem or len(stem) > 5 or " " in word:
        return f"(?i:{flexible})"
    inside = f"[a-z](?:{stem.capitalize()}|{stem.upper()})"
    return f"(?:(?:^|[^A-Za-z])(?i:{flexible})|{inside})(?:[^a-z]|$)"


def _flexible(stem: str) -> str:
    """However it is written: with points where it is short, in one word or in several."""
    if stem.isalpha() and len(stem) <= _SHORT:
        return r"[.\n]{0,2}".join(stem)
    if stem.startswith("no "):
        stem = rf"n[o.\x80-\xff]{{0,3}} {stem[3:]}"
    return stem.replace(" ", r"[ ._\n-]{0,2}")


def _is_word(run: str) -> bool:
    """In scripts without spaces, a number may follow a word at once."""
    return (run.isalpha() or not (_DIGIT(run) and run.isascii())) and run.lower() not in MONTHS


class Words:
    """The words of a text."""

    def __init__(self, text: str) -> None:
        text = _REDACTED.sub(lambda one: " " * len(one[0]), text)
        words = [one for one in _WORD.finditer(text) if _is_word(one[0])]
        self._starts = [one.start() for one in words]
        whole = [one[0] if one[0].isalnum() else _whole(one[0]) for one in words]
        said = "\n".join(whole).replace("º", "o")
        self._words = _HUMP.sub(" ", said).lower().split("\n")
        line, more, _ = text.partition("\n")
        columns = more and _COLUMNS.search(line)
        heading = [one for one in _WORD.findall(line) if not _DIGIT(one)] if columns else []
        self._heading = spoken(" ".join(heading[:HEADING]))

    def near(self, start: int) -> str:
        """Those near a place, as they are spoken."""
        at = bisect_left(self._starts, start)
        return " ".join([*self._words[max(at - BEFORE, 0) : at + AFTER], self._heading])


Placed = tuple[str, Path, tuple[str, ...]]
"""A string, a key or how an integer is written, where it stands, and what is around it: the keys on
the way to it, and what its object says that it is."""


@lru_cache(maxsize=4096)
def around(names: tuple[str, ...]) -> str:
    """What is around a text, as it is spoken."""
    return spoken(_REDACTED.sub(" ", " ".join(names)))


def placed(value: object) -> list[Placed]:
    """The strings, keys and longer integers of a JSON value that may hold anything, in document
    order: all that is looked for has a digit or an @. Raises RecursionError.
    """
    placing = _Placing()
    placing.collect(value, (), (), ())
    return placing.found


class _Placing:
    def __init__(self) -> None:
        self.found: list[Placed] = []
        self._plain: set[str] = set()  # keys come again and again

    def collect(
        self, value: object, path: Path, keys: tuple[str, ...], names: tuple[str, ...]
    ) -> None:
        if isinstance(value, str):
            if _BEARING(value):
                self.found.append((value, path, names))
        elif isinstance(value, dict):
            self._members(cast("dict[str, object]", value), path, keys)
        elif isinstance(value, list):
            for index, item in enumerate(cast("list[object]", value)):
                self.collect(item, (*path, index), keys, names)
        elif number := written(value):
            self.found.append((number, path, names))

    def _members(self, value: dict[str, object], path: Path, keys: tuple[str, ...]) -> None:
        labels = _labels(value)
        above = keys[1 - KEYS :]
        found, plain = self.found, self._plain
        for key, item in value.items():
            if key not in plain:
                if _BEARING(key):
                    found.append((key, (*path, key, KEY), keys))
                else:
                    plain.add(key)
            if isinstance(item, str):
                if _BEARING(item):
                    found.append((item, (*path, key), (*above, key, *labels)))
            elif item is not None:
                below = (*above, key)
                self.collect(item, (*path, key), below, below + labels)


def _labels(members: dict[str, object]) -> tuple[str, ...]:
    if _LABELS.isdisjoint(members):
        return ()
    return tuple([_short(members[key]) for key in sorted(_LABELS.intersection(members))])


def _short(label: object) -> str:
    return label if isinstance(label, str) and len(label) <= _MAX_LABEL else ""
