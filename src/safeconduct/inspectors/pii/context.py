"""The words that stand near a number: beside it in its text, in its keys, or as its label."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from functools import cache, lru_cache
from typing import Final, cast

from safeconduct.core.model import KEY
from safeconduct.core.redact import written
from safeconduct.inspectors.patterns import compiled, in_utf8
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
_ALTERNATIVES: Final = re.compile(r"\(\?:([^()]*)\)(\??)")
_ALNUM: Final = re.compile(r"[^\W_]").search
_MAX_KNOWN: Final = 1 << 14
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


class Terms:
    """The words of which one has to stand near something, ready to be looked for."""

    @staticmethod
    @cache
    def of(words: tuple[str, ...]) -> Terms:
        """Those, once in a process."""
        return Terms(words)

    def __init__(self, words: tuple[str, ...]) -> None:
        pattern = said(words)
        self._said = pattern.search
        self._starts = pattern.match
        self._begins = compiled(_beginning(words)).search
        self._texts: dict[str, bool] = {}
        self._tokens: dict[str, bool] = {}

    def said_in(self, text: str) -> bool:
        """Whether one of them is in what is spoken."""
        known = self._texts.get(text)
        if known is None:
            if len(self._texts) >= _MAX_KNOWN:
                self._texts.clear()
            known = self._texts[text] = bool(self._said(text))
        return known

    def said_among(self, words: Sequence[str]) -> bool:
        """Whether one of them is in successive words of a text, as they are written there."""
        known = self._tokens
        for at, word in enumerate(words):
            begins = known.get(word)
            if begins is None:
                if len(known) >= _MAX_KNOWN:
                    known.clear()
                begins = known[word] = self._begins(in_utf8(_word(word)), 0) is not None
            if begins and self._begin(words[at:]):
                return True
        return False

    def _begin(self, words: Sequence[str]) -> bool:
        """Whether one of them begins in the first of these words, and ends in any."""
        first = _word(words[0])
        text = " ".join(map(_word, words))
        if self._starts(text):
            return True
        return (" " in first or not first.isascii()) and self._said(text) is not None


@lru_cache(1 << 14)
def _word(word: str) -> str:
    """A word of a text, as it is compared."""
    whole = word if word.isalnum() else _whole(word)
    return _HUMP.sub(" ", whole.replace("º", "o")).lower()


def _beginning(words: Iterable[str]) -> str:
    """A pattern over UTF-8 for a word with which one of them may begin."""
    spelled = [one for word in words for one in _spelled(word)]
    firsts = dict.fromkeys(one.partition(" ")[0].replace(r"\w*", "[^ ]*") for one in spelled)
    spaced = "|".join(octets(one) for one in firsts if not _unspaced(one))
    parts = [rf"(?:^| )(?:{spaced})(?: |$)", *(octets(one) for one in firsts if _unspaced(one))]
    return "|".join(parts)


def _spelled(word: str) -> Iterator[str]:
    """A word in all the ways that its alternatives, without any within, make of it."""
    found = _ALTERNATIVES.search(word)
    if found is None:
        yield word
        return
    for one in (*found[1].split("|"), *([""] if found[2] else [])):
        yield from _spelled(word[: found.start()] + one + word[found.end() :])


class Words:
    """The words of a text."""

    def __init__(self, text: str) -> None:
        if "[redacted: " in text:
            text = _REDACTED.sub(lambda one: " " * len(one[0]), text)
        self._text = text
        self._starts, self._ends, self._words = _read(text)
        self._line, self._heading = _head(text)

    def cut(self, places: Sequence[tuple[int, int]]) -> None:
        """Takes out what is at these places, and the words in it."""
        parts: list[str] = []
        starts: list[int] = []
        ends: list[int] = []
        words: list[str] = []
        done = kept = 0
        whole = True
        text = self._text
        for start, end in sorted(places):
            if end <= done:
                continue
            begin = max(start, done)
            parts += [text[done:begin], "\1" * (end - begin)]
            first, last = bisect_right(self._ends, begin), bisect_left(self._starts, end)
            # What a place leaves of a word, or lays bare beside it, is another word.
            whole = whole and (first == last or not self._starts[first] < begin)
            whole = whole and (first == last or not end < self._ends[last - 1])
            whole = whole and not _ALNUM(text, max(begin - 1, 0), begin)
            whole = whole and not _ALNUM(text, end, end + 1)
            starts += self._starts[kept:first]
            ends += self._ends[kept:first]
            words += self._words[kept:first]
            done, kept = end, max(last, kept)
        self._text = "".join([*parts, text[done:]])
        if whole:
            self._starts = starts + self._starts[kept:]
            self._ends = ends + self._ends[kept:]
            self._words = words + self._words[kept:]
        else:
            self._starts, self._ends, self._words = _read(self._text)
        if min(places)[0] < self._line:
            self._line, self._heading = _head(self._text)

    def near(self, start: int) -> list[str]:
        """Those near a place, as they are written."""
        at = bisect_left(self._starts, start)
        return self._words[max(at - BEFORE, 0) : at + AFTER]

    def say(self, terms: Terms, start: int) -> bool:
        """Whether one of the words stands near a place, or in the heading."""
        if terms.said_among(self.near(start)):
            return True
        return bool(self._heading and terms.said_in(self._heading))


def _read(text: str) -> tuple[list[int], list[int], list[str]]:
    """Where the words of a text begin and end, and they themselves, but for months."""
    spans = [one.span() for one in _WORD.finditer(text)]
    words = [text[start:end] for start, end in spans]
    others = {one for one in {*words} if not _is_word(one)}
    if others:
        kept = [at for at, word in enumerate(words) if word not in others]
        spans = [spans[at] for at in kept]
        words = [words[at] for at in kept]
    return [start for start, _ in spans], [end for _, end in spans], words


def _head(text: str) -> tuple[int, str]:
    """How long the first line is, and what it says if it is that of a table."""
    line, more, _ = text.partition("\n")
    columns = more and _COLUMNS.search(line)
    heading = [one for one in _WORD.findall(line) if not _DIGIT(one)] if columns else []
    return len(line), spoken(" ".join(heading[:HEADING]))


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
