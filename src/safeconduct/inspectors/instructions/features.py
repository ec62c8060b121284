"""What the model knows of a segment: its words, how they are written, and what stands together.

Each feature is a place in one table (feature hashing), so that weights need no vocabulary.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, NamedTuple
from zlib import crc32

from safeconduct.core.lookalikes import folded

BITS: Final = 21
SIZE: Final = 1 << BITS
"""How many places the table has."""

LEAST: Final = 40
"""Over how many features the evidence is spread at least, some four words: fewer say little."""

MAX_LETTERS: Final = 40
"""How much of a word counts."""

_UNSPACED: Final = r"\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff"
"""Chinese characters and Japanese letters, between which words have no space: each is a word."""
_TOKEN: Final = re.compile(
    rf"https?://\S+|[\w.+-]+@[\w-]+\.[\w.-]+|[{_UNSPACED}]|[^\W_{_UNSPACED}]+"
    rf"(?:['\u2019][^\W_{_UNSPACED}]+)?|[^\w\s]|_+"
)
_SPELT: Final = re.compile(r"(?<!\w)(?:\w[ .*|/_-]){4,}\w(?!\w)")
_SPLIT: Final = re.compile(r"(?<![\w.*|_-])[^\W\d_]{1,3}(?:[.*|_-][^\W\d_]{1,3}){2,}(?![\w.*|_-])")
"""A word in short pieces: ig-no-re."""
_APART: Final = re.compile(r"[ .*|/_-]")
_LEET: Final = str.maketrans("013457@$", "oieastas")
_GRAMS: Final = (3, 4, 5)


class Word(NamedTuple):
    """A word by its number, and the places of what it says by itself."""

    number: int
    places: tuple[int, ...]


START: Final = crc32(b"^")
"""The number of what stands before the first word."""


def tokens(segment: str) -> list[str]:
    """The words and marks of a segment, as they look; letters that stand apart are one word."""
    text = folded(segment)
    if _SPELT.search(text):
        text = _SPELT.sub(lambda spelt: _APART.sub("", spelt[0]), text)
    if _SPLIT.search(text):
        text = _SPLIT.sub(lambda split: _APART.sub("", split[0]), text)
    return _TOKEN.findall(text)


def word(token: str) -> Word:
    """What a token says by itself."""
    plain = _plain(token)
    number = crc32(plain.encode(errors="replace"))
    places = [_place(number)]
    if len(token) > 3 and token.isupper():
        places.append(_place(crc32(b"capitals")))
    if len(plain) > 3 and plain.isalpha():
        places += [_place(crc32(gram.encode(errors="replace"), 1)) for gram in _grams(plain)]
    elif not plain.isascii():
        places += [_place(crc32(one.encode(errors="replace"), 2)) for one in plain[:MAX_LETTERS]]
    return Word(number, tuple(places))


def _plain(token: str) -> str:
    """A token in small letters, without what would make it the only one of its kind."""
    if "://" in token:
        return "<url>"
    if "@" in token and len(token) > 1:
        return "<mail>"
    if token.isalpha():
        return token.lower()[:MAX_LETTERS]
    digits = sum(map(str.isdigit, token))
    if not digits:
        return token.lower()
    if digits == len(token):
        return "<number>"
    small = token.lower()
    if digits <= 3 and len(token) >= 2 * digits and small.translate(_LEET).isalpha():
        return small.translate(_LEET)
    return "<mixed>"


def _grams(plain: str) -> Iterator[str]:
    bounded = f"<{plain}>"
    for length in _GRAMS:
        for at in range(len(bounded) - length + 1):
            yield bounded[at : at + length]


def _place(number: int) -> int:
    return ((number * 0x9E3779B1) >> 12) & (SIZE - 1)


def pair(first: int, second: int) -> int:
    """The place of two words, one after the other."""
    return ((first * 0x9E3779B1 + second * 0x85EBCA6B) >> 14) & (SIZE - 1)


def apart(first: int, second: int) -> int:
    """The place of two words with one between them."""
    return ((first * 0xC2B2AE35 + second * 0x27D4EB2F) >> 14) & (SIZE - 1)


WINDOW: Final = 16
"""How many words are judged together, where a segment has more: an order may hide in a sentence."""


def windows(words: int) -> Iterator[tuple[int, int]]:
    """From which to which word is judged: all of them, then stretches that overlap by half."""
    if words:
        yield 0, words
    if words > WINDOW:
        for start in range(0, words - WINDOW // 2, WINDOW // 2):
            yield start, min(start + WINDOW, words)
