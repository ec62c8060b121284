"""Fingerprints of texts, by which a copied stretch is found again whatever stands around it. Pure.

Winnowing (Schleimer, Wilkerson, Aiken: "Winnowing: Local Algorithms for Document Fingerprinting",
SIGMOD 2003). Of a normalised text every stretch of GRAM characters has a number, and of every
WINDOW stretches in a row the one with the least number is kept. Two texts that share GUARANTEED
characters in a row share such a window, so they have a fingerprint in common: always. Shorter ones
may have one from GRAM characters on, none below.

What is kept of a stretch is a keyed hash. Without the key nobody can tell by guessing what a stored
fingerprint stands for. Where the stretches begin is found without the key, and is not stored.
"""

from __future__ import annotations

import re
from array import array
from bisect import bisect_left
from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from hashlib import blake2b
from typing import Final
from zlib import crc32

import msgspec

from safeconduct.core.amounts import BASIS
from safeconduct.core.lookalikes import folded

GRAM: Final = 20
"""The length of what one fingerprint stands for, in normalised characters: four or five words."""

WINDOW: Final = 13
"""Of how many grams in a row one is kept. On average 2 of WINDOW + 1 are."""

GUARANTEED: Final = WINDOW + GRAM - 1
"""From how many normalised characters in a row on a copy is always found: six or seven words."""

CAPACITY: Final = 1 << 16
"""How many fingerprints one index holds, each counted once for each of its sources: those of some
450 000 normalised characters. They take 8 bytes each, so 512 KiB at most, besides the names of the
sources, of which there are no more than fingerprints."""

_SOURCE_BITS: Final = 16
_PRINT_BYTES: Final = 6
"""A fingerprint and the number of its source are one number of 64 bits. Among CAPACITY others, one
of 48 bits is there by chance once in four thousand million times."""

_PLAIN: Final = bytes.maketrans(b"ABCDEFGHIJKLMNOPQRSTUVWXYZ01i", b"abcdefghljklmnopqrstuvwxyzoll")
_DROPPED: Final = bytes(code for code in range(128) if not chr(code).isalnum())
_NO_WORD: Final = re.compile(r"[\W_]+")


def normalise(text: str) -> bytes:
    """The letters and digits of a text, without case, in one form for what looks alike, in UTF-8.

    A letter of another script than Latin counts for as many characters as it has bytes. Normalising
    twice is normalising once.
    """
    plain = folded(text)
    if not plain.isascii():
        plain = _NO_WORD.sub("", folded(plain.casefold()))
    return plain.encode().translate(_PLAIN, _DROPPED)


def fingerprint(text: str, key: bytes) -> frozenset[int]:
    """The fingerprints of a text, positive numbers of 48 bits; none below GRAM characters.

    Args:
        text: any text
        key: a secret of up to 64 bytes; under another one the numbers are others
    """
    return frozenset(number for _, number in _prints(normalise(text), key))


def _prints(data: bytes, key: bytes) -> list[tuple[int, int]]:
    """Where the kept grams of a normalised text begin, in order, and their fingerprints."""
    grams = [crc32(data[start : start + GRAM]) for start in range(len(data) - GRAM + 1)]
    return [
        (
            start,
            int.from_bytes(
                blake2b(data[start : start + GRAM], key=key, digest_size=_PRINT_BYTES).digest()
            ),
        )
        for start in _winnowed(grams)
    ]


def _winnowed(numbers: list[int]) -> list[int]:
    """The places of the least number of each window, of equal ones the last; and of the first
    windows, while they grow, so that a short text has some too.
    """
    kept: list[int] = []
    least, place = 1 << 32, 0
    for index, number in enumerate(numbers):
        if number <= least:
            least, place = number, index
        elif index - place >= WINDOW:
            window = numbers[index - WINDOW + 1 : index + 1]
            least = min(window)
            place = index - window[::-1].index(least)
        else:
            continue
        kept.append(place)
    return kept


class Match(msgspec.Struct, frozen=True):
    """What a text has in common with a source.

    `share_bps` is how many of the text's fingerprints are the source's, in basis points, rounded
    down. `run` is the longest stretch of the text in which all of them are, in normalised
    characters; what a text repeats neither lengthens a stretch nor ends it.
    """

    source: str
    share_bps: int
    run: int


class Fingerprints(msgspec.Struct, frozen=True):
    """The fingerprints of several sources: at most CAPACITY, and none is given up for a newer one.

    `entries` is for this class alone: numbers of 64 bits in order, in the byte order of the
    machine. `full` says that some fingerprints found no room. From then on a text without a match
    may be copied all the same, so whoever asks has to assume that it is.
    """

    sources: tuple[str, ...] = ()
    entries: bytes = b""
    full: bool = False

    def added(self, source: str, prints: AbstractSet[int]) -> Fingerprints:
        """Together with those of one more text of a source, as far as there is room.

        Takes time in proportion to all that is held.
        """
        sources = self.sources if source in self.sources else (*self.sources, source)
        held = memoryview(self.entries).cast("Q")
        number = sources.index(source)
        new = sorted(one << _SOURCE_BITS | number for one in prints)
        new = [entry for entry in new if not _holds(held, entry)]
        room = CAPACITY - len(held)
        full = self.full or len(new) > room
        if not new[:room]:
            return Fingerprints(self.sources, self.entries, full)
        return Fingerprints(sources, array("Q", sorted([*held, *new[:room]])).tobytes(), full)

    def match(self, text: str, key: bytes) -> tuple[Match, ...]:
        """What a text shares with each source that it shares anything with, the longest run first.

        Takes time in proportion to the text and, at worst, to all that is held.
        """
        held = memoryview(self.entries).cast("Q")
        seen: set[int] = set()
        shared: dict[int, tuple[int, int, int, int]] = {}
        for start, one in _prints(normalise(text), key):
            if one in seen:
                continue
            seen.add(one)
            for number in _owners(held, one):
                count, first, last, run = shared.get(number, (0, start, len(seen), 0))
                if last < len(seen) - 1:
                    first = start
                shared[number] = (count + 1, first, len(seen), max(run, start + GRAM - first))
        matches = [
            Match(self.sources[number], count * BASIS // len(seen), run)
            for number, (count, _, _, run) in shared.items()
        ]
        return tuple(sorted(matches, key=lambda one: (-one.run, one.source)))


def _holds(held: memoryview[int], entry: int) -> bool:
    place = bisect_left(held, entry)
    return place < len(held) and held[place] == entry


def _owners(held: memoryview[int], one: int) -> Iterator[int]:
    """The numbers of the sources of a fingerprint."""
    place = bisect_left(held, one << _SOURCE_BITS)
    while place < len(held) and held[place] >> _SOURCE_BITS == one:
        yield held[place] & (1 << _SOURCE_BITS) - 1
        place += 1
