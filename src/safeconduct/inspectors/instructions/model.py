"""The model: a logistic regression over hashed features, in whole numbers, from a file of weights.

The file is `MAGIC`, the SHA-256 of what follows, and then, deflated (RFC 1950): the head, the
weights of the rules, and two signed bytes for each place of the table, the lower one first.
"""

from __future__ import annotations

import math
import struct
import sys
import zlib
from array import array
from collections.abc import Sequence
from hashlib import sha256
from importlib import resources
from typing import Final, Self

from safeconduct.inspectors.instructions import features, rules

MAGIC: Final = b"safeconduct instructions 1\n"
PACKAGE: Final = "safeconduct.inspectors.instructions"
FILE: Final = "weights.bin"

_HEAD: Final = struct.Struct("<dd")  # the bias, and what one step of a weight is worth
MAX_WORDS: Final = 50_000
"""How many words are kept with what they add up to."""


class Broken(ValueError):
    """The weights are not what was trained."""


class Model:
    """Scores segments. What it says of a segment hangs on nothing but that segment."""

    def __init__(self, bias: float, step: float, rule: Sequence[float], table: array[int]) -> None:
        self._bias = bias
        self._step = step
        self._rules = rule
        self._table = table
        self._words: dict[str, tuple[int, int, int]] = {}

    @classmethod
    def shipped(cls) -> Self:
        """The weights of this package. Raises Broken, OSError."""
        return cls.read(resources.files(PACKAGE).joinpath(FILE).read_bytes())

    @classmethod
    def read(cls, data: bytes) -> Self:
        """Raises Broken unless it is, to the last byte, what `written` wrote."""
        body = data[len(MAGIC) + 32 :]
        if not data.startswith(MAGIC) or sha256(body).digest() != data[len(MAGIC) :][:32]:
            raise Broken("the weights of the instruction detector are not those that were trained")
        try:
            plain = zlib.decompress(body)
        except zlib.error as error:
            raise Broken("the weights of the instruction detector are damaged") from error
        count = len(rules.KINDS)
        rule = struct.Struct(f"<{count}d")
        if len(plain) != _HEAD.size + rule.size + 2 * features.SIZE:
            raise Broken("the weights of the instruction detector are for other features")
        bias, step = _HEAD.unpack_from(plain)
        weights = rule.unpack_from(plain, _HEAD.size)
        if not all(map(math.isfinite, (bias, step, *weights))):
            raise Broken("the weights of the instruction detector are no numbers")
        table = array("h", plain[_HEAD.size + rule.size :])
        if sys.byteorder == "big":
            table.byteswap()
        return cls(bias, step, weights, table)

    def written(self) -> bytes:
        """The file of this model."""
        rule = struct.pack(f"<{len(self._rules)}d", *self._rules)
        table = array("h", self._table)
        if sys.byteorder == "big":
            table.byteswap()
        body = zlib.compress(_HEAD.pack(self._bias, self._step) + rule + table.tobytes(), 9)
        return MAGIC + sha256(body).digest() + body

    def score(self, segment: str, matched: Sequence[int]) -> float:
        """From 0 to 1 how much a segment speaks to an agent, given the rules that it matches."""
        table, words = self._table, self._words
        before = last = features.START
        total = count = 0
        totals, counts = [0], [0]
        for token in features.tokens(segment):
            known = words.get(token)
            if known is None:
                known = self._learn(token)
            number, own, places = known
            total += own + table[features.pair(last, number)]
            total += table[features.apart(before, number)]
            count += places + 2
            totals.append(total)
            counts.append(count)
            before, last = last, number
        most = max(
            (
                (totals[end] - totals[start])
                / math.sqrt(max(counts[end] - counts[start], features.LEAST))
                for start, end in features.windows(len(totals) - 1)
            ),
            default=0.0,
        )
        linear = self._bias + sum(self._rules[one] for one in matched) + self._step * most
        return 1 / (1 + math.exp(-max(-40.0, min(40.0, linear))))

    def _learn(self, token: str) -> tuple[int, int, int]:
        if len(self._words) >= MAX_WORDS:
            self._words.clear()
        number, places = features.word(token)
        known = number, sum(self._table[place] for place in places), len(places)
        self._words[token] = known
        return known
