"""Which proofs were used already, for as long as they could be used again."""

from __future__ import annotations

import secrets
from array import array
from collections import deque
from hashlib import blake2b
from typing import Final

_BYTES: Final = 8


class Full(Exception):
    """No further use can be remembered now, so none may be taken."""


class Replays:
    """Remembers uses for a time, in about 80 bytes each.

    A use is kept as 64 bits of a keyed hash, whose key nobody else has: that two different uses
    look alike, which refuses the second, happens by chance alone, once in 2^64 for each one kept.
    """

    def __init__(self, *, keep_ms: int, capacity: int) -> None:
        self._keep_ms = keep_ms
        self._capacity = capacity
        self._key = secrets.token_bytes(32)
        self._used: set[int] = set()
        # The uses of each second in the order of the seconds, to be forgotten together.
        self._seconds: deque[tuple[int, array[int]]] = deque()

    def spend(self, use: str, now_ms: int) -> bool:
        """Whether this is the first such use. `now_ms` never goes back.

        Raises Full.
        """
        while self._seconds and (self._seconds[0][0] + 1) * 1000 + self._keep_ms < now_ms:
            self._used.difference_update(self._seconds.popleft()[1])
        digest = blake2b(use.encode(), key=self._key, digest_size=_BYTES).digest()
        number = int.from_bytes(digest, "little")
        if number in self._used:
            return False
        if len(self._used) >= self._capacity:
            raise Full
        second = now_ms // 1000
        if not self._seconds or self._seconds[-1][0] != second:
            self._seconds.append((second, array("Q")))
        self._seconds[-1][1].append(number)
        self._used.add(number)
        return True
