"""Finds a customer's own records without holding them: exact data match.

A file holds salted, truncated hashes of the values of each row. They are compared with the words of
a text, and reported where several of one row stand near each other: one name or number alone is
anybody's. Numbers are the same however their digits are grouped. Whoever has the file can try out
values, so that it is to be kept like the records of which it is made; what they are, it does not
say.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import lru_cache
from hashlib import blake2b, sha256
from itertools import accumulate, chain
from secrets import token_bytes
from typing import Final

import msgspec

from safeconduct.core.model import Finding
from safeconduct.inspectors.texts import each_text
from safeconduct.inspectors.words import (
    BEGIN,
    MAX_WORDS,
    SEPARATORS,
    folded_words,
    is_number,
    normal,
    numbers_in,
    readings,
    terms_in,
)

NEAR: Final = 1000
"""How many characters may lie between the values of a row, all texts of a value taken as one."""

MAX_ALIKE: Final = 64
"""What stands in more rows than that tells nobody, such as a city: it is not learned."""

MIN_CHARACTERS: Final = 3
"""What is shorter is found everywhere: it is not learned."""

_FORMAT: Final = "safeconduct-match-1"
_SALT: Final = 16
_OCTETS: Final = 6
_BEGIN_OCTETS: Final = 4
_KNOWN_WORDS: Final = 1 << 16


class _File(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`values` has for each row the hashes of its columns, `begins` those of the first words."""

    format: str
    columns: tuple[str, ...]
    min_columns: int
    longest: int
    salt: bytes
    rows: int
    values: bytes
    begins: bytes
    digest: bytes


def learn(
    rows: Iterable[Mapping[str, str]], columns: Sequence[str], *, min_columns: int = 2
) -> bytes:
    """What a file of matches holds of these rows.

    Args:
        rows: records; a column that one does not have is none of its.
        columns: which of their columns.
        min_columns: how many values of one row have to stand near each other.

    Raises:
        ValueError: no columns, fewer than are needed, or no row that has as many.
    """
    if not 1 <= min_columns <= len(columns) or len(set(columns)) < len(columns):
        raise ValueError("as many different columns as have to be found are needed")
    table = [[_value(row.get(column, "")) for column in columns] for row in rows]
    alike: dict[tuple[int, str], int] = defaultdict(int)
    for row in table:
        for at, value in enumerate(row):
            alike[at, value] += 1
    kept = [
        [value if alike[at, value] <= MAX_ALIKE else "" for at, value in enumerate(row)]
        for row in table
    ]
    kept = [row for row in kept if sum(map(bool, row)) >= min_columns]
    if not kept:
        raise ValueError("no row has as many values as have to be found")
    salt = token_bytes(_SALT)
    begins = {_hash(salt, _begin(value))[:_BEGIN_OCTETS] for row in kept for value in row}
    made = _File(
        format=_FORMAT,
        columns=tuple(columns),
        min_columns=min_columns,
        longest=max(value.count(" ") + 1 for row in kept for value in row),
        salt=salt,
        rows=len(kept),
        values=b"".join(
            _hash(salt, value) if value else bytes(_OCTETS) for row in kept for value in row
        ),
        begins=b"".join(sorted(begins)),
        digest=b"",
    )
    return msgspec.msgpack.encode(msgspec.structs.replace(made, digest=_digest(made)))


class MatchInspector:
    """Reports values of one learned row that stand near each other as `<family>.<name>`
    (`safeconduct.ports.Inspector`), in encodings too.

    `data` is what `learn` wrote. Raises ValueError where it is something else.
    """

    def __init__(self, kind: str, data: bytes) -> None:
        file = _read(data)
        self._kind = kind
        self._least = file.min_columns
        self._longest = file.longest
        width = len(file.columns)
        rows: dict[bytes, list[tuple[int, int]]] = defaultdict(list)
        for at in range(file.rows * width):
            value = file.values[at * _OCTETS : (at + 1) * _OCTETS]
            if any(value):
                rows[value].append(divmod(at, width))
        self._rows: dict[bytes, list[tuple[int, int]]] = dict(rows)
        self._salt = file.salt
        begins = frozenset(
            file.begins[at : at + _BEGIN_OCTETS] for at in range(0, len(file.begins), _BEGIN_OCTETS)
        )
        self._begins = _Begins(file.salt, begins)

    def inspect(self, value: object, data: bytes | None = None) -> tuple[Finding, ...]:
        """Every finding, in document order. Raises RecursionError on a value nested too deeply."""
        texts = each_text(value)
        hits = sorted({hit for at, one in enumerate(texts) for hit in self._hits(at, one.text)})
        starts = list(accumulate((len(one.text) for one in texts), initial=0))
        return tuple(
            Finding(self._kind, texts[at].path, start, end)
            for at, start, end in sorted(set(self._near(hits, starts)))
        )

    def _hits(self, at: int, text: str) -> Iterator[tuple[int, int, int, bytes]]:
        for reading, place in readings(text):
            for term, start, end in chain(
                terms_in(reading, self._begins, self._longest, self._is_value),
                numbers_in(reading, self._begins, self._is_value),
            ):
                yield at, *place(start, end), _hash(self._salt, term)

    def _is_value(self, term: str) -> bool:
        return _hash(self._salt, term) in self._rows

    def _near(
        self, hits: Sequence[tuple[int, int, int, bytes]], starts: Sequence[int]
    ) -> Iterator[tuple[int, int, int]]:
        """The places of those of which enough of the same row are near."""
        last: dict[int, dict[int, tuple[int, tuple[int, int, int]]]] = defaultdict(dict)
        for at, start, end, value in hits:
            place = starts[at] + start
            for row, column in self._rows[value]:
                seen = last[row]
                seen[column] = place, (at, start, end)
                near = [where for since, where in seen.values() if place - since <= NEAR]
                if len(near) >= self._least:
                    yield from near


class _Begins:
    """The first words of all values, by their hashes; words are few, and come again."""

    def __init__(self, salt: bytes, hashes: frozenset[bytes]) -> None:
        self._salt = salt
        self._hashes = hashes
        self._knows = lru_cache(_KNOWN_WORDS)(self._looked_up)

    def __contains__(self, word: object) -> bool:
        return isinstance(word, str) and self._knows(word)

    def _looked_up(self, word: str) -> bool:
        return _hash(self._salt, word)[:_BEGIN_OCTETS] in self._hashes


def _begin(value: str) -> str:
    return value[:BEGIN] if is_number(value) else value.partition(" ")[0]


def _value(text: str) -> str:
    number = "".join(folded_words(text)).translate(SEPARATORS)
    if is_number(number):
        return number
    value = normal(text)
    fits = len(value) >= MIN_CHARACTERS and value.count(" ") < MAX_WORDS
    return value if fits else ""


def _hash(salt: bytes, term: str) -> bytes:
    return blake2b(term.encode("utf-8", "replace"), key=salt, digest_size=_OCTETS).digest()


def _digest(file: _File) -> bytes:
    bare = msgspec.structs.replace(file, digest=b"")
    return sha256(msgspec.msgpack.encode(bare)).digest()


def _read(data: bytes) -> _File:
    try:
        file = msgspec.msgpack.decode(data, type=_File)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise ValueError("this is no file of matches") from error
    if file.format != _FORMAT:
        raise ValueError(f"a file of matches of another format: {file.format[:40]}")
    whole = (
        file.digest == _digest(file)
        and len(file.values) == file.rows * len(file.columns) * _OCTETS
        and 1 <= file.min_columns <= len(file.columns)
        and 1 <= file.longest <= MAX_WORDS
    )
    if not whole:
        raise ValueError("this file of matches is damaged")
    return file
