"""The words that stand near a number: beside it in its text, in its keys, or as its label."""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from functools import lru_cache
from typing import Final, NamedTuple, cast

from safeconduct.core.model import KEY
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
_WORD: Final = re.compile(r"(?<![^\W_])[^\W\d_]{2,}(?![^\W_])")
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


def spoken(text: str) -> str:
    """Words as they are compared: small, one space between, however a key writes them."""
    return " ".join(_HUMP.sub(" ", text).replace("_", " ").replace("-", " ").lower().split())


def said(words: Iterable[str]) -> re.Pattern[str]:
    """Finds any of the words in what is spoken; those of scripts without spaces, anywhere."""
    spaced = "|".join(one for one in words if not _unspaced(one))
    parts = [rf"(?<![^\W\d_])(?:{spaced})(?![^\W\d_])", *filter(_unspaced, words)]
    return re.compile("|".join(parts))


def _unspaced(word: str) -> bool:
    return "\u0e00" <= word[0] <= "\u0e7f" or "\u3040" <= word[0] <= "\ud7a3"


def sign(words: Iterable[str]) -> str:
    """A pattern over the bytes of JSON for what may hold any of the words."""
    return "|".join(dict.fromkeys(_sign(one) for one in words))


def _sign(word: str) -> str:
    stem = word.replace(r"\w*", "")
    flexible = stem.replace(" ", "[ _-]?")
    if not word.isascii():
        either = f"{flexible}|{flexible.capitalize()}|{flexible.upper()}"
        return octets(f"(?:{either})")
    if word != stem or len(stem) > 5 or " " in word:
        return f"(?i:{flexible})"
    inside = f"[a-z](?:{stem.capitalize()}|{stem.upper()})"
    return f"(?:(?:^|[^A-Za-z0-9])(?i:{stem})|{inside})(?:[^a-z0-9]|$)"


class Words:
    """The words of a text."""

    def __init__(self, text: str) -> None:
        text = _REDACTED.sub(lambda one: " " * len(one[0]), text)
        words = [one for one in _WORD.finditer(text) if one[0].lower() not in MONTHS]
        self._starts = [one.start() for one in words]
        self._words = [one[0] for one in words]
        line, more, _ = text.partition("\n")
        columns = more and _COLUMNS.search(line)
        self._heading = _WORD.findall(line)[:HEADING] if columns else []

    def near(self, start: int) -> str:
        """Those near a place, as they are spoken."""
        at = bisect_left(self._starts, start)
        return spoken(" ".join([*self._words[max(at - BEFORE, 0) : at + AFTER], *self._heading]))


class Placed(NamedTuple):
    """A string or a key, where it stands, and what is around it: the keys on the way to it, and
    what its object says that it is.
    """

    text: str
    path: Path
    names: tuple[str, ...]

    def around(self) -> str:
        """What is around it, as it is spoken."""
        return _spoken(self.names)


@lru_cache(maxsize=4096)
def _spoken(names: tuple[str, ...]) -> str:
    return spoken(_REDACTED.sub(" ", " ".join(names)))


def placed(value: object) -> list[Placed]:
    """The strings and keys of a JSON value that may hold anything, in document order: all that is
    looked for has a digit or an @. Raises RecursionError.
    """
    found: list[Placed] = []

    def collect(value: object, path: Path, keys: tuple[str, ...], names: tuple[str, ...]) -> None:
        if isinstance(value, str):
            found.append(Placed(value, path, names))
        elif isinstance(value, dict):
            members = cast("dict[str, object]", value)
            said = _LABELS.intersection(members)
            labels = tuple([_short(members[key]) for key in sorted(said)]) if said else ()
            above = keys[1 - KEYS :]
            for key, item in members.items():
                if _BEARING(key):
                    found.append(Placed(key, (*path, key, KEY), keys))
                if _bears(item):
                    below = (*above, key)
                    collect(item, (*path, key), below, below + labels)
        elif isinstance(value, list):
            for index, item in enumerate(cast("list[object]", value)):
                if _bears(item):
                    collect(item, (*path, index), keys, names)

    collect(value, (), (), ())
    return found


def _bears(item: object) -> bool:
    return bool(_BEARING(item)) if isinstance(item, str) else isinstance(item, (dict, list))


def _short(label: object) -> str:
    return label if isinstance(label, str) and len(label) <= _MAX_LABEL else ""
