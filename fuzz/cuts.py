"""One stream of bytes, cut in several ways: a reader of streams must not notice where."""

from __future__ import annotations

import random
import zlib


def cuts(data: bytes) -> list[list[bytes]]:
    """As a whole, byte by byte, and in pieces whose lengths follow from the data alone."""
    chance = random.Random(zlib.crc32(data))
    pieces: list[bytes] = []
    rest = data
    while rest:
        size = chance.choice((1, 2, 3, 7, 40))
        pieces.append(rest[:size])
        rest = rest[size:]
    return [[data], [data[at : at + 1] for at in range(len(data))], pieces]
