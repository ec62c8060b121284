"""Which row of a result the request means, by more than a value that names it. Pure.

Several were found, and one of them is called as the request says; nobody but the user can have
called it so; or the request says that it means the first of all.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple, cast

from safeconduct.core.labels import Integrity
from safeconduct.core.manifest import FieldLabel
from safeconduct.core.model import Call, ToolFacts
from safeconduct.core.paths import select
from safeconduct.core.provenance import Reading


class Field(NamedTuple):
    """A trusted field: its row's path, and its own within the row."""

    row: str
    below: str
    path: str
    said: FieldLabel


def meant(
    call: Call, tool: ToolFacts, rows: Sequence[object], fields: Sequence[Field], reading: Reading
) -> frozenset[int]:
    """Which of the rows, by number, the request means, and no other. Raises TooManyValues."""
    found: list[int] = []
    if reading.chosen == "named-object":
        found += [0] if len(rows) == 1 else _sought(rows, reading)
    if tool.source.integrity is Integrity.trusted:
        found += _mentioned(rows, reading)
    # Of what an argument left out nobody can tell whether it came first.
    if reading.chosen is not None and not call.arguments:
        found += _firsts(rows, fields, reading)
    return frozenset(found)


def _sought(rows: Sequence[object], reading: Reading) -> list[int]:
    named = [at for at, row in enumerate(rows) if not reading.sought.isdisjoint(_texts(row))]
    return named if len(named) == 1 else []


def _mentioned(rows: Sequence[object], reading: Reading) -> Iterator[int]:
    holding: defaultdict[str, list[int]] = defaultdict(list)
    for at, row in enumerate(rows):
        for text in set(_texts(row)):
            holding[text].append(at)
    for text, held in holding.items():
        if len(held) == 1 and reading.mentions(text) and not reading.written(text):
            yield held[0]


def _firsts(rows: Sequence[object], fields: Sequence[Field], reading: Reading) -> Iterator[int]:
    """The row that alone has the highest or the lowest value of a field, where the request means
    the first of a kind of which these rows are.
    """
    kinds = {field.said.type for field in fields if field.said.type is not None}
    for field in fields:
        for words, best in ((field.said.most, max), (field.said.least, min)):
            if not any(reading.ranks(word, kind) for word in words for kind in kinds):
                continue
            values: list[list[Any]] = [select(row, field.below) for row in rows]
            if all(map(_measures, values)) and len({type(one[0]).__name__ for one in values}) == 1:
                top = best(values)
                if values.count(top) == 1:
                    yield values.index(top)


def _measures(value: list[Any]) -> bool:
    """Whether this is one value of those that have an order: whole numbers, times (RFC 3339)."""
    if len(value) != 1:
        return False
    return type(value[0]) is int or (isinstance(value[0], str) and bool(_TIME.match(value[0])))


_TIME: Final = re.compile(r"\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d|$)")


def _texts(row: object) -> list[str]:
    """The texts that stand in a row itself."""
    members = cast("dict[str, object]", row).values() if isinstance(row, dict) else (row,)
    return [value for value in members if isinstance(value, str)]
